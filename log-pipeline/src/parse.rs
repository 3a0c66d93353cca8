//! From a frame to a [`Message`]: the grammar is detected per message, and none is refused.

mod bytes;
mod zone;
mod written;
mod stamp;
mod cisco;
mod pairs;
mod tag;
mod rfc3164;
mod rfc5424;

use crate::message::{Malformed, Message, Protocol};
use crate::pri::Pri;
use crate::timestamp::Timestamp;

/// What RFC 3164 leaves unsaid about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Seconds east of UTC at which senders keep the clocks whose zone they do not say. It also
    /// decides what `CST`, `EST`, `MST` and `PST` mean, unless it is 0: those of North America.
    pub utc_offset_seconds: i32,
    /// Which year a timestamp without one lies in.
    pub year: Year,
}

/// The year of a timestamp that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Year {
    /// The latest year that puts it no more than a day after it was received: a message of
    /// 31 December that arrives on 1 January belongs to the year before, and a clock that is a few
    /// hours ahead stays in its own year.
    #[default]
    FromReception,
    /// Always this one, for archives.
    Fixed(i32),
}

/// Reads one message. `received` is when the frame came in; only [`Year::FromReception`] looks
/// at it. Never fails and never allocates: what no grammar covers is kept whole in
/// `message`, with the reason in `error`.
pub fn parse<'a>(frame: &'a [u8], received: Timestamp, policy: &Policy) -> Message<'a> {
    let frame = frame.strip_prefix(BYTE_ORDER_MARK).unwrap_or(frame);
    let Some((pri, length)) = Pri::parse(frame) else {
        return without_pri(frame, received, policy);
    };
    let rest = &frame[length..];
    match rfc5424::version(rest) {
        Some((version, length)) => rfc5424::parse(Some(pri), version, &rest[length..]),
        None => rfc3164::parse(Some(pri), rest, received, policy),
    }
}

/// Log files have no PRI, nor have those who forget it: without one, only what is whole counts.
fn without_pri<'a>(frame: &'a [u8], received: Timestamp, policy: &Policy) -> Message<'a> {
    if let Some((1, length)) = rfc5424::version(frame) {
        let message = rfc5424::parse(None, 1, &frame[length..]);
        if message.timestamp.is_some() && message.error.is_none() {
            return message;
        }
    }
    let message = rfc3164::parse(None, frame, received, policy);
    if message.timestamp.is_some() {
        return message;
    }
    let error = message.error.filter(|error| matches!(error, Malformed::Timestamp(_)));
    let bare = Message {
        error: Some(error.unwrap_or(Malformed::Pri)),
        ..Message::bare(Protocol::Rfc3164, frame)
    };
    rfc3164::alone(frame).unwrap_or(bare)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
