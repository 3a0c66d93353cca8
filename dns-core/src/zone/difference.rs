//! What changed between two versions of a zone, as IXFR carries it (RFC 1995 §4).

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use super::{RecordError, Zone, ZoneError, ZoneRecord};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// One record of a zone, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Whose it is.
    pub owner: Name,
    /// How long it may be kept.
    pub ttl: Ttl,
    /// Its type.
    pub rtype: RecordType,
    /// Plain wire form, names uncompressed.
    pub rdata: Box<[u8]>,
}

impl OwnedRecord {
    /// The same, borrowed.
    pub fn borrowed(&self) -> ZoneRecord<'_> {
        ZoneRecord { owner: &self.owner, ttl: self.ttl, rtype: self.rtype, rdata: &self.rdata }
    }
}

impl From<ZoneRecord<'_>> for OwnedRecord {
    fn from(record: ZoneRecord<'_>) -> OwnedRecord {
        OwnedRecord {
            owner: record.owner.clone(),
            ttl: record.ttl,
            rtype: record.rtype,
            rdata: record.rdata.into(),
        }
    }
}

/// What leads from one version of a zone to another. In both lists the SOA stands first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The serial it leads from.
    pub from: u32,
    /// The serial it leads to.
    pub to: u32,
    /// What goes: the old SOA first.
    pub removed: Vec<OwnedRecord>,
    /// What comes: the new SOA first.
    pub added: Vec<OwnedRecord>,
}

/// Why a difference does not fit a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// It begins at another version.
    #[error("a difference from serial {from} for a zone at {at}")]
    Serial {
        /// Where it begins.
        from: u32,
        /// Where the zone is.
        at: u32,
    },
    /// It removes what is not there.
    #[error("it removes a {1} record of {0} that is not there")]
    Missing(Name, RecordType),
    /// It adds what cannot be.
    #[error("it adds what does not go into the zone")]
    Record(#[from] RecordError),
    /// What results is no zone.
    #[error("what results is no zone")]
    Zone(#[from] ZoneError),
}

impl ApplyError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            ApplyError::Serial { .. } => "serial",
            ApplyError::Missing(..) => "missing",
            ApplyError::Record(error) => error.label(),
            ApplyError::Zone(error) => error.label(),
        }
    }
}

/// Owner in lower case, type and data: what makes two records the same one.
type Key = (Box<[u8]>, RecordType, Box<[u8]>);

fn key(record: &ZoneRecord<'_>) -> Key {
    (record.owner.folded().as_wire().into(), record.rtype, record.rdata.into())
}

impl Zone {
    /// What leads from this version to `newer`. Looks at every record of both.
    pub fn difference(&self, newer: &Zone) -> Difference {
        let with_ttl = |record: ZoneRecord<'_>| (key(&record), record.ttl);
        let (old, new): (HashSet<_>, HashSet<_>) =
            (self.records().map(with_ttl).collect(), newer.records().map(with_ttl).collect());
        let only = |zone: &Zone, other: &HashSet<_>| {
            let is_soa = |record: &ZoneRecord<'_>| record.rtype == RecordType::SOA;
            let all = zone.records();
            all.filter(|record| is_soa(record) || !other.contains(&with_ttl(*record)))
                .map(OwnedRecord::from)
                .collect()
        };
        Difference {
            from: self.soa.serial,
            to: newer.soa.serial,
            removed: only(self, &new),
            added: only(newer, &old),
        }
    }

    /// This version with `differences` worked in, one after another: a new zone; this one stays as it is.
    /// Looks at every record once.
    ///
    /// # Errors
    /// When they do not fit: one begins elsewhere, removes what is not there, or the result is no zone.
    pub fn apply(&self, differences: &[Difference]) -> Result<Zone, ApplyError> {
        let mut all: HashMap<Key, OwnedRecord> =
            self.records().map(|record| (key(&record), record.into())).collect();
        let mut at = self.soa.serial;
        for difference in differences {
            if difference.from != at {
                return Err(ApplyError::Serial { from: difference.from, at });
            }
            for record in &difference.removed {
                let missing = || ApplyError::Missing(record.owner.clone(), record.rtype);
                all.remove(&key(&record.borrowed())).ok_or_else(missing)?;
            }
            let added = difference.added.iter().map(|r| (key(&r.borrowed()), r.clone()));
            all.extend(added);
            at = difference.to;
        }
        let mut builder = Zone::builder(self.origin.clone());
        for record in all.values() {
            builder.record(&record.owner, record.ttl, record.rtype, &record.rdata)?;
        }
        Ok(builder.build()?)
    }
}
