//! From records to a zone that can be relied on: what a zone must and must not hold.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use super::denial::Denial;
use super::{Node, RrSet, Zone};
use crate::layout;
use crate::name::{Name, canonical_cmp};
use crate::rdata::RData;
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// Why a record cannot go into a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The owner is not at or below the origin.
    #[error("{owner} lies outside of the zone {origin}: move it to a zone of its own")]
    OutOfZone {
        /// Whose record it is.
        owner: Name,
        /// Where the zone begins.
        origin: Name,
    },
    /// A type that only questions and messages have (RFC 6895 §3.1).
    #[error("{0} is no type for data: remove the record")]
    MetaType(RecordType),
    /// The data does not have the shape of its type.
    #[error("the data of this {0} record does not have its type's shape")]
    Shape(RecordType),
    /// A CNAME beside other data (RFC 1034 §3.6.2), or a second one.
    #[error("{0} has a CNAME and other data: keep one of them")]
    CnameAndOther(Name),
    /// A second DNAME at one owner (RFC 6672 §2.4).
    #[error("{0} has two DNAME records: keep one of them")]
    TwoDnames(Name),
    /// A SOA somewhere else than at the origin.
    #[error("a SOA record at {0}, which is not the origin: remove it or correct the origin")]
    SoaNotAtApex(Name),
    /// Two different SOA records.
    #[error("two different SOA records: keep one of them")]
    TwoSoas,
    /// A wildcard that is delegated: nobody can say what that means (RFC 4592 §4.2).
    #[error("{0} is a wildcard and cannot have NS records: delegate the names one by one")]
    WildcardNs(Name),
    /// More records of one owner and type than any message can hold.
    #[error("{0} has more {1} records than a message can hold: remove some")]
    TooMany(Name, RecordType),
}

impl RecordError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            RecordError::OutOfZone { .. } => "out_of_zone",
            RecordError::MetaType(_) => "meta_type",
            RecordError::Shape(_) => "shape",
            RecordError::CnameAndOther(_) => "cname_and_other",
            RecordError::TwoDnames(_) => "two_dnames",
            RecordError::SoaNotAtApex(_) => "soa_not_at_apex",
            RecordError::TwoSoas => "two_soas",
            RecordError::WildcardNs(_) => "wildcard_ns",
            RecordError::TooMany(..) => "too_many",
        }
    }
}

/// Why records do not make a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// No SOA record at the origin.
    #[error("{0} has no SOA record: add one at the origin")]
    NoSoa(Name),
    /// No NS record at the origin.
    #[error("{0} has no NS record: add one at the origin")]
    NoNs(Name),
    /// A server of the zone, in the zone, without an address: nobody could find the zone.
    #[error("the server {1} of {0} has no address: add A or AAAA")]
    ServerWithoutAddress(Name, Name),
    /// A server of the zone that is an alias (RFC 2181 §10.3).
    #[error("the server {1} of {0} is an alias: name its target")]
    ServerIsAlias(Name, Name),
}

impl ZoneError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            ZoneError::NoSoa(_) => "no_soa",
            ZoneError::NoNs(_) => "no_ns",
            ZoneError::ServerWithoutAddress(..) => "server_without_address",
            ZoneError::ServerIsAlias(..) => "server_is_alias",
        }
    }

    /// The owner and type of what is wrong.
    #[cfg(feature = "zones")]
    pub(super) fn place(&self) -> (&Name, RecordType) {
        match self {
            ZoneError::NoSoa(origin) => (origin, RecordType::SOA),
            ZoneError::NoNs(origin)
            | ZoneError::ServerWithoutAddress(origin, _)
            | ZoneError::ServerIsAlias(origin, _) => (origin, RecordType::NS),
        }
    }
}

/// A zone in the making.
#[derive(Debug)]
pub struct ZoneBuilder {
    origin: Name,
    nodes: HashMap<Arc<[u8]>, Node>,
}

impl ZoneBuilder {
    pub(super) fn new(origin: Name) -> ZoneBuilder {
        ZoneBuilder { origin, nodes: HashMap::new() }
    }

