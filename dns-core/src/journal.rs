//! What changed in a zone from version to version, kept for those who have an older one (RFC 1995 §5). Bounded
//! in octets; the oldest goes first.

use std::collections::VecDeque;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::layout::fields;
use crate::name::{Name, measure};
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::{Difference, OwnedRecord};

/// The differences of one zone, each beginning where the one before ends.
#[derive(Clone, Debug)]
pub struct Journal {
    differences: VecDeque<(Arc<Difference>, usize)>,
    bytes: usize,
    max_bytes: usize,
}

impl Default for Journal {
    /// At most 16 MiB.
    fn default() -> Journal {
        Journal::new(16 << 20)
    }
}

impl Journal {
    /// An empty one that holds at most so many octets, as they stand in its file.
    pub fn new(max_bytes: usize) -> Journal {
        Journal { differences: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Adds a difference. One that does not begin where the last one ends makes those before useless, and they
    /// go; so does whatever does not fit.
    pub fn push(&mut self, difference: Difference) {
        if self.differences.back().is_some_and(|(last, _)| last.to != difference.from) {
            self.clear();
        }
        // A serial that comes again would lead in a ring.
        while self.differences.iter().any(|(known, _)| known.from == difference.to) {
            self.forget_first();
        }
        let bytes = encoded(&difference).len();
        self.bytes += bytes;
        self.differences.push_back((Arc::new(difference), bytes));
        while self.bytes > self.max_bytes {
            self.forget_first();
        }
    }

    /// What leads from `serial` to the newest version; `None` when it is not here.
    pub fn since(&self, serial: u32) -> Option<Vec<Arc<Difference>>> {
        let begin = self.differences.iter().position(|(known, _)| known.from == serial)?;
        Some(self.differences.range(begin..).map(|(known, _)| Arc::clone(known)).collect())
    }

    /// The serial it leads to; `None` when it is empty.
    pub fn newest(&self) -> Option<u32> {
        self.differences.back().map(|(last, _)| last.to)
    }

    /// Octets it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.differences.clear();
        self.bytes = 0;
    }

    fn forget_first(&mut self) {
        if let Some((_, bytes)) = self.differences.pop_front() {
            self.bytes -= bytes;
        }
    }

    /// The octets of its file.
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = MAGIC.to_vec();
        for (difference, _) in &self.differences {
            octets.extend(encoded(difference));
        }
        octets.extend(Sha256::digest(&octets));
        octets
    }

    /// What [`encode`](Journal::encode) wrote; an empty one for anything else: a journal that is lost costs whole
    /// transfers, one that is wrong costs wrong zones.
    pub fn decode(octets: &[u8], max_bytes: usize) -> Journal {
        let mut journal = Journal::new(max_bytes);
        let Some((octets, digest)) = octets.split_last_chunk::<32>() else { return journal };
        if Sha256::digest(octets)[..] != *digest {
            return journal;
        }
        let Some(mut rest) = octets.strip_prefix(MAGIC) else { return journal };
        while !rest.is_empty() {
            let Some(difference) = decoded(&mut rest) else { return Journal::new(max_bytes) };
            journal.push(difference);
        }
        journal
    }
}

fn encoded(difference: &Difference) -> Vec<u8> {
    let mut octets = Vec::new();
    octets.extend(difference.from.to_be_bytes());
    octets.extend(difference.to.to_be_bytes());
    for list in [&difference.removed, &difference.added] {
        octets.extend((list.len() as u32).to_be_bytes());
        for record in list {
            octets.extend(record.owner.as_wire());
            octets.extend(record.rtype.0.to_be_bytes());
            octets.extend(record.ttl.as_secs().to_be_bytes());
            octets.extend((record.rdata.len() as u16).to_be_bytes());
            octets.extend(&*record.rdata);
        }
    }
    octets
}

fn decoded(rest: &mut &[u8]) -> Option<Difference> {
    let (from, to) = (word(rest)?, word(rest)?);
    let (removed, added) = (list(rest)?, list(rest)?);
    Some(Difference { from, to, removed, added })
}

fn list(rest: &mut &[u8]) -> Option<Vec<OwnedRecord>> {
    let count = word(rest)?;
    let mut list = Vec::new();
    for _ in 0..count {
        let (owner, after) = rest.split_at(measure(rest).ok()?);
        let (&[t1, t2], after) = after.split_first_chunk()?;
        *rest = after;
        let ttl = Ttl::from_secs(word(rest)?);
        let (&[l1, l2], after) = rest.split_first_chunk()?;
        let (rdata, after) = after.split_at_checked(usize::from(u16::from_be_bytes([l1, l2])))?;
        *rest = after;
        let (owner, rtype) =
            (Name::from_wire(owner).ok()?, RecordType(u16::from_be_bytes([t1, t2])));
        fields(rtype, rdata)?;
        list.push(OwnedRecord { owner, ttl, rtype, rdata: rdata.into() });
    }
    Some(list)
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    let (word, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_be_bytes(*word))
}

const MAGIC: &[u8] = b"popkit dns journal 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(from: u32, to: u32) -> Difference {
        let record = |text: &[u8]| OwnedRecord {
            owner: "a.corp.".parse().expect("a name"),
            ttl: Ttl::MINUTE,
            rtype: RecordType::TXT,
            rdata: text.into(),
        };
        Difference { from, to, removed: vec![record(b"\x01a")], added: vec![record(b"\x01b")] }
    }

    #[test]
    fn a_chain_leads_from_any_of_its_versions() {
        let mut journal = Journal::default();
        (1..5).for_each(|serial| journal.push(difference(serial, serial + 1)));
        assert_eq!(journal.since(3).expect("known").len(), 2);
        assert!(journal.since(5).is_none() && journal.since(0).is_none());
        let back = Journal::decode(&journal.encode(), 1 << 20);
        assert_eq!(back.since(1), journal.since(1));
        assert_eq!((back.bytes(), back.newest()), (journal.bytes(), Some(5)));
        journal.push(difference(9, 10));
        assert!(journal.since(4).is_none() && journal.since(9).is_some(), "a gap begins anew");
    }

    #[test]
    fn it_stays_within_its_bound() {
        let one = encoded(&difference(1, 2)).len();
        let mut journal = Journal::new(3 * one);
        (1..100).for_each(|serial| journal.push(difference(serial, serial + 1)));
        assert_eq!((journal.bytes(), journal.since(97).map(|d| d.len())), (3 * one, Some(3)));
        assert!(journal.since(96).is_none());
        let mut tiny = Journal::new(one - 1);
        tiny.push(difference(1, 2));
        assert_eq!((tiny.bytes(), tiny.newest()), (0, None));
    }

    #[test]
    fn a_serial_that_comes_again_makes_no_ring() {
        let mut journal = Journal::default();
        journal.push(difference(1, 2));
        journal.push(difference(2, 3));
        journal.push(difference(3, 1));
        assert!(journal.since(1).is_none());
        assert_eq!(journal.since(2).expect("known").len(), 2);
    }

    #[test]
    fn a_damaged_file_is_an_empty_journal() {
        let mut journal = Journal::default();
        journal.push(difference(1, 2));
        let octets = journal.encode();
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 1;
            assert_eq!(Journal::decode(&damaged, 1 << 20).newest(), None, "octet {at}");
            assert_eq!(Journal::decode(&octets[..at], 1 << 20).newest(), None, "cut at {at}");
        }
    }
}
