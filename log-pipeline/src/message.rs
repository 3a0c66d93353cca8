//! One syslog message: borrowed as parsed, owned when built, written as RFC 5424 or JSON.

pub mod payload;
mod json;
mod bsd;
mod wire;
mod owned;

use crate::pri::Pri;
use crate::structured_data::{StructuredData, StructuredDataError};
use crate::timestamp::{Timestamp, TimestampError};

pub use owned::Builder;

use payload::Payload;

/// A message borrowed from the bytes it was parsed from. A field that is absent or NILVALUE is
/// `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Which grammar it was read with.
    pub protocol: Protocol,
    /// Facility and severity.
    pub pri: Option<Pri>,
    /// VERSION, for RFC 5424 only.
    pub version: Option<u16>,
    /// When it happened, as the sender says.
    pub timestamp: Option<Timestamp>,
    /// HOSTNAME.
    pub hostname: Option<&'a str>,
    /// APP-NAME, or the tag of RFC 3164.
    pub appname: Option<&'a str>,
    /// PROCID, or what stands in brackets after the tag.
    pub procid: Option<&'a str>,
    /// MSGID.
    pub msgid: Option<&'a str>,
    /// STRUCTURED-DATA, unescaped when asked.
    pub structured_data: StructuredData<'a>,
    /// MSG without its byte order mark. When `error` is set, everything from the first byte that
    /// was not understood on: nothing a sender said is lost.
    pub message: &'a [u8],
    /// What was not understood.
    pub error: Option<Malformed>,
}

/// The grammar of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The syslog protocol of 2009.
    Rfc5424,
    /// BSD syslog, and whatever else arrives.
    Rfc3164,
}

/// The part of a message that follows no grammar we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// No PRI, nor anything else known.
    #[error("no PRI in range and no timestamp")]
    Pri,
    /// After the PRI stands neither a timestamp nor a tag.
    #[error("no timestamp after the PRI")]
    NoTimestamp,
    /// A timestamp that is none.
    #[error("bad timestamp")]
    Timestamp(#[source] TimestampError),
    /// The RFC 5424 header ends early or is not UTF-8.
    #[error("bad header")]
    Header,
    /// Bad structured data.
    #[error("bad structured data")]
    StructuredData(#[source] StructuredDataError),
}

impl Malformed {
    /// A name for metrics and for the `error` of the JSON form.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pri => "pri",
            Self::NoTimestamp => "no_timestamp",
            Self::Timestamp(_) => "timestamp",
            Self::Header => "header",
            Self::StructuredData(_) => "structured_data",
        }
    }
}

impl Protocol {
    /// `rfc5424` or `rfc3164`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rfc5424 => "rfc5424",
            Self::Rfc3164 => "rfc3164",
        }
    }
}

impl<'a> Message<'a> {
    /// A message that is nothing but `message`.
    pub(crate) fn bare(protocol: Protocol, message: &'a [u8]) -> Self {
        Self {
            protocol,
            pri: None,
            version: None,
            timestamp: None,
            hostname: None,
            appname: None,
            procid: None,
            msgid: None,
            structured_data: StructuredData::default(),
            message,
            error: None,
        }
    }

    /// An owned copy, to keep or to change.
    pub fn to_owned(&self) -> Builder {
        Builder::from(self)
    }

    /// Appends the message in RFC 5424 form. Whatever the fields hold, the result is well formed:
    /// bytes a field may not hold become `?`, fields are cut at the lengths of §6, and text that
    /// is not ASCII gets the byte order mark §6.4 asks for. Without a PRI it says 13, user.notice
    /// (RFC 3164 §4.3.3).
    pub fn write_rfc5424(&self, out: &mut Vec<u8>) {
        wire::write(self, out);
    }

    /// Whether `frame`, from which this was read, may go to a reader of RFC 5424 as it is: it has a
    /// PRI with the VERSION right behind it, and was understood to its end.
    pub fn passes_as_rfc5424(&self, frame: &[u8]) -> bool {
        let behind = Pri::parse(frame).and_then(|(_, length)| frame.get(length));
        self.protocol == Protocol::Rfc5424
            && self.error.is_none()
            && behind.is_some_and(u8::is_ascii_digit)
    }

    /// Appends the message in RFC 3164 form, its time `utc_offset_seconds` east of UTC. Bytes a
    /// field may not hold become `?`, the tag is cut at 128 bytes. The form has no place for
    /// version, MSGID and structured data, nor for a year, a fraction of a second or a host
    /// without a time; without a tag, a reader may take a first word for one.
    pub fn write_rfc3164(&self, utc_offset_seconds: i32, out: &mut Vec<u8>) {
        bsd::write(self, utc_offset_seconds, out);
    }

    /// The JSON object that is the text of the message, behind `@cee:` or alone. Looked for when
    /// asked; takes no memory.
    pub fn payload(&self) -> Option<Payload<'a>> {
        Payload::parse(self.message).ok()
    }

    /// Appends one JSON object without a line end: `facility`, `severity` (keywords), `version`,
    /// `timestamp_ns` (Unix nanoseconds), `hostname`, `appname`, `procid`, `msgid` (null when
    /// absent), `structured_data` (`{id: {name: value}}`; a name given more than once holds an
    /// array), `message` (bytes that are not UTF-8 as U+FFFD), `protocol`, and `error` only when
    /// something was not understood.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        json::write(self, out);
    }
}
