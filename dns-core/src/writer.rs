//! Messages record by record, with name compression (RFC 1035 §4.1.4).

use std::collections::HashMap;

use crate::layout::{Field, fields};
use crate::message::{HEADER, Section, put_u16};
use crate::name::{ancestors, labels};
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;

/// A message being written. Sections come in their order. The cold path: allocates freely.
#[derive(Debug)]
pub(crate) struct MessageWriter {
    wire: Vec<u8>,
    counts: [u16; 3],
    /// Names already in the message, lower case, and where.
    seen: HashMap<Box<[u8]>, u16>,
}

impl MessageWriter {
    /// With this id and these flags; the question, its name in plain wire form, where there is one.
    pub(crate) fn new(
        id: u16,
        flags: u16,
        question: Option<(&[u8], RecordType, Class)>,
    ) -> MessageWriter {
        let mut writer =
            MessageWriter { wire: vec![0; HEADER], counts: [0; 3], seen: HashMap::new() };
        put_u16(&mut writer.wire, 0, id);
        put_u16(&mut writer.wire, 2, flags);
        if let Some((name, rtype, class)) = question {
            put_u16(&mut writer.wire, 4, 1);
            writer.name(name);
            writer.wire.extend(rtype.0.to_be_bytes());
            writer.wire.extend(class.0.to_be_bytes());
        }
        writer
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
        // Only the types of RFC 1035 may have compressed names in their data (RFC 3597 §4).
        let old = matches!(rtype.0, 2..=9 | 12 | 14 | 15);
        match fields(rtype, rdata).filter(|_| old) {
            Some(found) => {
                for (field, octets) in found {
                    match field {
                        Field::Name => self.name(octets),
                        _ => self.wire.extend(octets),
                    }
                }
            }
            None => self.wire.extend(rdata),
        }
        let len = self.wire.len() - len_at - 2;
        put_u16(&mut self.wire, len_at, len as u16);
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

    /// Octets so far.
    pub(crate) fn len(&self) -> usize {
        self.wire.len()
    }

    /// The message.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        for (at, count) in [6, 8, 10].into_iter().zip(self.counts) {
            put_u16(&mut self.wire, at, count);
        }
        self.wire
    }
}
