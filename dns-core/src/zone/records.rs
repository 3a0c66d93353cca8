//! A zone record by record, as it is transferred and saved.

use super::{Node, RrSet, Zone};
use crate::name::{Name, equal_ignoring_case};
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// One record of a zone, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneRecord<'z> {
    /// Whose it is, in the spelling of the zone file.
    pub owner: &'z Name,
    /// How long it may be kept; that of a signature is that of what it signs (RFC 4034 §3).
    pub ttl: Ttl,
    /// Its type.
    pub rtype: RecordType,
    /// Plain wire form, names uncompressed.
    pub rdata: &'z [u8],
}

impl Zone {
    /// Every record: the SOA, then all others in canonical order of their owners (RFC 4034 §6.1).
    pub fn records(&self) -> impl Iterator<Item = ZoneRecord<'_>> {
        let apex = self.node(self.origin.folded().as_wire());
        let soa = apex.into_iter().flat_map(|apex| {
            apex.sets.iter().filter(|set| set.rtype == RecordType::SOA).map(move |set| (apex, set))
        });
        let others = self.order.iter().filter_map(|key| self.node(key)).flat_map(|node| {
            node.sets.iter().filter(|set| set.rtype != RecordType::SOA).map(move |set| (node, set))
        });
        soa.chain(others).flat_map(|(node, set)| {
            set.data.iter().map(move |rdata| ZoneRecord {
                owner: &node.owner,
                ttl: node.ttl_of(set, rdata),
                rtype: set.rtype,
                rdata,
            })
        })
    }

    /// The records at the `index`th owner with data, in canonical order; the SOA's among them. `None` behind
    /// the last one. For walks that pause.
    #[cfg(feature = "zones")]
    pub(crate) fn records_at(&self, index: usize) -> Option<Vec<ZoneRecord<'_>>> {
        let node = self.node(self.order.get(index)?)?;
        let each = node.sets.iter().flat_map(|set| {
            set.data.iter().map(move |rdata| ZoneRecord {
                owner: &node.owner,
                ttl: node.ttl_of(set, rdata),
                rtype: set.rtype,
                rdata,
            })
        });
        Some(each.collect())
    }

    /// The SOA record itself.
    #[cfg(feature = "zones")]
    pub(crate) fn soa_record(&self) -> ZoneRecord<'_> {
        self.records().next().expect("a zone has a SOA")
    }

    /// Whether the two hold the same records, letter case of owners aside.
    pub fn same_records(&self, other: &Zone) -> bool {
        let sorted = |zone: &Zone| {
            let mut all: Vec<(Vec<u8>, u16, u32, Vec<u8>)> = zone
                .records()
                .map(|r| {
                    let owner = r.owner.folded().as_wire().to_vec();
                    (owner, r.rtype.0, r.ttl.as_secs(), r.rdata.to_vec())
                })
                .collect();
            all.sort_unstable();
            all
        };
        equal_ignoring_case(self.origin.as_wire(), other.origin.as_wire())
            && sorted(self) == sorted(other)
    }
}

impl Node {
    /// The TTL of one record of `set`.
    pub(super) fn ttl_of(&self, set: &RrSet, rdata: &[u8]) -> Ttl {
        if set.rtype != RecordType::RRSIG {
            return set.ttl;
        }
        covered(rdata).and_then(|rtype| self.set(rtype)).map_or(set.ttl, |signed| signed.ttl)
    }
}

/// What type a signature is of (RFC 4034 §3.1.1).
pub(super) fn covered(rrsig: &[u8]) -> Option<RecordType> {
    rrsig.first_chunk().map(|rtype| RecordType(u16::from_be_bytes(*rtype)))
}
