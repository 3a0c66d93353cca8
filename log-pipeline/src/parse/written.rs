//! The forms in which senders of BSD syslog write a time.

use super::bytes::{four_digits, short_number, skip_spaces, spaces, two_digits};
use super::zone::{Zone, ends, lettered, numeric};
use crate::timestamp::TimestampError;

/// A time as written, before policy and reception have said what it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Unless it is left out.
    pub(super) year: Option<i32>,
    /// 1 to 12.
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) second_of_day: u32,
    pub(super) nanosecond: u32,
    pub(super) zone: Zone,
}

/// What was read, and what follows it.
pub(super) type Read<'a, T> = Option<(T, &'a [u8])>;

/// The time at the start of `input` as it is written, and what follows it and the colon some put
/// behind it.
///
/// # Errors
/// When it looks like a date and has no time behind it.
pub(super) fn written(input: &[u8]) -> Result<Read<'_, Stamp>, TimestampError> {
    let read = match input {
        // Cisco marks a clock that was never set, or is not in step, by a star or a point.
        [b'*' | b'.', rest @ ..] => bsd(rest).or_else(|| year_first(rest)),
        [b'a'..=b'z' | b'A'..=b'Z', ..] => bsd(input).or_else(|| weekday(input).and_then(bsd)),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-' | b'/', ..] => {
            let like_a_date = matches!(input, [_, _, _, _, dash, b'0'..=b'9', b'0'..=b'9', again, ..]
                if dash == again);
            let read = iso(input);
            if read.is_none() && like_a_date {
                return Err(TimestampError::Form);
            }
            read
        }
        [b'0'..=b'9', b'0'..=b'9', b'/', ..] => slashed(input),
        [b'0'..=b'9', ..] => year_first(input).or_else(|| day_first(input)),
        _ => None,
    };
    Ok(read)
}

/// `Mmm dd hh:mm:ss ` to the letter of RFC 3164 §4.1.2, where what follows can be no part of a
/// time: what most messages begin with, in one step.
#[inline]
pub(super) fn plain(input: &[u8]) -> Read<'_, Stamp> {
    let (head, rest) = input.split_first_chunk::<16>()?;
    let [a, b, c, b' ', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2, b' '] = *head else {
        return None;
    };
    let zone_may_follow = matches!(rest, [_, _, _, b':', ..] | [_, _, _, _, b':', ..]);
    if zone_may_follow || !rest.first()?.is_ascii_lowercase() {
        return None;
    }
    let pair = |tens: u8, ones: u8| {
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| u32::from(tens * 10 + ones))
    };
    let month = month_of([a, b, c])?;
    let day = pair(if d1 == b' ' { b'0' } else { d1 }, d2)?;
    let (hour, minute, second) = (pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?);
    let second_of_day = second_of_day(hour, minute, second);
    let (year, nanosecond, zone) = (None, 0, Zone::Unsaid);
    Some((Stamp { year, month, day, second_of_day, nanosecond, zone }, rest))
}

/// `Mmm dd [yyyy] hh:mm:ss[.fraction]` and what [`tail`] knows.
fn bsd(input: &[u8]) -> Read<'_, Stamp> {
    let (month, rest) = month(input)?;
    let (day, rest) = short_number(spaces(rest)?)?;
    let rest = spaces(rest)?;
    let (year, rest) = match year(rest) {
        Some((year, rest)) => (Some(year), spaces(rest)?),
        None => (None, rest),
    };
    let (second_of_day, nanosecond, rest) = time_of_day(rest)?;
    let stamp = Stamp { year, month, day, second_of_day, nanosecond, zone: Zone::Unsaid };
    tail(stamp, rest)
}

/// `yyyy Mmm dd hh:mm:ss`, as NX-OS writes it and example 4 of RFC 3164 §5.4.
fn year_first(input: &[u8]) -> Read<'_, Stamp> {
    let (year, rest) = year(input)?;
    let (stamp, rest) = bsd(spaces(rest)?)?;
    Some((Stamp { year: Some(year), ..stamp }, rest))
}

