//! BSD syslog (RFC 3164) as it comes: nothing in it is mandatory.

use std::net::Ipv6Addr;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, u32 as number};
use nom::combinator::{eof, opt, peek, verify};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::{Policy, Year};
use crate::message::{Malformed, Message, Protocol};
use crate::timestamp::{Civil, Timestamp, TimestampError};

/// What follows the PRI: timestamp, host and tag as far as they are there.
pub(super) fn parse<'a>(rest: &'a [u8], received: Timestamp, policy: &Policy) -> Message<'a> {
    let mut message = Message::bare(Protocol::Rfc3164, rest);
    let content = rest.trim_ascii_start();
    let content = without_sequence(content).unwrap_or(content);
    let after = match timestamp(content, received, policy) {
        Ok((time, after)) => {
            message.timestamp = Some(time);
            host(&mut message, after)
        }
        Err(Some(error)) => {
            message.error = Some(Malformed::Timestamp(error));
            return message;
        }
        Err(None) => content,
    };
    if let Ok((text, (name, id))) = label(after) {
        message.appname = std::str::from_utf8(name).ok();
        message.procid = id.and_then(|id| std::str::from_utf8(id).ok());
        message.message = text;
    } else if message.timestamp.is_some() {
        message.message = after;
    } else {
        message.error = Some(Malformed::NoTimestamp);
    }
    message
}

/// The timestamp and what follows it. `Err(None)`: this is not one; `Err(Some)`: it is a bad one.
fn timestamp<'a>(
    content: &'a [u8],
    received: Timestamp,
    policy: &Policy,
) -> Result<(Timestamp, &'a [u8]), Option<TimestampError>> {
    if content.len() > 10 && content[0].is_ascii_digit() && content[4] == b'-' && content[7] == b'-'
    {
        let end = memchr::memchr(b' ', content).unwrap_or(content.len());
        let text = content[..end].strip_suffix(b":").unwrap_or(&content[..end]);
        return Ok((Timestamp::parse(text)?, content[end..].trim_ascii_start()));
    }
    // Cisco marks a clock that was never set, or is not in step, by a star or a point.
    let marked = content.strip_prefix(b"*").or_else(|| content.strip_prefix(b"."));
    let (after, date) = date(marked.unwrap_or(content)).map_err(|_| None)?;
    let time = match (date.year, policy.year) {
        (Some(year), _) | (None, Year::Fixed(year)) => {
            date.in_year(year).at_offset(policy.utc_offset_seconds)?
        }
        (None, Year::FromReception) => latest(&date, received, policy)?,
    };
    Ok((time, after.trim_ascii_start()))
}

/// `Mmm dd [yyyy] hh:mm:ss[.fraction] [yyyy]`, without a zone.
struct Date {
    month: u32,
    day: u32,
    second_of_day: u32,
    nanosecond: u32,
    year: Option<i32>,
}

impl Date {
    fn in_year(&self, year: i32) -> Civil {
        let Self { month, day, second_of_day, nanosecond, .. } = *self;
        Civil { year, month, day, second_of_day, nanosecond }
    }
}

/// See [`Year::FromReception`]. Looks back eight years at most, enough to find a 29 February.
fn latest(date: &Date, received: Timestamp, policy: &Policy) -> Result<Timestamp, TimestampError> {
    let bound = received.unix_ns().saturating_add(86_400_000_000_000);
    let newest = received.civil().year + 1;
    (newest - 8..=newest)
        .rev()
        .filter_map(|year| date.in_year(year).at_offset(policy.utc_offset_seconds).ok())
        .find(|time| time.unix_ns() <= bound)
        .ok_or(TimestampError::Range)
}

fn date(input: &[u8]) -> IResult<&[u8], Date> {
    let (input, month) = month(input)?;
    let (input, day) = preceded(spaces, two_digits).parse(input)?;
    let (input, early) = opt(preceded(spaces, year)).parse(input)?;
    let (input, hour) = preceded(spaces, verify(two_digits, |&hour| hour < 24)).parse(input)?;
    let (input, minute) = preceded(char(':'), verify(two_digits, |&n| n < 60)).parse(input)?;
    let (input, second) = preceded(char(':'), verify(two_digits, |&n| n < 61)).parse(input)?;
    let (input, fraction) = opt(preceded(char('.'), digits)).parse(input)?;
    let (input, late) = opt(preceded(spaces, year)).parse(input)?;
    let (input, _) = opt(zone_name).parse(input)?;
    let (input, _) = opt(char(':')).parse(input)?;
    let (input, _) = alt((tag(&b" "[..]), eof)).parse(input)?;
    let nanosecond = fraction.map_or(0, |digits: &[u8]| {
        (0..9).fold(0, |n, at| n * 10 + digits.get(at).map_or(0, |d| u32::from(d - b'0')))
    });
    let second_of_day = hour * 3600 + minute * 60 + second;
    Ok((input, Date { month, day, second_of_day, nanosecond, year: early.or(late) }))
}

