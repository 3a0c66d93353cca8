//! Who may ask, and which names never leave: access by network, private suffixes, and the names that the
//! RFCs reserve.

mod rebinding;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::answer::Answer;
use crate::name::Name;
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::{Zone, ZoneSet};

/// A network by address and prefix length; bits behind the prefix do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// No address in front of the slash.
    #[error("not an address: write a network as 10.0.0.0/8 or fd00::/8")]
    Address,
    /// A prefix that is no number or longer than the address.
    #[error("bad prefix length: at most 32 for IPv4, 128 for IPv6")]
    Prefix,
}

impl NetworkError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            NetworkError::Address => "address",
            NetworkError::Prefix => "prefix",
        }
    }
}

impl Network {
    /// A network; `None` when `prefix` is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Network> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= most).then_some(Network { address, prefix })
    }

    /// The length of its prefix.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether all of `other` lies in it.
    pub fn covers(&self, other: &Network) -> bool {
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.prefix <= other.prefix
            && self.contains(other.address)
    }

    /// Whether `address` lies in it. An IPv4 address that came mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let differ = u32::from(net) ^ u32::from(ip);
                differ.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let differ = u128::from(net) ^ u128::from(ip);
                differ.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// `address/prefix`, or an address alone for one host.
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| NetworkError::Prefix)?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Network::new(address, prefix).ok_or(NetworkError::Prefix)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Who is answered, and what is private.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Who is answered; everybody else is refused.
    pub(crate) allowed: Vec<Network>,
    /// Who else is answered from zones, and from nothing but them.
    pub(crate) public: Vec<Network>,
    /// Suffixes answered from zones only.
    pub(crate) private: Vec<Name>,
    /// Whether private addresses are taken from others, and for which suffixes they are nevertheless.
    pub(crate) rebinding: Option<Vec<Name>>,
}

impl Policy {
    /// Whether an answer of others about `name` brings an address that is only good in here: how strangers
    /// make a browser talk to the site's own hosts (DNS rebinding).
    pub(crate) fn rebinds(&self, name: &Name, answer: &Answer) -> bool {
        let Some(exempt) = &self.rebinding else { return false };
        !exempt.iter().any(|suffix| name.is_under(suffix)) && rebinding::leads_inside(answer)
    }

    pub(crate) fn is_public(&self, client: IpAddr) -> bool {
        self.public.iter().any(|network| network.contains(client))
    }

    pub(crate) fn allows(&self, client: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(client))
    }

    /// The private suffix that `name` lies under.
    pub(crate) fn private_suffix(&self, name: &Name) -> Option<&Name> {
        self.private.iter().find(|suffix| name.is_under(suffix))
    }
}

/// Loopback, link-local and private networks (RFC 1918, 6598 not included, 4193): the site itself.
pub(crate) fn local_networks() -> Vec<Network> {
    let v4 = |a, b, prefix| Network { address: Ipv4Addr::new(a, b, 0, 0).into(), prefix };
    let v6 = |first, last, prefix| Network {
        address: Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last).into(),
        prefix,
    };
    vec![
        v4(127, 0, 8),
        v4(10, 0, 8),
        v4(172, 16, 12),
        v4(192, 168, 16),
        v4(169, 254, 16),
        v6(0, 1, 128),
        v6(0xfc00, 0, 7),
        v6(0xfe80, 0, 10),
    ]
}

/// The zones every resolver answers by itself: `localhost` with its loopback addresses, `invalid` and
/// `onion` which do not exist (RFC 6761 §6.3, §6.4, RFC 7686 §2), `home.arpa` (RFC 8375 §4), and the
/// empty reverse zones of RFC 6303 and RFC 7793.
pub(crate) fn special_zones() -> ZoneSet {
    let mut zones = ZoneSet::default();
    let empty = ["invalid", "onion", "home.arpa"].map(str::to_owned);
    for origin in empty.into_iter().chain(empty_reverse_zones()) {
        zones.put(special_zone(&origin, &[]));
    }
    let loopback = Ipv4Addr::LOCALHOST.octets();
    let loopback6 = Ipv6Addr::LOCALHOST.octets();
    let addresses: [(RecordType, &[u8]); 2] =
        [(RecordType::A, &loopback), (RecordType::AAAA, &loopback6)];
    zones.put(special_zone("localhost", &addresses));
    zones
}