/// `dd Mmm yyyy hh:mm:ss`.
fn day_first(input: &[u8]) -> Read<'_, Stamp> {
    let (day, rest) = short_number(input)?;
    let (month, rest) = month(spaces(rest)?)?;
    let (year, rest) = year(spaces(rest)?)?;
    let (second_of_day, nanosecond, rest) = time_of_day(spaces(rest)?)?;
    let year = Some(year);
    tail(Stamp { year, month, day, second_of_day, nanosecond, zone: Zone::Unsaid }, rest)
}

/// `yyyy-mm-ddThh:mm:ss[.fraction][zone]`, the date with dashes or slashes, a space or a colon for
/// the T.
fn iso(input: &[u8]) -> Read<'_, Stamp> {
    let (year, rest) = four_digits(input)?;
    let (&dash, rest) = rest.split_first()?;
    let (month, rest) = two_digits(rest)?;
    let (day, rest) = two_digits(rest.strip_prefix(&[dash])?)?;
    let (b'T' | b't' | b' ' | b':', rest) = rest.split_first()? else { return None };
    let (second_of_day, nanosecond, rest) = time_of_day(rest)?;
    let year = Some(year as i32);
    tail(Stamp { year, month, day, second_of_day, nanosecond, zone: Zone::Unsaid }, rest)
}

/// `yyyy-mm-dd` and `hh:mm:ss` that were found apart.
pub(super) fn dated(date: &[u8], time: &[u8], zone: Zone) -> Option<Stamp> {
    let (year, rest) = four_digits(date)?;
    let (month, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let (day, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let (second_of_day, nanosecond, after) = time_of_day(time)?;
    let whole = rest.is_empty() && after.is_empty();
    let year = Some(year as i32);
    whole.then_some(Stamp { year, month, day, second_of_day, nanosecond, zone })
}

/// `mm/dd/yyyy:hh:mm:ss` of NetScaler, which can be told to put the day first.
fn slashed(input: &[u8]) -> Read<'_, Stamp> {
    let (first, rest) = two_digits(input)?;
    let (second, rest) = two_digits(rest.strip_prefix(b"/")?)?;
    let (year, rest) = four_digits(rest.strip_prefix(b"/")?)?;
    let (b':' | b' ', rest) = rest.split_first()? else { return None };
    let (second_of_day, nanosecond, rest) = time_of_day(rest)?;
    let (month, day) = if first > 12 { (second, first) } else { (first, second) };
    let year = Some(year as i32);
    tail(Stamp { year, month, day, second_of_day, nanosecond, zone: Zone::Unsaid }, rest)
}

/// What may follow the time of day: a zone, a year, a zone and a year, and then a colon.
fn tail(mut stamp: Stamp, rest: &[u8]) -> Read<'_, Stamp> {
    let mut rest = match numeric(rest) {
        Some((zone, after)) => {
            stamp.zone = zone;
            after
        }
        None => rest,
    };
    // A letter or sign after the space is looked at, a digit only where a year fits.
    if let Some(after) = spaces(rest) {
        if stamp.zone == Zone::Unsaid
            && let Some((zone, after)) = spoken_zone(&stamp, after)
        {
            stamp.zone = zone;
            rest = after;
        }
        if stamp.year.is_none()
            && let Some((year, after)) = year(skip_spaces(rest))
            && !matches!(after, [b':', behind, ..] if !matches!(behind, b' ' | b'%'))
        {
            stamp.year = Some(year);
            rest = after;
        }
    }
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let whole = matches!(rest.first(), None | Some(b' ' | b'\t' | b'%'));
    whole.then_some((stamp, skip_spaces(rest)))
}

