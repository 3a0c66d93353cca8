//! Addresses that are only good in here, wherever an answer of others hides them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::answer::Answer;
use crate::name::measure;
use crate::record_type::RecordType;

/// Whether an address among the answer's records, or among the hints of its service bindings (RFC 9460 §7.3), is
/// loopback, link-local, private or shared (RFC 6890).
pub(super) fn leads_inside(answer: &Answer) -> bool {
    let wire = answer.as_wire();
    answer.walk_records().any(|record| {
        let Some(data) = wire.get(record.rdata) else { return false };
        match record.rtype {
            RecordType::A | RecordType::AAAA => addresses(data, data.len()).any(is_inside),
            RecordType::SVCB | RecordType::HTTPS => hints(data).any(is_inside),
            _ => false,
        }
    })
}

/// The addresses, of `len` octets each, that stand one behind the other.
fn addresses(data: &[u8], len: usize) -> impl Iterator<Item = IpAddr> {
    data.chunks(len.max(1)).filter_map(|address| {
        let v4 = <[u8; 4]>::try_from(address).ok().map(IpAddr::from);
        v4.or_else(|| <[u8; 16]>::try_from(address).ok().map(IpAddr::from))
    })
}

/// The addresses that a service binding hints at (RFC 9460 §2.2: priority, target, then keys and values).
fn hints(data: &[u8]) -> impl Iterator<Item = IpAddr> {
    let target = data.get(2..).and_then(|rest| measure(rest).ok());
    let mut rest = target.and_then(|len| data.get(2 + len..)).unwrap_or_default();
    let values = std::iter::from_fn(move || {
        let (&[k1, k2, l1, l2], after) = rest.split_first_chunk()?;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([l1, l2])))?;
        rest = after;
        Some((u16::from_be_bytes([k1, k2]), value))
    });
    values.flat_map(|(key, value)| match key {
        IPV4HINT => addresses(value, 4),
        IPV6HINT => addresses(value, 16),
        _ => addresses(&[], 4),
    })
}

fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = u32::from(ip) >> 22 == u32::from_be_bytes([100, 64, 0, 0]) >> 22;
            let this = ip.octets()[0] == 0;
            this || shared || ip.is_loopback() || ip.is_private() || ip.is_link_local()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || translated(ip).is_some_and(|v4| is_inside(v4.into()))
        }
    }
}

/// The IPv4 address that a gateway of the site would make of it: NAT64 (RFC 6052 §2.1) and 6to4 (RFC 3056 §2).
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    let at = match octets {
        [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..] => 12,
        [0x20, 0x02, ..] => 2,
        _ => return None,
    };
    let v4 = <[u8; 4]>::try_from(&octets[at..at + 4]).ok()?;
    Some(v4.into())
}

const IPV4HINT: u16 = 4;
const IPV6HINT: u16 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lead_inside_by_a_detour_are_known() {
        for (text, inside) in [
            ("64:ff9b::10.0.0.1", true),
            ("64:ff9b::203.0.113.9", false),
            ("2002:c0a8:0101::1", true),
            ("2002:cb00:7109::1", false),
            ("::ffff:127.0.0.1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_inside(text.parse().expect("an address")), inside, "{text}");
        }
    }

    #[test]
    fn hints_are_read_as_far_as_they_go() {
        let binding = b"\0\x01\x03svc\0\0\x01\0\x03\x02h2\0\x04\0\x08\xcb\0\x71\x09\x0a\0\0\x01";
        let found: Vec<_> = hints(binding).map(|address| address.to_string()).collect();
        assert_eq!(found, ["203.0.113.9", "10.0.0.1"]);
        for cut in 0..binding.len() {
            let _ = hints(&binding[..cut]).count();
        }
    }
}
