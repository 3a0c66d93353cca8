//! Zone transfers (RFC 5936, RFC 1995) and notices (RFC 1996) as messages: what is asked, what is sent, what is
//! received. No socket and no clock here.

mod write;
mod outgoing;
mod incoming;

use std::sync::Arc;

pub use incoming::{Incoming, Received, TransferError, TransferLimits};
pub use outgoing::Outgoing;

pub(crate) use incoming::is_newer;
pub(crate) use outgoing::Content;

use crate::message::{AA, HEADER, OPCODE, QR, RD, Rcode, u16_at};
use crate::name::{Name, read};
use crate::record_type::{Class, RecordType};
use crate::tsig::{Conversation, Key};
use crate::zone::Zone;
use write::MessageWriter;

/// Asks for the zone at `origin`: what changed since `known`, or all of it. The message to send over TCP, signed
/// at `wall` (seconds since 1970) with `key` when there is one, and what takes its answer.
pub fn request(
    id: u16,
    origin: &Name,
    known: Option<Arc<Zone>>,
    key: Option<&Arc<Key>>,
    limits: TransferLimits,
    wall: u64,
) -> (Vec<u8>, Incoming) {
    let mut message = match &known {
        Some(zone) => {
            let mut writer = MessageWriter::new(id, 0, Some((origin, RecordType::IXFR)));
            writer.record(1, &zone.soa_record());
            writer.finish()
        }
        None => MessageWriter::new(id, 0, Some((origin, RecordType::AXFR))).finish(),
    };
    let conversation = key.map(|key| Conversation::request(key, &mut message, wall));
    (message, Incoming::new(id, origin.clone(), known, limits, conversation))
}

/// Says that the zone at `origin` has changed (RFC 1996 §3.7), with its new SOA as a hint.
pub(crate) fn notice(id: u16, zone: &Zone) -> Vec<u8> {
    let mut writer =
        MessageWriter::new(id, AA | NOTIFY << 11, Some((zone.origin(), RecordType::SOA)));
    writer.record(0, &zone.soa_record());
    writer.finish()
}

/// A response to `message` without records: its id, operation and question, `flags` and `rcode`.
pub(crate) fn error_response(message: &[u8], rcode: Rcode, flags: u16) -> Vec<u8> {
    let (id, asked) = (u16_at(message, 0).unwrap_or(0), u16_at(message, 2).unwrap_or(0));
    let question = read(message, HEADER).ok().and_then(|(name, at)| {
        let one = u16_at(message, 4) == Ok(1) && u16_at(message, at + 2) == Ok(Class::IN.0);
        Some((name, RecordType(u16_at(message, at).ok()?))).filter(|_| one)
    });
    let question = question.as_ref().map(|(name, rtype)| (name, *rtype));
    let flags = QR | flags | asked & (OPCODE | RD) | u16::from(rcode.0);
    MessageWriter::new(id, flags, question).finish()
}

/// The operation NOTIFY (RFC 1996).
pub(crate) const NOTIFY: u16 = 4;