/// ` UTC` or another zone by its letters, right before the colon that ends the time. Which offset is meant
/// only the policy knows; `UTC` and the policy's default agree.
fn zone_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let letters = take_while_m_n(3, 5, |byte: u8| byte.is_ascii_uppercase());
    delimited(char(' '), letters, peek(char(':'))).parse(input)
}

/// What follows `sequence: `, `host: ` and `sequence: host: ` of Cisco's IOS, if a time or a message's
/// `%FACILITY-SEVERITY-MNEMONIC` does.
fn without_sequence(content: &[u8]) -> Option<&[u8]> {
    let begins = |after: &[u8]| {
        let marked = after.strip_prefix(b"*").or_else(|| after.strip_prefix(b".")).unwrap_or(after);
        date(marked).is_ok() || after.starts_with(b"%")
    };
    let mut after = content;
    for _ in 0..3 {
        let end = memchr::memmem::find(after, b": ")?;
        let word = &after[..end];
        let digits = word.iter().all(u8::is_ascii_digit) && (1..=12).contains(&end);
        if !digits {
            return None;
        }
        after = after[end + 2..].trim_ascii_start();
        if begins(after) {
            return Some(after);
        }
    }
    None
}

fn month(input: &[u8]) -> IResult<&[u8], u32> {
    let (rest, name) = take_while_m_n(3, 3, |byte: u8| byte.is_ascii_alphabetic()).parse(input)?;
    match MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name)) {
        Some(index) => Ok((rest, index as u32 + 1)),
        None => Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Tag))),
    }
}

fn spaces(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(|byte| byte == b' ').parse(input)
}

fn digits(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(|byte: u8| byte.is_ascii_digit()).parse(input)
}

fn two_digits(input: &[u8]) -> IResult<&[u8], u32> {
    let (rest, digits) = take_while_m_n(1, 2, |byte: u8| byte.is_ascii_digit()).parse(input)?;
    let (_, number) = number(digits)?;
    Ok((rest, number))
}

fn year(input: &[u8]) -> IResult<&[u8], i32> {
    let four = take_while_m_n(4, 4, |byte: u8| byte.is_ascii_digit());
    let (rest, digits) =
        terminated(four, peek(alt((tag(&b" "[..]), tag(&b":"[..]), eof)))).parse(input)?;
    let (_, year) = verify(number, |year| (1970..2100).contains(year)).parse(digits)?;
    Ok((rest, year as i32))
}

/// Takes the host if the next word is one, and gives what follows. A word that ends in a colon or
/// carries a process number is a tag, unless it is an IPv6 address.
fn host<'a>(message: &mut Message<'a>, after: &'a [u8]) -> &'a [u8] {
    let end = memchr::memchr(b' ', after).unwrap_or(after.len());
    let Ok(word) = std::str::from_utf8(&after[..end]) else { return after };
    let like_a_host = |c: char| c.is_alphanumeric() || "-._:@/".contains(c);
    let like_a_tag = word.ends_with(':') || label(after).is_ok();
    if word.is_empty()
        || !word.chars().all(like_a_host)
        || (like_a_tag && word.parse::<Ipv6Addr>().is_err())
    {
        return after;
    }
    message.hostname = Some(word);
    after[end..].trim_ascii_start()
}

/// A tag and the process in brackets behind it.
type Label<'a> = (&'a [u8], Option<&'a [u8]>);

/// `tag: `, `tag:` or `tag[pid]:`, and the text behind it. The tag holds a letter, so that a time
/// of day or a sequence number is none; `scheme://` and `tag::` are none either.
fn label(input: &[u8]) -> IResult<&[u8], Label<'_>> {
    let name = take_while_m_n(1, LONGEST_TAG, |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-_./()%@+#$*".contains(&byte) || byte >= 0x80
    });
    let name = verify(name, |name: &[u8]| {
        name.iter().any(u8::is_ascii_alphabetic) && std::str::from_utf8(name).is_ok()
    });
    let process = delimited(
        char('['),
        take_while(|byte: u8| byte.is_ascii_graphic() && !b"[]\"=".contains(&byte)),
        char(']'),
    );
    let (input, (name, process)) = (name, opt(process)).parse(input)?;
    let (rest, colon) = opt(char(':')).parse(input)?;
    let ends = rest.first().is_none_or(|&byte| byte == b' ');
    let fits = match (colon, process) {
        (Some(_), _) => ends || !matches!(rest[0], b'/' | b':'),
        (None, Some(_)) => ends,
        (None, None) => false,
    };
    if !fits {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Verify)));
    }
    Ok((rest.strip_prefix(b" ").unwrap_or(rest), (name, process)))
}

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// RFC 3164 §5.3 says 32; senders go further.
const LONGEST_TAG: usize = 128;