    /// Where the zone begins.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Adds a record of class IN. `rdata` is plain wire form, names in it uncompressed. One that is there
    /// already is not added again; records of one owner and type get the least of their TTLs
    /// (RFC 2181 §5.2).
    ///
    /// # Errors
    /// [`RecordError`]; the zone is then as it was.
    pub fn record(
        &mut self,
        owner: &Name,
        ttl: Ttl,
        rtype: RecordType,
        rdata: &[u8],
    ) -> Result<(), RecordError> {
        self.check(owner, rtype, rdata)?;
        // What lies between owner and origin exists, if only as empty non-terminals.
        let depth = owner.label_count() - self.origin.label_count();
        for name in std::iter::successors(owner.parent(), Name::parent).take(depth) {
            let key = name.folded().as_wire().into();
            self.nodes.entry(key).or_insert(Node { owner: name, sets: Vec::new() });
        }
        let key = owner.folded().as_wire().into();
        let new = Node { owner: owner.clone(), sets: Vec::new() };
        let node = self.nodes.entry(key).or_insert(new);
        match node.sets.iter_mut().find(|set| set.rtype == rtype) {
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                if !set.data.iter().any(|known| **known == *rdata) {
                    set.data.push(rdata.into());
                }
            }
            None => node.sets.push(RrSet { rtype, ttl, data: vec![rdata.into()] }),
        }
        Ok(())
    }

    fn check(&self, owner: &Name, rtype: RecordType, rdata: &[u8]) -> Result<(), RecordError> {
        if !owner.is_under(&self.origin) {
            let (owner, origin) = (owner.clone(), self.origin.clone());
            return Err(RecordError::OutOfZone { owner, origin });
        }
        if rtype.is_meta() {
            return Err(RecordError::MetaType(rtype));
        }
        if rdata.len() > u16::MAX as usize || layout::fields(rtype, rdata).is_none() {
            return Err(RecordError::Shape(rtype));
        }
        if rtype == RecordType::NS && owner.is_wildcard() {
            return Err(RecordError::WildcardNs(owner.clone()));
        }
        if rtype == RecordType::SOA && *owner != self.origin {
            return Err(RecordError::SoaNotAtApex(owner.clone()));
        }
        let Some(node) = self.nodes.get(owner.folded().as_wire()) else { return Ok(()) };
        let second = |set: &RrSet| set.rtype == rtype && set.data.iter().any(|d| **d != *rdata);
        let cname = |rtype| rtype == RecordType::CNAME;
        // RFC 4034 §3 and §4 let signatures and NSEC stand beside a CNAME.
        let beside = |rtype| {
            let signing = matches!(rtype, RecordType::RRSIG | RecordType::NSEC | RecordType::KEY);
            cname(rtype) || signing
        };
        for set in &node.sets {
            if set.rtype == rtype && set.data.len() >= MOST_IN_SET {
                return Err(RecordError::TooMany(owner.clone(), rtype));
            }
            if (cname(rtype) && !beside(set.rtype)) || (cname(set.rtype) && !beside(rtype)) {
                return Err(RecordError::CnameAndOther(owner.clone()));
            }
            match rtype {
                RecordType::CNAME if second(set) => {
                    return Err(RecordError::CnameAndOther(owner.clone()));
                }
                RecordType::DNAME if second(set) => {
                    return Err(RecordError::TwoDnames(owner.clone()));
                }
                RecordType::SOA if second(set) => return Err(RecordError::TwoSoas),
                _ => {}
            }
        }
        Ok(())
    }

    /// The finished zone.
    ///
    /// # Errors
    /// Without SOA or NS at the origin.
    pub fn build(self) -> Result<Zone, ZoneError> {
        let ZoneBuilder { origin, nodes } = self;
        let apex = nodes.get(origin.folded().as_wire());
        let set = apex
            .and_then(|apex| apex.set(RecordType::SOA))
            .ok_or_else(|| ZoneError::NoSoa(origin.clone()))?;
        if apex.and_then(|apex| apex.set(RecordType::NS)).is_none() {
            return Err(ZoneError::NoNs(origin));
        }
        let data = &set.data[0];
        let Ok(RData::Soa(soa)) = RData::read(data, 0, data.len(), RecordType::SOA) else {
            return Err(ZoneError::NoSoa(origin));
        };
        let denial_ttl = set.ttl.min(soa.minimum);
        let with_data = nodes.iter().filter(|(_, node)| !node.sets.is_empty());
        let mut order: Vec<Arc<[u8]>> = with_data.map(|(key, _)| Arc::clone(key)).collect();
        order.sort_unstable_by(|a, b| canonical_cmp(a, b));
        let denial = Denial::of(&origin, &nodes, &order);
        Ok(Zone { origin, nodes, order, denial, soa: *soa, void: false, denial_ttl })
    }
}

/// Records of one set: with owner, type, class, TTL and length each takes 12 octets of a message at least.
const MOST_IN_SET: usize = u16::MAX as usize / 12;
