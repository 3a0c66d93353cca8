//! From a frame to a [`Message`]: the grammar is detected per message, and none is refused.

mod rfc3164;
mod rfc5424;

use crate::message::{Malformed, Message, Protocol};
use crate::pri::Pri;
use crate::timestamp::Timestamp;

/// What RFC 3164 leaves unsaid about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Seconds east of UTC at which senders keep their clocks.
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
    let Some((pri, length)) = Pri::parse(frame) else {
        let message = rfc3164::parse(frame, received, policy);
        return if message.timestamp.is_some() {
            message
        } else {
            let error = message.error.filter(|error| matches!(error, Malformed::Timestamp(_)));
            let error = Some(error.unwrap_or(Malformed::Pri));
            Message { error, ..Message::bare(Protocol::Rfc3164, frame) }
        };
    };
    let rest = &frame[length..];
    let mut message = match rfc5424::version(rest) {
        Some((version, length)) => rfc5424::parse(version, &rest[length..]),
        None => rfc3164::parse(rest, received, policy),
    };
    message.pri = Some(pri);
    message
}
