//! Names answered before anything else, by site: the whole world asks the same name, each site gets its own
//! answer.
//!
//! A record is for everybody, for a site (a name for some networks) or for one network. A client gets, name by
//! name, the records of the narrowest of these that hold it. Addresses lead back: PTR records come with them.

mod views;
#[cfg(feature = "zones")]
mod text;

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

#[cfg(feature = "zones")]
pub use text::OverlayError;
pub(crate) use views::Views;

use crate::hosts::Hosts;
use crate::name::Name;
use crate::policy::Network;
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::{Zone, ZoneBuilder};

/// For whom a record is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Everybody.
    Everybody,
    /// The clients of a site.
    Site(String),
    /// The clients of a network.
    Network(Network),
}

/// Names by site.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    sites: BTreeMap<String, Vec<Network>>,
    names: Vec<Tagged>,
    /// The PTR records that are there.
    backs: HashSet<(Scope, Name)>,
}

/// A name, or all names below one, for some.
#[derive(Clone, Debug)]
struct Tagged {
    scope: Scope,
    /// With a leading `*` for all names below the rest.
    name: Name,
    zone: Arc<Zone>,
}

impl Overlay {
    /// Nothing yet.
    pub fn new() -> Overlay {
        Overlay::default()
    }

    /// Says which networks are a site's; more calls add to it.
    pub fn site(mut self, name: &str, networks: impl IntoIterator<Item = Network>) -> Overlay {
        self.sites.entry(name.to_owned()).or_default().extend(networks);
        self
    }

    /// The names and addresses of a hosts file.
    pub fn hosts(mut self, scope: &Scope, hosts: &Hosts) -> Overlay {
        for (name, addresses) in hosts.names() {
            self.name(scope, name, addresses);
        }
        for (address, name) in hosts.addresses() {
            self.back(scope, address, name);
        }
        self
    }

    /// A host's addresses. `name` may begin with a `*`, for all names below the rest.
    pub fn host(mut self, scope: &Scope, name: &Name, addresses: &[IpAddr]) -> Overlay {
        self.name(scope, name, addresses);
        if !name.is_wildcard() {
            for &address in addresses {
                self.back(scope, address, name);
            }
        }
        self
    }

    /// Everything of `other` as well.
    pub fn merge(mut self, other: Overlay) -> Overlay {
        for (site, networks) in other.sites {
            self.sites.entry(site).or_default().extend(networks);
        }
        self.names.extend(other.names);
        self.backs.extend(other.backs);
        self
    }

    /// How many names there are, each counted once for every scope.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The sites that are named but have no network.
    pub fn unknown_sites(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|tagged| match &tagged.scope {
            Scope::Site(site) if !self.sites.contains_key(site) => Some(site.as_str()),
            _ => None,
        })
    }

    fn name(&mut self, scope: &Scope, name: &Name, addresses: &[IpAddr]) {
        let records: Vec<(RecordType, Vec<u8>)> = addresses
            .iter()
            .map(|address| match address {
                IpAddr::V4(v4) => (RecordType::A, v4.octets().to_vec()),
                IpAddr::V6(v6) => (RecordType::AAAA, v6.octets().to_vec()),
            })
            .collect();
        self.put(scope, name, &records);
    }

    fn back(&mut self, scope: &Scope, address: IpAddr, name: &Name) {
        let back = Name::reverse(address);
        // The first name of an address is the one it leads back to.
        if self.backs.insert((scope.clone(), back.clone())) {
            self.put(scope, &back, &[(RecordType::PTR, name.as_wire().to_vec())]);
        }
    }

    fn put(&mut self, scope: &Scope, name: &Name, records: &[(RecordType, Vec<u8>)]) {
        const WHY: &str = "addresses and names are valid data";
        let mut zone = begin(name);
        for (rtype, data) in records {
            zone.record(name, OVERLAY_TTL, *rtype, data).expect(WHY);
        }
        let zone = Arc::new(zone.build().expect(WHY));
        self.names.push(Tagged { scope: scope.clone(), name: name.clone(), zone });
    }
}

/// A zone that is only ever asked about `name`: at its parent, so that the name may be an alias or a wildcard.
fn begin(name: &Name) -> ZoneBuilder {
    const WHY: &str = "these records are valid in any zone";
    let origin = name.parent().unwrap_or(Name::root());
    let mut soa = origin.as_wire().to_vec();
    soa.extend(b"\x06nobody\x07invalid\x00");
    soa.extend(
        [1, 3_600, 600, 86_400, OVERLAY_TTL.as_secs()].into_iter().flat_map(u32::to_be_bytes),
    );
    let mut zone = Zone::builder(origin.clone());
    zone.record(&origin, OVERLAY_TTL, RecordType::SOA, &soa).expect(WHY);
    zone.record(&origin, OVERLAY_TTL, RecordType::NS, origin.as_wire()).expect(WHY);
    zone
}

/// A change should be seen within a minute.
const OVERLAY_TTL: Ttl = Ttl::MINUTE;
