//! Authoritative zones in memory: who owns what, found as RFC 1034 §4.3.2 and RFC 4592 say.

mod build;
mod records;
mod denial;
mod lookup;
#[cfg(feature = "zones")]
mod check;
#[cfg(feature = "zones")]
mod difference;
#[cfg(feature = "zones")]
mod master_file;
mod respond;
mod set;

use std::collections::HashMap;
use std::sync::Arc;

pub use build::{RecordError, ZoneBuilder, ZoneError};
#[cfg(feature = "zones")]
pub use check::Concern;
#[cfg(feature = "zones")]
pub use difference::{ApplyError, Difference, OwnedRecord};
#[cfg(feature = "zones")]
pub use master_file::{Loaded, MasterFileError, Mistake, Remark};
pub use records::ZoneRecord;
pub(crate) use respond::respond;
pub(crate) use set::ZoneSet;

use denial::Denial;

use crate::name::Name;
use crate::rdata::Soa;
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// A zone: complete, checked and unchangeable. A new version replaces the old one as a whole.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    /// Every name that exists, empty non-terminals too, by its wire form in lower case.
    nodes: HashMap<Arc<[u8]>, Node>,
    /// The keys of all nodes with data, in canonical order (RFC 4034 §6.1).
    order: Vec<Arc<[u8]>>,
    /// How a signed zone proves what is not there.
    denial: Denial,
    soa: Soa,
    /// It is ours and we do not have it: a secondary's before the first transfer and after the expiry
    /// (RFC 1034 §4.3.5). Every question fails.
    void: bool,
    /// TTL of the SOA record in denials: min(its TTL, MINIMUM) (RFC 2308 §3).
    denial_ttl: Ttl,
}

/// A name that exists. Without data of its own it is an empty non-terminal (RFC 4592 §2.2.2).
#[derive(Clone, Debug)]
struct Node {
    /// In the spelling of the zone file.
    owner: Name,
    sets: Vec<RrSet>,
}

/// The records of one owner and type, all with one TTL (RFC 2181 §5).
#[derive(Clone, Debug)]
struct RrSet {
    rtype: RecordType,
    ttl: Ttl,
    /// Plain wire form, names uncompressed.
    data: Vec<Box<[u8]>>,
}

impl Node {
    fn set(&self, rtype: RecordType) -> Option<&RrSet> {
        self.sets.iter().find(|set| set.rtype == rtype)
    }
}

impl Zone {
    /// Begins a zone at `origin`, to be filled record by record.
    pub fn builder(origin: Name) -> ZoneBuilder {
        ZoneBuilder::new(origin)
    }

    /// A zone that is ours to answer for and that we do not have: every question to it fails, and none of
    /// its names is asked of others.
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn void(origin: &Name) -> Zone {
        let mut builder = Zone::builder(origin.clone());
        let soa = [&[0, 0][..], &[0; 20]].concat();
        for (rtype, data) in [(RecordType::SOA, &soa[..]), (RecordType::NS, &[0])] {
            let put = builder.record(origin, Ttl::ZERO, rtype, data);
            put.expect("a SOA and an NS record go into any zone");
        }
        Zone { void: true, ..builder.build().expect("with SOA and NS it is a zone") }
    }

    /// Whether this is [`Zone::void`].
    pub fn is_void(&self) -> bool {
        self.void
    }

    /// Where the zone begins.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// The start-of-authority record.
    pub fn soa(&self) -> &Soa {
        &self.soa
    }

    /// How many records it holds.
    pub fn record_count(&self) -> usize {
        self.nodes.values().flat_map(|node| &node.sets).map(|set| set.data.len()).sum()
    }

    fn node(&self, folded: &[u8]) -> Option<&Node> {
        self.nodes.get(folded)
    }
}
