//! The syslog protocol (RFC 5424 §6).

use memchr::memchr;

use crate::message::{Malformed, Message, Protocol};
use crate::structured_data::{StructuredData, StructuredDataError};
use crate::timestamp::Timestamp;

/// VERSION and the length of it with its space, when the bytes after PRI begin like RFC 5424: a
/// number of up to three digits, a space, and a NILVALUE or something with the dashes of a date. A
/// BSD message may well begin with a number and a space.
pub(super) fn version(rest: &[u8]) -> Option<(u16, usize)> {
    let length = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=3).contains(&length) || rest[0] == b'0' || rest.get(length) != Some(&b' ') {
        return None;
    }
    let after = &rest[length + 1..];
    let like_a_date = after.get(4) == Some(&b'-') && after[0].is_ascii_digit();
    if !after.starts_with(b"- ") && !like_a_date {
        return None;
    }
    let number = rest[..length].iter().fold(0, |n, byte| n * 10 + u16::from(byte - b'0'));
    Some((number, length + 1))
}

/// The rest of a message after `<PRI>VERSION SP`. Fields longer than §6 allows are taken whole.
pub(super) fn parse(version: u16, rest: &[u8]) -> Message<'_> {
    let mut message = Message { version: Some(version), ..Message::bare(Protocol::Rfc5424, rest) };
    message.error = header(&mut message).err();
    message
}

/// Reads on; `message.message` always begins at the first byte not yet understood.
fn header(message: &mut Message<'_>) -> Result<(), Malformed> {
    let (timestamp, rest) = field(message.message)?;
    if timestamp != b"-" {
        message.timestamp = Some(Timestamp::parse(timestamp).map_err(Malformed::Timestamp)?);
    }
    message.message = rest;
    message.hostname = text(&mut message.message)?;
    message.appname = text(&mut message.message)?;
    message.procid = text(&mut message.message)?;
    message.msgid = text(&mut message.message)?;
    let (data, length) =
        StructuredData::parse(message.message).map_err(Malformed::StructuredData)?;
    let rest = match &message.message[length..] {
        [] => &[][..],
        [b' ', text @ ..] => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
        _ => {
            return Err(Malformed::StructuredData(StructuredDataError::Name));
        }
    };
    message.structured_data = data;
    message.message = rest;
    Ok(())
}

/// The bytes up to the next space, and what follows it.
fn field(rest: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    match memchr(b' ', rest) {
        None | Some(0) => Err(Malformed::Header),
        Some(at) => Ok((&rest[..at], &rest[at + 1..])),
    }
}

fn text<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a str>, Malformed> {
    let (bytes, after) = field(rest)?;
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Header)?;
    *rest = after;
    Ok((text != "-").then_some(text))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
