//! Zone transfers (RFC 5936, RFC 1995) and notices (RFC 1996) as messages: what is asked, what is sent, what is
//! received. No socket and no clock here.

mod outgoing;
mod incoming;

use std::sync::Arc;

pub use incoming::{Incoming, Received, TransferError, TransferLimits};
pub use outgoing::Outgoing;

pub(crate) use incoming::is_newer;
pub(crate) use outgoing::Content;

use crate::message::{AA, HEADER, OPCODE, QR, RD, Rcode, Section, u16_at};
use crate::name::{Name, read};
use crate::record_type::{Class, RecordType};
use crate::tsig::{Conversation, Key};
use crate::writer::MessageWriter;
use crate::zone::{Zone, ZoneRecord};

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
    let mut request = match &known {
        Some(zone) => {
            let mut writer = message(id, 0, Some((origin, RecordType::IXFR)));
            put(&mut writer, Section::Authority, &zone.soa_record());
            writer.finish()
        }
        None => message(id, 0, Some((origin, RecordType::AXFR))).finish(),
    };
    let conversation = key.map(|key| Conversation::request(key, &mut request, wall));
    (request, Incoming::new(id, origin.clone(), known, limits, conversation))
}

/// Says that the zone at `origin` has changed (RFC 1996 §3.7), with its new SOA as a hint.
pub(crate) fn notice(id: u16, zone: &Zone) -> Vec<u8> {
    let mut writer = message(id, AA | NOTIFY << 11, Some((zone.origin(), RecordType::SOA)));
    put(&mut writer, Section::Answer, &zone.soa_record());
    writer.finish()
}

/// A response to the message `asked` without records: its id, operation and question, `flags` and `rcode`.
pub(crate) fn error_response(asked: &[u8], rcode: Rcode, flags: u16) -> Vec<u8> {
    let (id, flags_asked) = (u16_at(asked, 0).unwrap_or(0), u16_at(asked, 2).unwrap_or(0));
    let question = read(asked, HEADER).ok().and_then(|(name, at)| {
        let one = u16_at(asked, 4) == Ok(1) && u16_at(asked, at + 2) == Ok(Class::IN.0);
        Some((name, RecordType(u16_at(asked, at).ok()?))).filter(|_| one)
    });
    let question = question.as_ref().map(|(name, rtype)| (name, *rtype));
    let flags = QR | flags | flags_asked & (OPCODE | RD) | u16::from(rcode.0);
    message(id, flags, question).finish()
}

fn message(id: u16, flags: u16, question: Option<(&Name, RecordType)>) -> MessageWriter {
    let question = question.map(|(name, rtype)| (name.as_wire(), rtype, Class::IN));
    MessageWriter::new(id, flags, question)
}

fn put(writer: &mut MessageWriter, section: Section, record: &ZoneRecord<'_>) {
    writer.record(section, record.owner.as_wire(), record.rtype, record.ttl, record.rdata);
}

/// The operation NOTIFY (RFC 1996).
pub(crate) const NOTIFY: u16 = 4;