fn empty_reverse_zones() -> impl Iterator<Item = String> {
    const V4: [&str; 9] = [
        "0",
        "10",
        "127",
        "254.169",
        "168.192",
        "2.0.192",
        "100.51.198",
        "113.0.203",
        "255.255.255.255",
    ];
    const V6: [&str; 6] = ["d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"];
    let v4 = V4.into_iter().map(|net| format!("{net}.in-addr.arpa"));
    let private = (16..32).map(|net| format!("{net}.172.in-addr.arpa"));
    let shared = (64..128).map(|net| format!("{net}.100.in-addr.arpa"));
    let v6 = V6.into_iter().map(|net| format!("{net}.ip6.arpa"));
    let hosts = [Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST];
    let hosts = hosts.map(|host| Name::reverse(host.into()).to_string());
    v4.chain(private).chain(shared).chain(v6).chain(hosts)
}

/// A zone with the SOA and NS of RFC 6303 §3, and `addresses` at every name in it.
fn special_zone(origin: &str, addresses: &[(RecordType, &[u8])]) -> Zone {
    const WHY: &str = "the names and records of special zones are valid";
    let origin: Name = origin.parse().expect(WHY);
    let mut soa = origin.as_wire().to_vec();
    soa.extend(b"\x06nobody\x07invalid\x00");
    for field in [1u32, 3_600, 1_200, 604_800, SPECIAL_TTL.as_secs()] {
        soa.extend(field.to_be_bytes());
    }
    let mut zone = Zone::builder(origin.clone());
    zone.record(&origin, SPECIAL_TTL, RecordType::SOA, &soa).expect(WHY);
    zone.record(&origin, SPECIAL_TTL, RecordType::NS, origin.as_wire()).expect(WHY);
    let below = origin.prefixed(b"\x01*").expect(WHY);
    for &(rtype, data) in addresses {
        for owner in [&origin, &below] {
            zone.record(owner, SPECIAL_TTL, rtype, data).expect(WHY);
        }
    }
    zone.build().expect(WHY)
}

/// Three hours, RFC 6303 §3.
const SPECIAL_TTL: Ttl = Ttl::from_secs(10_800);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_their_prefix_says() {
        let holds = |net: &str, ip: &str| {
            net.parse::<Network>().expect("a network").contains(ip.parse().expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("192.0.2.1", "192.0.2.1") && !holds("192.0.2.1", "192.0.2.0"));
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"), "mapped");
        assert!(holds("fe80::/10", "febf::1") && !holds("fe80::/10", "fec0::"));
        assert!(holds("::/0", "fe80::1"));
        assert_eq!("10.0.0.0/33".parse::<Network>(), Err(NetworkError::Prefix));
        assert_eq!("ten/8".parse::<Network>(), Err(NetworkError::Address));
    }

    #[test]
    fn the_reserved_reverse_zones_are_there() {
        let zones = special_zones();
        for address in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.0.1",
            "100.64.0.1",
            "100.127.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "127.0.0.1",
            "::",
            "::1",
            "fd00::1",
            "fe80::1",
            "febf::1",
            "2001:db8::1",
        ] {
            let name = Name::reverse(address.parse().expect("an address"));
            assert!(zones.find(name.as_wire(), RecordType::PTR).is_some(), "{address}");
        }
        for address in [
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.0.170",
            "198.51.101.1",
            "fec0::1",
            "2001:db9::1",
            "::2",
        ] {
            let name = Name::reverse(address.parse().expect("an address"));
            assert!(zones.find(name.as_wire(), RecordType::PTR).is_none(), "{address}");
        }
    }
}
