//! Answers as they go out on the wire: made once, then copied and patched for every asker.

mod build;
mod patch;
mod steady;
mod walk;

use std::net::IpAddr;
use std::ops::{Deref, Range};

use thiserror::Error;

use crate::edns::ExtendedError;
use crate::message::{
    AA, HEADER, MessageError, Rcode, RecordAt, Section, put_u16, records, u16_at,
};
use crate::name::{Name, equal_ignoring_case};
use crate::question::Query;
use crate::rdata::RData;
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;

pub(crate) use build::AnswerBuilder;
pub use patch::{Aging, DEFAULT_UDP_PAYLOAD, Patch};
pub(crate) use patch::{write_error, write_truncated};

/// What an answer says (RFC 2308 §2, RFC 9499 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The records asked for, or an alias that leads out of what we know.
    Positive,
    /// The name does not exist.
    NxDomain,
    /// The name exists, the type does not.
    NoData,
    /// Another server's: its names stand in the authority section.
    Referral,
    /// Any other response code.
    Failure,
}

impl Kind {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Kind::Positive => "positive",
            Kind::NxDomain => "nxdomain",
            Kind::NoData => "nodata",
            Kind::Referral => "referral",
            Kind::Failure => "failure",
        }
    }
}

/// A whole answer in wire form without OPT, and what must be known to hand it out again. Its octets are its
/// own, or borrowed from wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Answer<Octets = Box<[u8]>> {
    /// The message, and behind it where its TTL fields stand, two octets each: one block of memory, so that a
    /// hit waits for one only.
    octets: Octets,
    shape: Shape,
}

/// What is known about the octets of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The end of the message.
    wire_len: u16,
    /// End of the question section.
    question_end: u16,
    /// End of what must not be dropped silently; additional records behind it may be.
    needed_end: u16,
    /// Records before `needed_end` in the additional section (glue of a referral).
    needed_additional: u16,
    kind: Kind,
    ttl: Option<Ttl>,
    /// The addresses asked for, when they stand one behind the other and differ in nothing else.
    addresses: Option<Addresses>,
    note: Option<ExtendedError>,
}

/// Address data of one RRset: `count` times `octets` octets, `stride` apart.
#[derive(Clone, Copy, Debug, Default)]
struct Addresses {
    first: u16,
    stride: u16,
    count: u16,
    octets: u16,
}

/// Why a response cannot be kept as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It cannot be walked.
    #[error("malformed response")]
    Message(#[from] MessageError),
    /// It is a query, or answers something else than one.
    #[error("no response to a query")]
    NotResponse,
    /// Not exactly one question, or one whose name is compressed.
    #[error("a response without exactly one plain question")]
    Question,
    /// The TC bit is set: half an answer.
    #[error("a truncated response")]
    Truncated,
    /// Larger than a message can be.
    #[error("larger than a message can be")]
    TooLarge,
}

impl AnswerError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            AnswerError::Message(_) => "message",
            AnswerError::NotResponse => "not_response",
            AnswerError::Question => "question",
            AnswerError::Truncated => "truncated",
            AnswerError::TooLarge => "too_large",
        }
    }
}

impl Answer {
    /// Keeps a response somebody else gave: AA is cleared (it is their authority, not ours), OPT and
    /// what follows it is left behind. [`Answer::ttl`] says how long it may be kept.
    ///
    /// # Errors
    /// When the response is not one well-formed, complete answer to one question.
    pub fn from_response(response: &[u8]) -> Result<Answer, AnswerError> {
        let mut answer = Answer::walk(response)?;
        let flags = u16_at(&answer.octets, 2)?;
        put_u16(&mut answer.octets, 2, flags & !AA);
        Ok(answer)
    }

    /// The same with a word on why it is what it is.
    #[must_use]
    pub(crate) fn with_note(mut self, note: ExtendedError) -> Answer {
        self.shape.note = Some(note);
        self
    }

    /// Its octets, the name in the question in lower case, and what is known about them.
    pub(crate) fn into_folded(mut self) -> (Box<[u8]>, Shape) {
        let name = self.shape.name();
        self.octets[name].make_ascii_lowercase();
        (self.octets, self.shape)
    }
}