/// A zone after a space, where the next word may as well be a host or a tag: letters count where a
/// colon or a year follows, or where the time already has what RFC 3164 does not know; `UTC` and
/// `GMT` count always.
fn spoken_zone<'a>(stamp: &Stamp, after: &'a [u8]) -> Read<'a, Zone> {
    match after.first()? {
        b'+' | b'-' => {
            let (zone, rest) = numeric(after)?;
            // Go writes both: `+0000 UTC`.
            let repeated = lettered(skip_spaces(rest)).filter(|_| rest.first() == Some(&b' '));
            Some((zone, repeated.map_or(rest, |(_, rest)| rest)))
        }
        b'A'..=b'Z' | b'a'..=b'z' => {
            let Some((zone, rest)) = lettered(after) else {
                // Letters nobody knows, in the place where Cisco has a zone.
                let length = after.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
                let rest = &after[length..];
                let placed = (3..=5).contains(&length) && rest.starts_with(b": %");
                return placed.then_some((Zone::Unsaid, rest));
            };
            let sure = rest.first() == Some(&b':')
                || after.starts_with(b"UTC")
                || after.starts_with(b"GMT")
                || after.starts_with(b"TZ")
                || (after[0].is_ascii_uppercase()
                    && (stamp.year.is_some()
                        || stamp.nanosecond > 0
                        || year(skip_spaces(rest)).is_some()));
            sure.then_some((zone, rest))
        }
        _ => None,
    }
}

/// What is out of range is left to [`Civil::at_offset`], which knows the error.
///
/// [`Civil::at_offset`]: crate::timestamp::Civil::at_offset
fn second_of_day(hour: u32, minute: u32, second: u32) -> u32 {
    let inside = hour < 24 && minute < 60 && second < 61;
    if inside { hour * 3600 + minute * 60 + second } else { u32::MAX }
}

/// `hh:mm:ss` and a fraction, as second of the day and nanosecond.
fn time_of_day(input: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (hour, rest) = short_number(input)?;
    let (minute, rest) = two_digits(rest.strip_prefix(b":")?)?;
    let (second, rest) = two_digits(rest.strip_prefix(b":")?)?;
    let second_of_day = second_of_day(hour, minute, second);
    let [b'.' | b',', b'0'..=b'9', ..] = rest else { return Some((second_of_day, 0, rest)) };
    let (mut nanosecond, mut unit, mut rest) = (0, 100_000_000, &rest[1..]);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        nanosecond += u32::from(digit - b'0') * unit;
        unit /= 10;
        rest = after;
    }
    Some((second_of_day, nanosecond, rest))
}

/// A year on its own: 1970 to 2099, and a space, a colon or the end behind it.
fn year(input: &[u8]) -> Read<'_, i32> {
    let (year, rest) = four_digits(input)?;
    ((1970..2100).contains(&year) && ends(rest)).then_some((year as i32, rest))
}

fn month(input: &[u8]) -> Read<'_, u32> {
    let (name, rest) = input.split_first_chunk::<3>()?;
    Some((month_of(*name)?, rest))
}

fn month_of(name: [u8; 3]) -> Option<u32> {
    Some(match &name.map(|byte| byte | 0x20) {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

/// What follows `Fri ` or `Fri, `.
fn weekday(input: &[u8]) -> Option<&[u8]> {
    let (name, rest) = input.split_first_chunk::<3>()?;
    let known = matches!(
        &name.map(|byte| byte | 0x20),
        b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun"
    );
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    known.then(|| spaces(rest)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn one_step_and_many_agree(
            text in "(Jan|feb|DEC) [ 0-3][0-9] [0-2][0-9]:[0-6][0-9]:[0-6][0-9] [a-z2+]{1,4}[: ]{0,2}.{0,8}"
        ) {
            if let Some(read) = plain(text.as_bytes()) {
                proptest::prop_assert_eq!(written(text.as_bytes()), Ok(Some(read)));
            }
        }
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "O",
            "Oct",
            "Oct 11",
            "Oct 111 22:14:15",
            "Oct 11 22:14",
            "Oct 11 22:14:15x",
            "Octo 11 22:14:15",
            "Oct11 22:14:15",
            "1 2 3",
            "12:13:14",
            "2010 x",
            "20100830 x",
            "2010-x",
            "*",
            "05/21/2017",
            "99999",
            "Fri",
            "Fri x",
        ] {
            assert_eq!(written(text.as_bytes()), Ok(None), "{text}");
        }
        assert_eq!(written(b"2010-08-30 x"), Err(TimestampError::Form));
    }
}
