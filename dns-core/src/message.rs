//! The skeleton of a message (RFC 1035 §4.1): header fields and the walk over its records.

use std::ops::Range;

use thiserror::Error;

use crate::name::{WireNameError, skip};
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;

/// Octets of the header.
pub(crate) const HEADER: usize = 12;

pub(crate) const QR: u16 = 0x8000;
pub(crate) const AA: u16 = 0x0400;
pub(crate) const TC: u16 = 0x0200;
pub(crate) const RD: u16 = 0x0100;
pub(crate) const RA: u16 = 0x0080;
pub(crate) const AD: u16 = 0x0020;
pub(crate) const CD: u16 = 0x0010;
pub(crate) const OPCODE: u16 = 0x7800;

/// A response code (RFC 1035 §4.1.1, RFC 6895 §2.3), the four bits of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcode(pub u8);

impl Rcode {
    /// No error.
    pub const NOERROR: Rcode = Rcode(0);
    /// The query could not be read.
    pub const FORMERR: Rcode = Rcode(1);
    /// The server failed.
    pub const SERVFAIL: Rcode = Rcode(2);
    /// The name does not exist.
    pub const NXDOMAIN: Rcode = Rcode(3);
    /// Not implemented.
    pub const NOTIMP: Rcode = Rcode(4);
    /// Refused by policy.
    pub const REFUSED: Rcode = Rcode(5);
    /// Not authorised, also for transaction signatures (RFC 8945 §5.2).
    pub const NOTAUTH: Rcode = Rcode(9);
}

/// Why octets are not a message we can walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It ends inside a header, a question or a record.
    #[error("message cut short")]
    Short,
    /// A name in it cannot be read.
    #[error("bad name in message")]
    Name(#[from] WireNameError),
}

impl MessageError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            MessageError::Short => "short",
            MessageError::Name(_) => "name",
        }
    }
}

/// Messages off a stream, each behind its length (RFC 1035 §4.2.2), however the stream was cut. Holds what has
/// come of the next message: at most 64 KiB and one piece.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    received: Vec<u8>,
}

impl Frames {
    /// What has come next. Take the messages out before the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.received.extend_from_slice(piece);
    }

    /// Takes the first whole message off the front.
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        let len = usize::from(u16::from_be_bytes(*self.received.first_chunk()?));
        let message = self.received.get(2..2 + len)?.to_vec();
        self.received.drain(..2 + len);
        Some(message)
    }

    /// Where a reader may put what comes next, at the end.
    #[cfg(feature = "server")]
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.received
    }
}

/// The section a record stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// Where one record stands in its message.
#[derive(Clone, Debug)]
pub(crate) struct RecordAt {
    pub(crate) section: Section,
    pub(crate) owner_at: usize,
    pub(crate) rtype: RecordType,
    pub(crate) class: Class,
    pub(crate) ttl_at: usize,
    pub(crate) ttl: Ttl,
    pub(crate) rdata: Range<usize>,
}

/// The 16-bit field at `at`.
pub(crate) fn u16_at(wire: &[u8], at: usize) -> Result<u16, MessageError> {
    match wire.get(at..at + 2) {
        Some(&[high, low]) => Ok(u16::from_be_bytes([high, low])),
        _ => Err(MessageError::Short),
    }
}

/// The 32-bit field at `at`.
pub(crate) fn u32_at(wire: &[u8], at: usize) -> Result<u32, MessageError> {
    Ok(u32::from(u16_at(wire, at)?) << 16 | u32::from(u16_at(wire, at + 2)?))
}

/// Overwrites the 16-bit field at `at`; the caller has made sure that it is there.
pub(crate) fn put_u16(wire: &mut [u8], at: usize, value: u16) {
    wire[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// Walks the records behind the `questions` of `wire`, section by section. Ends after the first
/// error.
pub(crate) fn records(
    wire: &[u8],
) -> Result<impl Iterator<Item = Result<RecordAt, MessageError>>, MessageError> {
    let mut at = HEADER;
    for _ in 0..u16_at(wire, 4)? {
        at = skip(wire, at)? + 4;
    }
    let counts = [u16_at(wire, 6)?, u16_at(wire, 8)?, u16_at(wire, 10)?];
    let sections = [Section::Answer, Section::Authority, Section::Additional];
    let mut todo = sections
        .into_iter()
        .zip(counts)
        .flat_map(|(section, count)| std::iter::repeat_n(section, count as usize));
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        let section = todo.next().filter(|_| !failed)?;
        let record = record_at(wire, at, section);
        match &record {
            Ok(record) => at = record.rdata.end,
            Err(_) => failed = true,
        }
        Some(record)
    }))
}

fn record_at(wire: &[u8], owner_at: usize, section: Section) -> Result<RecordAt, MessageError> {
    let at = skip(wire, owner_at)?;
    let start = at + 10;
    let rdata = start..start + u16_at(wire, at + 8)? as usize;
    if rdata.end > wire.len() {
        return Err(MessageError::Short);
    }
    Ok(RecordAt {
        section,
        owner_at,
        rtype: RecordType(u16_at(wire, at)?),
        class: Class(u16_at(wire, at + 2)?),
        ttl_at: at + 4,
        ttl: Ttl::from_wire(u32_at(wire, at + 4)?),
        rdata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_walked_or_refused(wire in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(walk) = records(&wire) {
                for record in walk.flatten() {
                    prop_assert!(record.rdata.end <= wire.len());
                }
            }
        }
    }
}
