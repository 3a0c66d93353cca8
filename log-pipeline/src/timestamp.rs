//! Instants as Unix nanoseconds, read and written in RFC 3339 (RFC 5424 §6.2.3).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970-01-01T00:00:00Z; years 1678 to 2261.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// A date and time of day without a zone, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, for example 2026.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Second of the day, 0 to 86,400: a leap second counts as the first of the next minute.
    pub second_of_day: u32,
    /// Nanosecond within the second.
    pub nanosecond: u32,
}

/// Why bytes are not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// Not of the form `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`.
    #[error("not an RFC 3339 timestamp")]
    Form,
    /// A field is out of its range, such as the thirtieth of February.
    #[error("no such date or time")]
    Range,
    /// The instant does not fit 64 bits of nanoseconds.
    #[error("outside the years 1678 to 2261")]
    Unrepresentable,
}

impl TimestampError {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Range => "range",
            Self::Unrepresentable => "unrepresentable",
        }
    }
}

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_unix_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the epoch.
    pub const fn unix_ns(self) -> i64 {
        self.0
    }

    /// What the system's clock says now. Only shells ask; the cores take a `Timestamp`.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Reads a whole RFC 3339 timestamp. More than the six digits of fraction RFC 5424 permits are
    /// taken, past nine they are ignored; `t` and `z` may be lower case; second 60 is the first of
    /// the next minute.
    ///
    /// # Errors
    /// [`TimestampError`] when the bytes are anything else. Never allocates.
    pub fn parse(text: &[u8]) -> Result<Self, TimestampError> {
        let (head, tail) = text.split_first_chunk::<19>().ok_or(TimestampError::Form)?;
        let [
            y1,
            y2,
            y3,
            y4,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T' | b't',
            h1,
            h2,
            b':',
            n1,
            n2,
            b':',
            s1,
            s2,
        ] = *head
        else {
            return Err(TimestampError::Form);
        };
        let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
        let (month, day) = (pair(m1, m2)?, pair(d1, d2)?);
        let (hour, minute, second) = (pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?);
        let year = year as i32;
        let (nanosecond, zone) = fraction(tail)?;
        let offset_seconds = offset(zone)?;
        if hour > 23 || minute > 59 || second > 60 {
            return Err(TimestampError::Range);
        }
        let second_of_day = hour * 3600 + minute * 60 + second;
        Civil { year, month, day, second_of_day, nanosecond }.at_offset(offset_seconds)
    }

    /// The UTC calendar fields.
    pub fn civil(self) -> Civil {
        let (second, nanosecond) = (self.0.div_euclid(NS), self.0.rem_euclid(NS));
        let (day, second_of_day) = (second.div_euclid(86_400), second.rem_euclid(86_400));
        let (year, month, day) = date_of(day);
        Civil {
            year,
            month,
            day,
            second_of_day: second_of_day as u32,
            nanosecond: nanosecond as u32,
        }
    }

    /// RFC 3339 in UTC with exactly six digits of fraction, the most RFC 5424 allows; nanoseconds
    /// below a microsecond are cut.
    pub fn rfc5424(self) -> impl fmt::Display {
        Micros(self)
    }
}

impl Civil {
    /// The instant these fields name `offset_seconds` east of UTC.
    ///
    /// # Errors
    /// [`TimestampError::Range`] for a date that does not exist, `Unrepresentable` out of range.
    pub fn at_offset(self, offset_seconds: i32) -> Result<Timestamp, TimestampError> {
        if !(1..=12).contains(&self.month)
            || self.day == 0
            || self.day > month_length(self.year, self.month)
            || self.second_of_day > 86_400
        {
            return Err(TimestampError::Range);
        }
        let second = day_of(self.year, self.month, self.day) * 86_400
            + i64::from(self.second_of_day)
            - i64::from(offset_seconds);
        second
            .checked_mul(NS)
            .and_then(|ns| ns.checked_add(i64::from(self.nanosecond)))
            .map(Timestamp)
            .ok_or(TimestampError::Unrepresentable)
    }
}

/// RFC 3339 in UTC, with nine digits of fraction.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        write_seconds(civil, f)?;
        write!(f, ".{:09}Z", civil.nanosecond)
    }
}

