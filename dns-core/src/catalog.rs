//! Catalog zones (RFC 9432): a zone that lists zones, so that secondaries learn of new ones by themselves.

use std::collections::BTreeMap;

use data_encoding::BASE32HEX_NOPAD;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::name::Name;
use crate::rdata::RData;
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::{Zone, ZoneRecord};

/// A zone that a catalog lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Where the zone begins.
    pub zone: MemberName,
    /// The label it is listed under; another one for the same zone means: begin anew (RFC 9432 §5.4).
    pub id: String,
    /// Its groups, for configuration on the secondary's side (§4.3.2).
    pub groups: Vec<String>,
    /// The catalog that may take it over (§4.3.1).
    pub change_of_ownership: Option<MemberName>,
}

/// A name in canonical order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberName(pub Name);

impl PartialOrd for MemberName {
    fn partial_cmp(&self, other: &MemberName) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MemberName {
    fn cmp(&self, other: &MemberName) -> std::cmp::Ordering {
        self.0.canonical_cmp(&other.0)
    }
}

/// Why a zone is no catalog to go by: whatever was there before stays (RFC 9432 §5.1).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Not version 2, or no version.
    #[error("no catalog of version 2: one TXT record at version.{0} has to say so")]
    Version(Name),
    /// A member with several PTR records.
    #[error("{0} has several PTR records: one member each")]
    TwoMembers(Name),
    /// A zone listed twice.
    #[error("{0} is listed twice: remove one of them")]
    Twice(Name),
}

impl CatalogError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            CatalogError::Version(_) => "version",
            CatalogError::TwoMembers(_) => "two_members",
            CatalogError::Twice(_) => "twice",
        }
    }
}

/// The members of `catalog`, in canonical order of their names. Properties that are not known are ignored
/// (RFC 9432 §5.1).
///
/// # Errors
/// [`CatalogError`]; nothing may be added or removed then.
pub fn members(catalog: &Zone) -> Result<Vec<Member>, CatalogError> {
    let origin = catalog.origin();
    let depth = origin.label_count();
    let mut version = Vec::new();
    let mut members: BTreeMap<String, Member> = BTreeMap::new();
    let mut properties: Vec<(String, Vec<u8>, ZoneRecord<'_>)> = Vec::new();
    for record in catalog.records() {
        let labels: Vec<Vec<u8>> = record.owner.labels().map(<[u8]>::to_ascii_lowercase).collect();
        let below = &labels[..labels.len() - depth];
        match below.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
            [b"version"] if record.rtype == RecordType::TXT => version.push(text(&record)),
            [id, b"zones"] if record.rtype == RecordType::PTR => {
                let Some(RData::Name(zone)) = data(&record) else { continue };
                let id = id.escape_ascii().to_string();
                let (groups, change_of_ownership) = (Vec::new(), None);
                let zone = MemberName(zone);
                let member = Member { zone, id: id.clone(), groups, change_of_ownership };
                if members.insert(id, member).is_some() {
                    return Err(CatalogError::TwoMembers(record.owner.clone()));
                }
            }
            [property, id, b"zones"] => {
                properties.push((id.escape_ascii().to_string(), property.to_vec(), record));
            }
            _ => {}
        }
    }
    if version != [Some("2".to_owned())] {
        return Err(CatalogError::Version(origin.clone()));
    }
    for (id, property, record) in properties {
        let Some(member) = members.get_mut(&id) else { continue };
        match (&property[..], data(&record)) {
            (b"group", Some(RData::Txt(_))) => member.groups.extend(text(&record)),
            (b"coo", Some(RData::Name(catalog))) if record.rtype == RecordType::PTR => {
                member.change_of_ownership = Some(MemberName(catalog));
            }
            _ => {}
        }
    }
    let mut members: Vec<Member> = members.into_values().collect();
    members.sort();
    match members.windows(2).find(|pair| pair[0].zone == pair[1].zone) {
        Some(pair) => Err(CatalogError::Twice(pair[0].zone.0.clone())),
        None => Ok(members),
    }
}

/// What a secondary has to do after a catalog has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberChange {
    /// Serve it.
    Added(Member),
    /// Stop, and forget what was saved.
    Removed(Member),
    /// The zone is another one of the same name: forget what was saved and transfer it anew (RFC 9432 §5.4).
    Reset(Member),
    /// Only its properties changed.
    Changed(Member),
}

/// What leads from the members `old` to `new`, both as [`members`] gives them.
pub fn changes(old: &[Member], new: &[Member]) -> Vec<MemberChange> {
    let find = |list: &[Member], zone: &MemberName| {
        list.binary_search_by(|member| member.zone.cmp(zone)).ok()
    };
    let mut changes = Vec::new();
    for member in old {
        if find(new, &member.zone).is_none() {
            changes.push(MemberChange::Removed(member.clone()));
        }
    }
    for member in new {
        match find(old, &member.zone).map(|at| &old[at]) {
            None => changes.push(MemberChange::Added(member.clone())),
            Some(known) if known.id != member.id => {
                changes.push(MemberChange::Reset(member.clone()));
            }
            Some(known) if known != member => changes.push(MemberChange::Changed(member.clone())),
            Some(_) => {}
        }
    }
    changes
}

/// The catalog at `origin` with this serial that lists `zones`, each with its groups. The label of a member is a
/// digest of its name, so that it stays the same from version to version.
///
/// # Panics
/// When `origin` is so long that no member's label fits below it.
pub fn build(origin: &Name, serial: u32, zones: &[(Name, Vec<String>)]) -> Zone {
    let mut builder = Zone::builder(origin.clone());
    // Nobody resolves anything through a catalog (RFC 9432 §4.1).
    let invalid = b"\x07invalid\x00";
    let mut soa = [&invalid[..], invalid].concat();
    for number in [serial, 3_600, 600, 2_419_200, 0] {
        soa.extend(number.to_be_bytes());
    }
    let mut put = |owner: &Name, rtype: RecordType, rdata: &[u8]| {
        let done = builder.record(owner, Ttl::ZERO, rtype, rdata);
        done.expect("the records of a catalog go into it");
    };
    put(origin, RecordType::SOA, &soa);
    put(origin, RecordType::NS, invalid);
    let below =
        |prefix: &[u8], name: &Name| name.prefixed(prefix).expect("a catalog has a short name");
    put(&below(b"\x07version", origin), RecordType::TXT, b"\x012");
    let list = below(b"\x05zones", origin);
    for (zone, groups) in zones {
        let digest = Sha256::digest(zone.folded().as_wire());
        let label = BASE32HEX_NOPAD.encode(&digest[..20]).to_ascii_lowercase();
        let member = below(&[&[label.len() as u8], label.as_bytes()].concat(), &list);
        put(&member, RecordType::PTR, zone.as_wire());
        for group in groups {
            let group = &group.as_bytes()[..group.len().min(255)];
            let text = [&[group.len() as u8], group].concat();
            put(&below(b"\x05group", &member), RecordType::TXT, &text);
        }
    }
    builder.build().expect("with SOA and NS it is a zone")
}

fn data(record: &ZoneRecord<'_>) -> Option<RData> {
    RData::read(record.rdata, 0, record.rdata.len(), record.rtype).ok()
}

/// The one string of a TXT record.
fn text(record: &ZoneRecord<'_>) -> Option<String> {
    match data(record) {
        Some(RData::Txt(strings)) if strings.len() == 1 => {
            String::from_utf8(strings[0].to_vec()).ok()
        }
        _ => None,
    }
}
