//! From a time as written to an instant: what it leaves out, policy and reception say.

use super::written::{Read, Stamp, plain, written};
use super::{Policy, Year};
use crate::timestamp::{Civil, Timestamp, TimestampError};

/// The time at the start of `input`, and what follows it and the colon some put behind it.
///
/// # Errors
/// When it is written like a time and is none, such as the thirtieth of February.
pub(super) fn stamp<'a>(
    input: &'a [u8],
    received: Timestamp,
    policy: &Policy,
) -> Result<Read<'a, Timestamp>, TimestampError> {
    let read = match plain(input) {
        None => written(input)?,
        read => read,
    };
    let Some((stamp, rest)) = read else { return Ok(None) };
    Ok(Some((stamp.resolve(received, policy)?, rest)))
}

/// Whether a time stands at the start.
pub(super) fn begins(input: &[u8]) -> bool {
    matches!(written(input), Ok(Some(_)))
}

impl Stamp {
    pub(super) fn resolve(
        &self,
        received: Timestamp,
        policy: &Policy,
    ) -> Result<Timestamp, TimestampError> {
        let east = self.zone.offset(policy.utc_offset_seconds);
        match (self.year, policy.year) {
            (Some(year), _) | (None, Year::Fixed(year)) => self.in_year(year).at_offset(east),
            (None, Year::FromReception) => self.latest(received, east),
        }
    }

    fn in_year(&self, year: i32) -> Civil {
        let Self { month, day, second_of_day, nanosecond, .. } = *self;
        Civil { year, month, day, second_of_day, nanosecond }
    }

    /// See [`Year::FromReception`]. Looks back eight years at most, enough to find a 29 February.
    fn latest(&self, received: Timestamp, east: i32) -> Result<Timestamp, TimestampError> {
        let bound = received.unix_ns().saturating_add(DAY_NS);
        // Near New Year it may be the year beside it, which is looked at as well.
        let year = 1970 + received.unix_ns().div_euclid(MEAN_YEAR_NS) as i32;
        let in_bounds = |year| {
            let time = self.in_year(year).at_offset(east).ok();
            time.filter(|time| time.unix_ns() <= bound)
        };
        match in_bounds(year) {
            // Far from New Year the next year is out of the question.
            Some(time) if time.unix_ns() > bound.saturating_sub(364 * DAY_NS) => Ok(time),
            this => in_bounds(year + 1)
                .or(this)
                .or_else(|| (1..=9).find_map(|back| in_bounds(year - back)))
                .ok_or(TimestampError::Range),
        }
    }
}

const DAY_NS: i64 = 86_400_000_000_000;