impl<'a> Answer<&'a [u8]> {
    /// An answer whose octets are kept elsewhere.
    pub(crate) fn borrow(octets: &'a [u8], shape: Shape) -> Answer<&'a [u8]> {
        Answer { octets, shape }
    }
}

impl Shape {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the name in the question stands.
    pub(crate) fn name(&self) -> Range<usize> {
        HEADER..usize::from(self.question_end) - 4
    }
}

impl<Octets: Deref<Target = [u8]>> Answer<Octets> {
    /// The same with octets of its own. Allocates.
    pub fn detach(&self) -> Answer {
        Answer { octets: (*self.octets).into(), shape: self.shape }
    }

    /// The addresses asked for, aliases left out. Allocates nothing.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> {
        let Addresses { first, stride, count, octets } = self.shape.addresses.unwrap_or_default();
        (0..usize::from(count)).map(move |place| {
            let at = usize::from(first) + usize::from(stride) * place;
            let data = &self.octets[at..at + usize::from(octets)];
            match (<[u8; 4]>::try_from(data), <[u8; 16]>::try_from(data)) {
                (Ok(v4), _) => IpAddr::from(v4),
                (_, Ok(v6)) => IpAddr::from(v6),
                _ => unreachable!("addresses have four or sixteen octets"),
            }
        })
    }

    /// Why it is what it is, where there is more to say than a response code does.
    pub fn note(&self) -> Option<ExtendedError> {
        self.shape.note
    }

    /// The records of all sections.
    pub(crate) fn walk_records(&self) -> impl Iterator<Item = RecordAt> {
        records(self.as_wire()).into_iter().flatten().flatten()
    }

    /// What it says.
    pub fn kind(&self) -> Kind {
        self.shape.kind
    }

    /// The response code.
    pub fn rcode(&self) -> Rcode {
        Rcode(self.octets[3] & 15)
    }

    /// How long it may be kept: the least TTL of a positive answer, the lesser of the SOA's TTL and
    /// its minimum for a denial (RFC 2308 §5). `None` when it must not be kept: failures, and denials
    /// without a SOA.
    pub fn ttl(&self) -> Option<Ttl> {
        self.shape.ttl
    }

    /// Whether the AA bit is set.
    pub fn is_authoritative(&self) -> bool {
        u16::from_be_bytes([self.octets[2], self.octets[3]]) & AA != 0
    }

    /// The message without OPT, as it was when it was made.
    pub fn as_wire(&self) -> &[u8] {
        &self.octets[..usize::from(self.shape.wire_len)]
    }

    /// Where the TTL fields stand.
    fn ttls_at(&self) -> impl Iterator<Item = usize> {
        let (places, _) = self.octets[usize::from(self.shape.wire_len)..].as_chunks::<2>();
        places.iter().map(|place| usize::from(u16::from_be_bytes(*place)))
    }

    /// Whether it answers the question of `query`, letter case aside.
    pub fn answers(&self, query: &Query<'_>) -> bool {
        let (name, fixed) =
            self.as_wire()[HEADER..].split_at(self.shape.question_end as usize - 4 - HEADER);
        let ([t1, t2], [c1, c2]) = (query.rtype.0.to_be_bytes(), query.class.0.to_be_bytes());
        equal_ignoring_case(name, query.name) && fixed.starts_with(&[t1, t2, c1, c2])
    }

    /// The records of the answer section, with `aging` applied. Allocates: for the typed front.
    pub fn records(&self, aging: Aging) -> Vec<Record> {
        let walk = records(self.as_wire()).into_iter().flatten().flatten();
        walk.take_while(|record| record.section == Section::Answer)
            .filter_map(|at| {
                let (name, _) = crate::name::read(self.as_wire(), at.owner_at).ok()?;
                let data =
                    RData::read(self.as_wire(), at.rdata.start, at.rdata.end, at.rtype).ok()?;
                let (rtype, class) = (at.rtype, at.class);
                Some(Record { name, rtype, class, ttl: aging.apply(at.ttl), data })
            })
            .collect()
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// Its type.
    pub rtype: RecordType,
    /// Its class.
    pub class: Class,
    /// How long it may be kept from now on.
    pub ttl: Ttl,
    /// What it says.
    pub data: RData,
}

impl std::fmt::Display for Record {
    /// As a master file writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} IN {} {}", self.name, self.ttl.as_secs(), self.rtype, self.data)
    }
}
