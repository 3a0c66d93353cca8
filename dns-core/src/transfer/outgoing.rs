//! Transfers out: the messages of an answer to AXFR (RFC 5936) or IXFR (RFC 1995), one at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{message, put};
use crate::message::{AA, QR, Section, TC};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::tsig::Conversation;
use crate::zone::{Difference, OwnedRecord, Zone};

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// All of it.
    Whole(Arc<Zone>),
    /// What changed, oldest first; the zone is what it leads to.
    Changes(Arc<Zone>, Vec<Arc<Difference>>),
    /// The SOA alone: nothing changed, or too much for a datagram (RFC 1995 §2).
    Version(Arc<Zone>),
}

/// A transfer on its way out. The zone is held as it was when the transfer began.
#[derive(Debug)]
pub struct Outgoing {
    id: u16,
    flags: u16,
    origin: Name,
    rtype: RecordType,
    zone: Arc<Zone>,
    changes: VecDeque<Arc<Difference>>,
    /// The next owner of the zone in canonical order; `None` when owners are not sent.
    next_owner: Option<usize>,
    /// The SOA that ends the transfer is still to come.
    closing: bool,
    queue: VecDeque<OwnedRecord>,
    conversation: Option<Conversation>,
    begun: bool,
}

impl Outgoing {
    /// The answer to the transfer query with this id and type.
    pub(crate) fn new(
        id: u16,
        rtype: RecordType,
        content: Content,
        conversation: Option<Conversation>,
    ) -> Outgoing {
        let (zone, changes, next_owner, closing) = match content {
            Content::Whole(zone) => (zone, Vec::new(), Some(0), true),
            Content::Changes(zone, changes) => (zone, changes, None, true),
            Content::Version(zone) => (zone, Vec::new(), None, false),
        };
        let soa = OwnedRecord::from(zone.soa_record());
        Outgoing {
            id,
            flags: QR | AA,
            origin: zone.origin().clone(),
            rtype,
            zone,
            changes: changes.into(),
            next_owner,
            closing,
            queue: VecDeque::from([soa]),
            conversation,
            begun: false,
        }
    }

    /// The next message, signed at `wall` (seconds since 1970) when the request was; `None` behind the last.
    pub fn next_message(&mut self, wall: u64) -> Option<Vec<u8>> {
        self.refill();
        if self.queue.is_empty() {
            return None;
        }
        // The question once is enough (RFC 5936 §2.2.1).
        let question = (!self.begun).then_some((&self.origin, self.rtype));
        let mut writer = message(self.id, self.flags, question);
        self.begun = true;
        while let Some(record) = self.queue.pop_front() {
            put(&mut writer, Section::Answer, &record.borrowed());
            self.refill();
            let next = self
                .queue
                .front()
                .map_or(0, |next| next.owner.as_wire().len() + next.rdata.len() + RECORD_FIXED);
            if writer.len() >= COMFORTABLE || writer.len() + next > self.room() {
                break;
            }
        }
        Some(self.sign(writer.finish(), wall))
    }

    /// All of it in one datagram of at most `max_size` octets; when it does not fit, the SOA alone, which
    /// sends the other side to TCP (RFC 1995 §2), and where not even that fits, a truncated nothing.
    pub(crate) fn datagram(mut self, max_size: usize, wall: u64) -> Vec<u8> {
        let version = Content::Version(Arc::clone(&self.zone));
        let begin = self.conversation.clone();
        let mut short = Outgoing::new(self.id, self.rtype, version, begin.clone());
        let whole = self.next_message(wall);
        if let Some(whole) = whole.filter(|all| all.len() <= max_size && self.queue.is_empty()) {
            return whole;
        }
        match short.next_message(wall) {
            Some(short) if short.len() <= max_size => short,
            _ => {
                let question = Some((&self.origin, self.rtype));
                let writer = message(self.id, self.flags | TC, question);
                self.conversation = begin;
                self.sign(writer.finish(), wall)
            }
        }
    }

    fn sign(&mut self, mut message: Vec<u8>, wall: u64) -> Vec<u8> {
        if let Some(conversation) = &mut self.conversation {
            conversation.sign(&mut message, wall);
        }
        message
    }

    fn room(&self) -> usize {
        usize::from(u16::MAX) - self.conversation.as_ref().map_or(0, Conversation::overhead)
    }

    /// Has the next record in the queue, when there is one.
    fn refill(&mut self) {
        while self.queue.is_empty() {
            if let Some(index) = self.next_owner {
                let Some(records) = self.zone.records_at(index) else {
                    self.next_owner = None;
                    continue;
                };
                let others = records.into_iter().filter(|r| r.rtype != RecordType::SOA);
                self.queue.extend(others.map(OwnedRecord::from));
                self.next_owner = Some(index + 1);
            } else if let Some(change) = self.changes.pop_front() {
                self.queue.extend(change.removed.iter().chain(&change.added).cloned());
            } else if self.closing {
                self.closing = false;
                self.queue.push_back(self.zone.soa_record().into());
            } else {
                return;
            }
        }
    }
}

/// Octets of a record besides owner and data.
const RECORD_FIXED: usize = 10;
/// A message that reaches this size is sent: names further back cannot be pointed to (RFC 1035 §4.1.4).
const COMFORTABLE: usize = 16 << 10;