/// 365.2425 days.
const MEAN_YEAR_NS: i64 = 31_556_952_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::zone::Zone;

    fn read(text: &str) -> (String, &str) {
        let received = Timestamp::parse(b"2026-12-01T00:00:00Z").unwrap();
        let (time, rest) =
            stamp(text.as_bytes(), received, &Policy::default()).unwrap().expect(text);
        (time.to_string(), std::str::from_utf8(rest).unwrap())
    }

    #[test]
    fn every_form() {
        for (text, time) in [
            ("Oct 11 22:14:15 x", "2026-10-11T22:14:15.000000000Z"),
            ("OCT  1 22:14:15 x", "2026-10-01T22:14:15.000000000Z"),
            ("oct 01 2:14:15: x", "2026-10-01T02:14:15.000000000Z"),
            ("Oct 11 2009 22:14:15 x", "2009-10-11T22:14:15.000000000Z"),
            ("Oct 11 22:14:15 2009 x", "2009-10-11T22:14:15.000000000Z"),
            ("Oct 11 2009 22:14:15: x", "2009-10-11T22:14:15.000000000Z"),
            ("Sun Oct 11 22:14:15 2009 x", "2009-10-11T22:14:15.000000000Z"),
            ("Oct 11 22:14:15.123 x", "2026-10-11T22:14:15.123000000Z"),
            ("Oct 11 22:14:15,123456 x", "2026-10-11T22:14:15.123456000Z"),
            ("Oct 11 22:14:15.123 UTC: x", "2026-10-11T22:14:15.123000000Z"),
            ("Oct 11 22:14:15 EDT: x", "2026-10-12T02:14:15.000000000Z"),
            ("Oct 11 2009 22:14:15+01:00 x", "2009-10-11T21:14:15.000000000Z"),
            ("Oct 11 22:14:15 +0100 2009 x", "2009-10-11T21:14:15.000000000Z"),
            ("Aug 24 05:34:00 CST 1987 x", "1987-08-24T11:34:00.000000000Z"),
            ("1990 Oct 22 10:52:01 TZ-6 x", "1990-10-22T16:52:01.000000000Z"),
            ("2017 Mar 21 13:14:15 UTC: x", "2017-03-21T13:14:15.000000000Z"),
            ("*Oct 11 22:14:15.007: x", "2026-10-11T22:14:15.007000000Z"),
            (".Oct 11 22:14:15.007 XYZ: %A", "2026-10-11T22:14:15.007000000Z"),
            ("2010-08-30T23:00:05Z x", "2010-08-30T23:00:05.000000000Z"),
            ("2010-08-30t23:00:05.5-07:00 x", "2010-08-31T06:00:05.500000000Z"),
            ("2010-08-30T23:00:05+0200 x", "2010-08-30T21:00:05.000000000Z"),
            ("2010-08-30 23:00:05 x", "2010-08-30T23:00:05.000000000Z"),
            ("2010-08-30 23:00:05,250 x", "2010-08-30T23:00:05.250000000Z"),
            ("2010-08-30 23:00:05 +0200 x", "2010-08-30T21:00:05.000000000Z"),
            ("2010-08-30 23:00:05.5 +0000 UTC x", "2010-08-30T23:00:05.500000000Z"),
            ("2010/08/30 23:00:05 x", "2010-08-30T23:00:05.000000000Z"),
            ("2010/08/30:23:00:05 GMT x", "2010-08-30T23:00:05.000000000Z"),
            ("30 Aug 2010 23:00:05 x", "2010-08-30T23:00:05.000000000Z"),
            ("05/21/2017:00:00:00 GMT x", "2017-05-21T00:00:00.000000000Z"),
            ("21/05/2017:00:00:00 x", "2017-05-21T00:00:00.000000000Z"),
        ] {
            let rest = if text.ends_with("%A") { "%A" } else { "x" };
            assert_eq!(read(text), (time.to_owned(), rest), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_year_is_the_latest_in_bounds(
            received in i64::MIN / 2..i64::MAX / 2, days_off in -400i64..400, new_year: bool
        ) {
            // Half of them around New Year, where one year passes into another.
            let year = MEAN_YEAR_NS * (received / MEAN_YEAR_NS);
            let received = if new_year { year + received % (3 * DAY_NS) } else { received };
            let days_off = if new_year { days_off % 4 } else { days_off };
            let shown = Timestamp::from_unix_ns(received + days_off * DAY_NS).civil();
            let Civil { month, day, second_of_day, .. } = shown;
            let stamp =
                Stamp { year: None, month, day, second_of_day, nanosecond: 0, zone: Zone::Unsaid };
            let received = Timestamp::from_unix_ns(received);
            let year = received.civil().year;
            let latest = (year - 9..=year + 1)
                .filter_map(|year| stamp.in_year(year).at_offset(0).ok())
                .rfind(|time| time.unix_ns() <= received.unix_ns() + DAY_NS);
            proptest::prop_assert_eq!(stamp.latest(received, 0).ok(), latest);
        }
    }

    #[test]
    fn a_word_behind_the_time_stays() {
        assert_eq!(read("Oct 11 22:14:15 MSK x").1, "MSK x");
        assert_eq!(read("Oct 11 22:14:15 gmt x").1, "gmt x");
        assert_eq!(read("Oct 11 22:14:15 CRON: x").1, "CRON: x");
        assert_eq!(read("Oct 11 22:14:15 TAG x").1, "TAG x");
        assert_eq!(read("Oct 11 22:14:15 2009x y").1, "2009x y");
        assert_eq!(read("Oct 11 22:14:15 -x").1, "-x");
    }

    #[test]
    fn no_such_time() {
        let received = Timestamp::default();
        for text in
            ["Feb 30 10:00:00 x", "Feb 1 24:00:00 x", "Feb 0 10:00:00", "2010-13-01 1:00:00"]
        {
            let bad = stamp(text.as_bytes(), received, &Policy::default());
            assert_eq!(bad, Err(TimestampError::Range), "{text}");
        }
    }
}
