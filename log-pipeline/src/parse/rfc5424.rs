//! The syslog protocol (RFC 5424 §6).

use super::bytes::space;
use crate::message::{Malformed, Message, Protocol};
use crate::pri::Pri;
use crate::structured_data::{StructuredData, StructuredDataError};
use crate::timestamp::{Timestamp, TimestampError};

/// VERSION and the length of it with its space, when the bytes after PRI begin like RFC 5424: a
/// number of up to three digits, a space, and a NILVALUE or something with the dashes of a date. A
/// BSD message may well begin with a number and a space. Some senders put a space before it.
pub(super) fn version(rest: &[u8]) -> Option<(u16, usize)> {
    let start = usize::from(rest.first() == Some(&b' '));
    let (mut number, mut end) = (0, start);
    while let Some(digit @ b'0'..=b'9') = rest.get(end) {
        number = number * 10 + u16::from(digit - b'0');
        end += 1;
        if end > start + 3 {
            return None;
        }
    }
    if end == start || rest[start] == b'0' {
        return None;
    }
    let like_a_timestamp =
        matches!(rest.get(end..)?, [b' ', b'-', b' ', ..] | [b' ', b'0'..=b'9', _, _, _, b'-', ..]);
    like_a_timestamp.then_some((number, end + 1))
}

/// The rest of a message after `<PRI>VERSION SP`. Fields longer than §6 allows are taken whole.
pub(super) fn parse(pri: Option<Pri>, version: u16, rest: &[u8]) -> Message<'_> {
    let version = Some(version);
    let mut message = Message { pri, version, ..Message::bare(Protocol::Rfc5424, rest) };
    message.error = header(&mut message).err();
    message
}

/// Reads on; `message.message` always begins at the first byte not yet understood.
fn header(message: &mut Message<'_>) -> Result<(), Malformed> {
    if let Some(after) = message.message.strip_prefix(b"- ") {
        message.message = after;
    } else {
        let end = space(message.message).filter(|&end| end > 0).ok_or(Malformed::Header)?;
        let (text, after) = message.message.split_at(end);
        message.timestamp = Some(timestamp(text).map_err(Malformed::Timestamp)?);
        message.message = &after[1..];
    }
    names(message)?;
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

/// HOSTNAME to MSGID: each to the next space, then all of them checked for UTF-8 at once.
fn names(message: &mut Message<'_>) -> Result<(), Malformed> {
    let rest = message.message;
    let (mut ends, mut found, mut at) = ([0; 4], 0, 0);
    for end in &mut ends {
        match rest.get(at..).and_then(space) {
            None | Some(0) => break,
            Some(length) => *end = at + length,
        }
        at = *end + 1;
        found += 1;
    }
    let header = rest.get(..at).unwrap_or(rest);
    let text = std::str::from_utf8(header).or_else(|bad| {
        // The fields before the first bad byte are read all the same.
        std::str::from_utf8(&header[..bad.valid_up_to()])
    });
    let text = text.map_err(|_| Malformed::Header)?;
    let Message { hostname, appname, procid, msgid, .. } = message;
    let mut start = 0;
    for (field, end) in [hostname, appname, procid, msgid].into_iter().zip(ends).take(found) {
        let name = text.get(start..end).filter(|_| end < text.len());
        let Some(name) = name else { break };
        *field = (name != "-").then_some(name);
        start = end + 1;
    }
    message.message = &rest[start.min(rest.len())..];
    if found == ends.len() && start == at { Ok(()) } else { Err(Malformed::Header) }
}

/// TIMESTAMP. An offset without its colon, which §6.2.3 does not know, can mean one thing only.
fn timestamp(text: &[u8]) -> Result<Timestamp, TimestampError> {
    let error = match Timestamp::parse(text) {
        Err(TimestampError::Form) => TimestampError::Form,
        read => return read,
    };
    let [start @ .., sign @ (b'+' | b'-'), h1, h2, m1, m2] = text else { return Err(error) };
    let mut mended = [0; LONGEST_TIMESTAMP];
    let room = mended.get_mut(..text.len() + 1).ok_or(error)?;
    room[..start.len()].copy_from_slice(start);
    room[start.len()..].copy_from_slice(&[*sign, *h1, *h2, b':', *m1, *m2]);
    Timestamp::parse(room)
}

/// With nine digits of fraction and an offset, and as many again.
const LONGEST_TIMESTAMP: usize = 64;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
