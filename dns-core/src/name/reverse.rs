//! Names of addresses: `in-addr.arpa` (RFC 1035 §3.5) and `ip6.arpa` (RFC 3596 §2.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Name, equal_ignoring_case};

impl Name {
    /// The name under which the PTR record of `address` stands.
    pub fn reverse(address: IpAddr) -> Name {
        let mut wire = Vec::with_capacity(74);
        let tail: &[u8] = match address {
            IpAddr::V4(v4) => {
                for octet in v4.octets().iter().rev() {
                    let digits = octet.to_string();
                    wire.push(digits.len() as u8);
                    wire.extend(digits.as_bytes());
                }
                IN_ADDR_ARPA
            }
            IpAddr::V6(v6) => {
                for octet in v6.octets().iter().rev() {
                    wire.extend([1, HEX[(octet & 15) as usize], 1, HEX[(octet >> 4) as usize]]);
                }
                IP6_ARPA
            }
        };
        wire.extend(tail);
        Name { wire: wire.into() }
    }

    /// The address whose reverse name this is: all labels there, in canonical form.
    pub fn reversed_address(&self) -> Option<IpAddr> {
        let labels: Vec<&[u8]> = self.labels().collect();
        let below = |count: usize, tail: &[u8]| {
            labels.len() == count + 2
                && self.wire.len() > tail.len()
                && equal_ignoring_case(&self.wire[self.wire.len() - tail.len()..], tail)
        };
        let address = if below(4, IN_ADDR_ARPA) {
            let mut octets = [0u8; 4];
            for (octet, label) in octets.iter_mut().rev().zip(&labels) {
                *octet = std::str::from_utf8(label).ok()?.parse().ok()?;
            }
            IpAddr::V4(Ipv4Addr::from(octets))
        } else if below(32, IP6_ARPA) {
            let mut bits = 0u128;
            for label in labels[..32].iter().rev() {
                let digit = std::str::from_utf8(label).ok()?;
                bits = bits << 4 | u128::from_str_radix(digit, 16).ok().filter(|d| *d < 16)?;
            }
            IpAddr::V6(Ipv6Addr::from(bits))
        } else {
            return None;
        };
        (Name::reverse(address) == *self).then_some(address)
    }
}

const IN_ADDR_ARPA: &[u8] = b"\x07in-addr\x04arpa\x00";
const IP6_ARPA: &[u8] = b"\x03ip6\x04arpa\x00";
const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_as_the_rfcs_show() {
        let v4 = Name::reverse(Ipv4Addr::new(10, 2, 0, 52).into());
        assert_eq!(v4.to_string(), "52.0.2.10.in-addr.arpa.");
        // RFC 3596 §2.5's own example.
        let v6 = Name::reverse("4321:0:1:2:3:4:567:89ab".parse().expect("valid"));
        assert_eq!(
            v6.to_string(),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa."
        );
    }

    #[test]
    fn only_complete_canonical_names_are_addresses() {
        for text in [
            "2.0.10.in-addr.arpa",
            "01.2.0.10.in-addr.arpa",
            "256.2.0.10.in-addr.arpa",
            "+1.2.0.10.in-addr.arpa",
            "1.2.3.4.example",
            "in-addr.arpa",
            ".",
        ] {
            let name: Name = text.parse().expect("a name");
            assert_eq!(name.reversed_address(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_address_comes_back(address: IpAddr) {
            prop_assert_eq!(Name::reverse(address).reversed_address(), Some(address));
        }
    }
}