struct Micros(Timestamp);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.0.civil();
        write_seconds(civil, f)?;
        write!(f, ".{:06}Z", civil.nanosecond / 1000)
    }
}

fn write_seconds(civil: Civil, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Civil { year, month, day, second_of_day: s, .. } = civil;
    let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

fn pair(tens: u8, ones: u8) -> Result<u32, TimestampError> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        return Err(TimestampError::Form);
    }
    Ok(u32::from(tens * 10 + ones))
}

/// Nanoseconds of `.fraction` if there is one, and what follows it.
fn fraction(tail: &[u8]) -> Result<(u32, &[u8]), TimestampError> {
    let Some(mut rest) = tail.strip_prefix(b".") else { return Ok((0, tail)) };
    let length = rest.len();
    let (mut nanosecond, mut unit) = (0, 100_000_000);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        nanosecond += u32::from(digit - b'0') * unit;
        unit /= 10;
        rest = after;
    }
    if rest.len() == length { Err(TimestampError::Form) } else { Ok((nanosecond, rest)) }
}

/// Seconds east of UTC.
fn offset(zone: &[u8]) -> Result<i32, TimestampError> {
    match zone {
        [b'Z' | b'z'] => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(*h1, *h2)?, pair(*m1, *m2)?);
            if hours > 23 || minutes > 59 {
                return Err(TimestampError::Range);
            }
            let seconds = (hours * 3600 + minutes * 60) as i32;
            Ok(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(TimestampError::Form),
    }
}

fn month_length(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so
/// that the leap day is the last of its year and a month's start is a linear formula.
fn day_of(year: i32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_IN_ERA + day_of_era - EPOCH_IN_ERAS
}

/// The inverse of [`day_of`].
fn date_of(day: i64) -> (i32, u32, u32) {
    let day = day + EPOCH_IN_ERAS;
    let (era, day_of_era) = (day.div_euclid(DAYS_IN_ERA), day.rem_euclid(DAYS_IN_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year as i32, month as u32, day as u32)
}

const NS: i64 = 1_000_000_000;
const DAYS_IN_ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_IN_ERAS: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc5424_examples() {
        for (text, ns) in [
            ("1985-04-12T23:20:50.52Z", 482_196_050_520_000_000),
            ("1985-04-12T19:20:50.52-04:00", 482_196_050_520_000_000),
            ("2003-10-11T22:14:15.003Z", 1_065_910_455_003_000_000),
            ("2003-08-24T05:14:15.000003-07:00", 1_061_727_255_000_003_000),
            ("2003-08-24T05:14:15.000000003-07:00", 1_061_727_255_000_000_003),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
            ("1969-12-31t23:59:59.5z", -500_000_000),
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), Ok(Timestamp(ns)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        use TimestampError::{Form, Range, Unrepresentable};
        for (text, error) in [
            ("", Form),
            ("2003-10-11T22:14:15", Form),
            ("2003-10-11 22:14:15Z", Form),
            ("2003-10-11T22:14:15.Z", Form),
            ("2003-10-11T22:14:15+0200", Form),
            ("2003-13-11T22:14:15Z", Range),
            ("2003-02-29T22:14:15Z", Range),
            ("2003-10-11T24:14:15Z", Range),
            ("2003-10-11T22:14:61Z", Range),
            ("2003-10-11T22:14:15+24:00", Range),
            ("9999-10-11T22:14:15Z", Unrepresentable),
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for number in day_of(1600, 1, 1)..day_of(2400, 1, 1) {
            assert_eq!(day_of(year, month, day), number);
            assert_eq!(date_of(number), (year, month, day));
            day += 1;
            if day > month_length(year, month) {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    proptest! {
        #[test]
        fn written_times_are_read_back(ns: i64) {
            let time = Timestamp(ns);
            prop_assert_eq!(Timestamp::parse(time.to_string().as_bytes()), Ok(time));
            let micros = Timestamp(ns.div_euclid(1000).saturating_mul(1000));
            prop_assume!(micros.0 % 1000 == 0);
            prop_assert_eq!(Timestamp::parse(time.rfc5424().to_string().as_bytes()), Ok(micros));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Timestamp::parse(&bytes);
        }
    }
}
