//! Networks: an address and how many of its bits count.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A network such as `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// In IPv6 form, IPv4 mapped (RFC 4291 §2.5.5.2), bits beyond the prefix cleared.
    base: u128,
    /// Of the IPv6 form.
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// What stands before the slash is no address.
    #[error("not an IP address")]
    Address(#[from] AddrParseError),
    /// What stands after it is no length, or longer than the address.
    #[error("the prefix length is a number up to {most}")]
    Prefix {
        /// 32 or 128.
        most: u8,
    },
}

impl NetworkError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Prefix { .. } => "prefix",
        }
    }
}

impl Network {
    /// The addresses that share the first `prefix` bits with `address`; a longer prefix than the
    /// address has stands for all of it.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let (bits, own) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let prefix = own + prefix.min(bits);
        Self { base: mapped(address) & mask(prefix), prefix }
    }

    /// Whether `address` lies in it; an IPv4 address and the same mapped into IPv6 are one.
    pub fn contains(&self, address: IpAddr) -> bool {
        mapped(address) & mask(self.prefix) == self.base
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(text) => {
                let prefix = text.parse().ok().filter(|&prefix| prefix <= most);
                prefix.ok_or(NetworkError::Prefix { most })?
            }
        };
        Ok(Self::new(address, prefix))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from(self.base);
        match address.to_ipv4_mapped() {
            Some(v4) if self.prefix >= 96 => write!(f, "{v4}/{}", self.prefix - 96),
            _ => write!(f, "{address}/{}", self.prefix),
        }
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_shares_their_prefix() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.77/24", "192.0.2.1", "192.0.3.0"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "255.0.0.1", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "10.0.0.1", ""),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network}");
            if let Ok(outside) = outside.parse() {
                assert!(!network.contains(outside), "{network}");
            }
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "::/", "::/-1", "host/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
