//! Writes a response record by record.

use super::{Answer, AnswerError};
use crate::message::{AA, QR, Rcode, RecordAt, Section, put_u16};
use crate::name::read;
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;
use crate::writer::MessageWriter;

/// Sections must be written in their order. The cold path: allocates freely.
pub(crate) struct AnswerBuilder {
    writer: MessageWriter,
}

impl AnswerBuilder {
    /// A response to the question after plain wire name `qname`.
    pub(crate) fn new(qname: &[u8], rtype: RecordType, class: Class) -> AnswerBuilder {
        AnswerBuilder { writer: MessageWriter::new(0, 0, Some((qname, rtype, class))) }
    }

    /// Adds one record. `rdata` holds plain names only.
    pub(crate) fn record(
        &mut self,
        section: Section,
        owner: &[u8],
        rtype: RecordType,
        ttl: Ttl,
        rdata: &[u8],
    ) {
        self.writer.record(section, owner, rtype, ttl, rdata);
    }

    /// Adds a record of another message, its names written out first.
    pub(crate) fn copy(&mut self, section: Section, message: &[u8], record: &RecordAt, ttl: Ttl) {
        let Ok((owner, _)) = read(message, record.owner_at) else { return };
        let Some(rdata) = plain_rdata(message, record) else { return };
        self.record(section, owner.as_wire(), record.rtype, ttl, &rdata);
    }

    /// The finished answer.
    ///
    /// # Errors
    /// [`AnswerError::TooLarge`] above 65,535 octets.
    pub(crate) fn finish(self, rcode: Rcode, authoritative: bool) -> Result<Answer, AnswerError> {
        if self.writer.len() > u16::MAX as usize {
            return Err(AnswerError::TooLarge);
        }
        let mut wire = self.writer.finish();
        let aa = if authoritative { AA } else { 0 };
        put_u16(&mut wire, 2, QR | aa | u16::from(rcode.0));
        Answer::walk(&wire)
    }
}

/// The data of a record with its names uncompressed. Types that came after RFC 1035 are never compressed
/// (RFC 3597 §4), but for SRV and DNAME, which some compress all the same.
fn plain_rdata(message: &[u8], record: &RecordAt) -> Option<Vec<u8>> {
    let (before, names) = match record.rtype {
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => (0, 1),
        RecordType::MX => (2, 1),
        RecordType::SRV => (6, 1),
        RecordType::SOA => (0, 2),
        _ => return message.get(record.rdata.clone()).map(<[u8]>::to_vec),
    };
    let mut at = record.rdata.start + before;
    let mut plain = message.get(record.rdata.start..at)?.to_vec();
    for _ in 0..names {
        let (name, next) = read(message, at).ok()?;
        plain.extend(name.as_wire());
        at = next;
    }
    plain.extend(message.get(at..record.rdata.end)?);
    Some(plain)
}
