//! BSD syslog (RFC 3164) as it comes: nothing in it is mandatory.

use super::bytes::{skip_spaces, word_end};
use super::cisco::preamble;
use super::stamp::stamp;
use super::tag::{Tagged, host, snare, tagged};
use super::{Policy, pairs};
use crate::message::{Malformed, Message, Protocol};
use crate::pri::{Pri, Severity};
use crate::timestamp::Timestamp;

/// What follows the PRI: time, host and tag as far as they are there.
pub(super) fn parse<'a>(
    pri: Option<Pri>,
    rest: &'a [u8],
    received: Timestamp,
    policy: &Policy,
) -> Message<'a> {
    let mut message = Message { pri, ..Message::bare(Protocol::Rfc3164, rest) };
    if let Err(error) = read(&mut message, skip_spaces(rest), received, policy) {
        message = Message { pri, error: Some(error), ..Message::bare(Protocol::Rfc3164, rest) };
    }
    message
}

/// Formats that stand on their own without PRI and time: Snare's Windows events, a JSON object.
pub(super) fn alone(frame: &[u8]) -> Option<Message<'_>> {
    let mut message = Message::bare(Protocol::Rfc3164, frame);
    headless(&mut message, frame)?;
    Some(message)
}

fn read<'a>(
    message: &mut Message<'a>,
    content: &'a [u8],
    received: Timestamp,
    policy: &Policy,
) -> Result<(), Malformed> {
    let mut time = stamp(content, received, policy).map_err(Malformed::Timestamp)?;
    let mut after = content;
    if time.is_none() {
        if let Some(meraki) = epoch(content) {
            time = Some(meraki);
        } else if let Some(preamble) = preamble(content) {
            message.hostname = preamble.origin;
            after = preamble.rest;
            time = stamp(after, received, policy).map_err(Malformed::Timestamp)?;
        }
    }
    if let Some((time, rest)) = time {
        message.timestamp = Some(time);
        after = sender(message, rest);
    }
    if let Some(tagged) = tagged(after).or_else(|| severity_word(after)) {
        message.appname = Some(tagged.tag);
        message.procid = tagged.process;
        message.message = tagged.text;
    } else if message.timestamp.is_some() || message.hostname.is_some() {
        message.message = after;
    } else if let Some((stamp, host)) = pairs::header(content) {
        message.timestamp = Some(stamp.resolve(received, policy).map_err(Malformed::Timestamp)?);
        message.hostname = host;
    } else {
        headless(message, content).ok_or(Malformed::NoTimestamp)?;
    }
    Ok(())
}

/// The host and what else may stand between time and tag; gives what follows.
fn sender<'a>(message: &mut Message<'a>, after: &'a [u8]) -> &'a [u8] {
    let after = forwarded(message, after);
    let after = priority_words(message, after);
    let after = match host(after) {
        Some((name, rest)) if message.hostname.is_none() => {
            message.hostname = name;
            rest
        }
        _ => after,
    };
    let after = priority_words(message, after);
    // A colon on its own ends the header, for example of ASA.
    match after {
        [b':'] => &[],
        [b':', b' ', rest @ ..] => skip_spaces(rest),
        _ => after,
    }
}

/// `Message forwarded from host: ` of AIX.
fn forwarded<'a>(message: &mut Message<'a>, after: &'a [u8]) -> &'a [u8] {
    let from = after.strip_prefix(b"Message forwarded from ");
    let Some(from) = from.or_else(|| after.strip_prefix(b"Forwarded from ")) else { return after };
    match memchr::memmem::find(from, b": ") {
        Some(end) if word_end(from) == end + 1 => {
            message.hostname = std::str::from_utf8(&from[..end]).ok();
            &from[end + 2..]
        }
        _ => after,
    }
}

/// `daemon.info `, which BusyBox and others write into files instead of a PRI.
fn priority_words<'a>(message: &mut Message<'a>, after: &'a [u8]) -> &'a [u8] {
    if message.pri.is_some() {
        return after;
    }
    let end = word_end(after);
    let Some(pri) = std::str::from_utf8(&after[..end]).ok().and_then(Pri::from_names) else {
        return after;
    };
    message.pri = Some(pri);
    skip_spaces(&after[end..])
}

/// `info tmm[1234]: ` of F5: the severity once more, before a tag.
fn severity_word(after: &[u8]) -> Option<Tagged<'_>> {
    let end = word_end(&after[..after.len().min(8)]);
    Severity::from_name(std::str::from_utf8(&after[..end]).ok()?)?;
    tagged(after[end..].strip_prefix(b" ")?).filter(|tagged| tagged.process.is_some())
}

/// `1 1611234567.123456789 ` of Meraki: a version that is none, and Unix seconds.
fn epoch(content: &[u8]) -> Option<(Timestamp, &[u8])> {
    let rest = content.strip_prefix(b"1 ")?;
    let (seconds, fraction) = rest[..word_end(rest)].split_at_checked(10)?;
    let mut ns: i64 = 0;
    let places = fraction.strip_prefix(b".")?.iter().chain(std::iter::repeat(&b'0')).take(9);
    for digit in seconds.iter().chain(places) {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        ns = ns.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    Some((Timestamp::from_unix_ns(ns), skip_spaces(&rest[word_end(rest)..])))
}

/// Reads what needs no header: an event of Snare, or an object, which may say when it happened.
fn headless<'a>(message: &mut Message<'a>, content: &'a [u8]) -> Option<()> {
    if let Some((host, event)) = snare(content) {
        message.hostname = host;
        message.appname = Some(event.tag);
        message.message = event.text;
    } else {
        message.timestamp = message.payload()?.timestamp();
    }
    Some(())
}
