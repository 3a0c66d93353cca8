//! Who may transfer a zone.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use crate::name::{Name, NameError};
use crate::policy::{Network, NetworkError};

/// Who may transfer: all that it names has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client is in this network.
    pub network: Option<Network>,
    /// The request is signed with this key.
    pub key: Option<Name>,
}

/// Why a text is no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The key's name.
    #[error("bad key name")]
    Key(#[from] NameError),
}

impl GrantError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            GrantError::Network(error) => error.label(),
            GrantError::Key(error) => error.label(),
        }
    }
}

impl Grant {
    pub(super) fn holds(&self, client: IpAddr, key: Option<&Name>) -> bool {
        let there = self.network.is_none_or(|network| network.contains(client));
        let signed = self.key.as_ref().is_none_or(|wanted| key == Some(wanted));
        // One that names nothing grants nothing.
        there && signed && (self.network.is_some() || self.key.is_some())
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    /// `NETWORK`, `#KEY` or `NETWORK#KEY`.
    fn from_str(text: &str) -> Result<Grant, GrantError> {
        let (network, key) = match text.split_once('#') {
            Some((network, key)) => (network, Some(key.parse()?)),
            None => (text, None),
        };
        let network = match (network, &key) {
            ("", Some(_)) => None,
            _ => Some(network.parse()?),
        };
        Ok(Grant { network, key })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(network) = &self.network {
            write!(f, "{network}")?;
        }
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "#{key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_named_has_to_hold() {
        let (inside, outside): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [192, 0, 2, 1].into());
        let (key, other): (Name, Name) = ("k.".parse().unwrap(), "o.".parse().unwrap());
        for (text, expected) in [
            ("10.0.0.0/8", [true, true, false, false]),
            ("#k", [false, true, false, true]),
            ("10.0.0.0/8#k", [false, true, false, false]),
        ] {
            let grant: Grant = text.parse().expect("a grant");
            let cases = [
                (inside, None),
                (inside, Some(&key)),
                (outside, Some(&other)),
                (outside, Some(&key)),
            ];
            let held = cases.map(|(client, key)| grant.holds(client, key));
            assert_eq!(held, expected, "{text}");
        }
        assert!(!Grant { network: None, key: None }.holds(inside, Some(&key)));
        assert!("".parse::<Grant>().is_err() && "10.0.0.0/8#".parse::<Grant>().is_err());
        assert_eq!("10.0.0.0/8#K".parse::<Grant>().expect("a grant").to_string(), "10.0.0.0/8#K.");
    }
}
