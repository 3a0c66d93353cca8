//! Hosts files (hosts(5)): addresses and their names, answered before anybody is asked.
//!
//! Every name becomes a small zone of its own, every address a PTR record. So other types of these names are
//! denied here rather than asked of others, and the first name of a line is the one an address leads back to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use thiserror::Error;

use crate::name::Name;
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::Zone;

/// What a hosts file says.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    addresses: BTreeMap<String, (Name, Vec<IpAddr>)>,
    names: BTreeMap<IpAddr, Name>,
}

/// A line that is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {text:?} is no {wanted}")]
pub struct HostsMistake {
    /// Counted from 1.
    pub line: usize,
    /// The word.
    pub text: String,
    /// What should stand there.
    pub wanted: &'static str,
}

impl HostsMistake {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        "hosts"
    }
}

impl Hosts {
    /// Reads a hosts file. What cannot be read is passed over and told of: half a hosts file is better than
    /// none.
    pub fn parse(text: &str) -> (Hosts, Vec<HostsMistake>) {
        let (mut hosts, mut mistakes) = (Hosts::default(), Vec::new());
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.split('#').next().unwrap_or_default();
            let mut words = content.split_whitespace();
            let Some(first) = words.next() else { continue };
            let mut wrong = |text: &str, wanted| {
                mistakes.push(HostsMistake { line, text: text.to_owned(), wanted });
            };
            // A zone index (`fe80::1%eth0`) means something on one host only.
            let Ok(address) = first.parse::<IpAddr>() else {
                wrong(first, "address");
                continue;
            };
            for word in words {
                match word.parse::<Name>() {
                    Ok(name) if !name.is_root() => hosts.add(address, name),
                    _ => wrong(word, "name"),
                }
            }
        }
        (hosts, mistakes)
    }

    fn add(&mut self, address: IpAddr, name: Name) {
        self.names.entry(address).or_insert_with(|| name.clone());
        let key = name.folded().to_string();
        let (_, addresses) = self.addresses.entry(key).or_insert_with(|| (name, Vec::new()));
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// A zone for each name and for each address.
    pub fn zones(&self) -> impl Iterator<Item = Zone> {
        let forward = self.addresses.values().map(|(name, addresses)| {
            let records = addresses.iter().map(|address| match address {
                IpAddr::V4(v4) => (RecordType::A, v4.octets().to_vec()),
                IpAddr::V6(v6) => (RecordType::AAAA, v6.octets().to_vec()),
            });
            zone(name, records)
        });
        let back = self.names.iter().map(|(address, name)| {
            zone(&Name::reverse(*address), [(RecordType::PTR, name.as_wire().to_vec())])
        });
        forward.chain(back)
    }
}

fn zone(origin: &Name, records: impl IntoIterator<Item = (RecordType, Vec<u8>)>) -> Zone {
    const WHY: &str = "the names and records of a hosts file are valid";
    let mut soa = origin.as_wire().to_vec();
    soa.extend(b"\x06nobody\x07invalid\x00");
    soa.extend(
        [1_u32, 3_600, 600, 86_400, HOSTS_TTL.as_secs()].into_iter().flat_map(u32::to_be_bytes),
    );
    let mut zone = Zone::builder(origin.clone());
    zone.record(origin, HOSTS_TTL, RecordType::SOA, &soa).expect(WHY);
    zone.record(origin, HOSTS_TTL, RecordType::NS, origin.as_wire()).expect(WHY);
    for (rtype, data) in records {
        zone.record(origin, HOSTS_TTL, rtype, &data).expect(WHY);
    }
    zone.build().expect(WHY)
}

/// A change in the file should be seen within a minute.
const HOSTS_TTL: Ttl = Ttl::MINUTE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_zones_and_mistakes_are_told() {
        let (hosts, mistakes) = Hosts::parse(
            "# the site\n192.0.2.1 web www.site.example # two names\n\n2001:db8::1 WEB\nnowhere x\n192.0.2.2 a..b ok\n",
        );
        assert_eq!((hosts.len(), hosts.is_empty()), (3, false));
        // web, www.site.example, ok, and three addresses.
        assert_eq!(hosts.zones().count(), 6);
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["line 5: \"nowhere\" is no address", "line 6: \"a..b\" is no name"]);
    }
}
