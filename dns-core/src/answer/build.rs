//! Writes a response record by record, with name compression (RFC 1035 §4.1.4).

use std::collections::HashMap;

use super::{Answer, AnswerError};
use crate::message::{AA, HEADER, QR, Rcode, RecordAt, Section, put_u16};
use crate::name::{ancestors, labels, measure, read};
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;

/// Sections must be written in their order. The cold path: allocates freely.
pub(crate) struct AnswerBuilder {
    wire: Vec<u8>,
    counts: [u16; 3],
    /// Names already in the message, lower case, and where.
    seen: HashMap<Box<[u8]>, u16>,
}

impl AnswerBuilder {
    /// A response to the question after plain wire name `qname`.
    pub(crate) fn new(qname: &[u8], rtype: RecordType, class: Class) -> AnswerBuilder {
        let mut builder =
            AnswerBuilder { wire: vec![0; HEADER], counts: [0; 3], seen: HashMap::new() };
        put_u16(&mut builder.wire, 4, 1);
        builder.name(qname);
        builder.wire.extend(rtype.0.to_be_bytes());
        builder.wire.extend(class.0.to_be_bytes());
        builder
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
        debug_assert!(self.counts[section as usize + 1..].iter().all(|&n| n == 0), "in order");
        self.counts[section as usize] = self.counts[section as usize].saturating_add(1);
        self.name(owner);
        self.wire.extend(rtype.0.to_be_bytes());
        self.wire.extend(Class::IN.0.to_be_bytes());
        self.wire.extend(ttl.as_secs().to_be_bytes());
        let len_at = self.wire.len();
        self.wire.extend([0, 0]);
        self.rdata(rtype, rdata);
        let len = self.wire.len() - len_at - 2;
        put_u16(&mut self.wire, len_at, len as u16);
    }

    /// Adds a record of another message, its names written out first.
    pub(crate) fn copy(&mut self, section: Section, message: &[u8], record: &RecordAt, ttl: Ttl) {
        let Ok((owner, _)) = read(message, record.owner_at) else { return };
        let Some(rdata) = plain_rdata(message, record) else { return };
        self.record(section, owner.as_wire(), record.rtype, ttl, &rdata);
    }

    /// Only the types of RFC 1035 may have compressed names in their data (RFC 3597 §4).
    fn rdata(&mut self, rtype: RecordType, rdata: &[u8]) {
        let (before, names) = match rtype {
            RecordType::NS | RecordType::CNAME | RecordType::PTR => (0, 1),
            RecordType::MX => (2, 1),
            RecordType::SOA => (0, 2),
            _ => (rdata.len(), 0),
        };
        let (fixed, mut rest) = rdata.split_at(before.min(rdata.len()));
        self.wire.extend(fixed);
        for _ in 0..names {
            let Ok(len) = measure(rest) else { break };
            let (name, after) = rest.split_at(len);
            self.name(name);
            rest = after;
        }
        self.wire.extend(rest);
    }

    fn name(&mut self, name: &[u8]) {
        for (suffix, label) in ancestors(name).zip(labels(name)) {
            let folded: Box<[u8]> = suffix.to_ascii_lowercase().into();
            if let Some(&at) = self.seen.get(&folded) {
                self.wire.extend((0xc000 | at).to_be_bytes());
                return;
            }
            if let Ok(at @ 0..=0x3fff) = u16::try_from(self.wire.len()) {
                self.seen.insert(folded, at);
            }
            self.wire.push(label.len() as u8);
            self.wire.extend(label);
        }
        self.wire.push(0);
    }

    /// The finished answer.
    ///
    /// # Errors
    /// [`AnswerError::TooLarge`] above 65,535 octets.
    pub(crate) fn finish(
        mut self,
        rcode: Rcode,
        authoritative: bool,
    ) -> Result<Answer, AnswerError> {
        if self.wire.len() > u16::MAX as usize {
            return Err(AnswerError::TooLarge);
        }
        let aa = if authoritative { AA } else { 0 };
        put_u16(&mut self.wire, 2, QR | aa | u16::from(rcode.0));
        for (at, count) in [6, 8, 10].into_iter().zip(self.counts) {
            put_u16(&mut self.wire, at, count);
        }
        Answer::walk(&self.wire)
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
