//! Hosts files (hosts(5)): addresses and their names, answered before anybody is asked.
//!
//! An [`Overlay`](crate::Overlay) answers them: other types of these names are denied there rather than asked of
//! others, and the first name of an address is the one it leads back to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use thiserror::Error;

use crate::name::Name;

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

    /// Every name with its addresses.
    pub fn names(&self) -> impl Iterator<Item = (&Name, &[IpAddr])> {
        self.addresses.values().map(|(name, addresses)| (name, addresses.as_slice()))
    }

    /// Every address with the name it leads back to.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, &Name)> {
        self.names.iter().map(|(address, name)| (*address, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_zones_and_mistakes_are_told() {
        let (hosts, mistakes) = Hosts::parse(
            "# the site\n192.0.2.1 web www.site.example # two names\n\n2001:db8::1 WEB\nnowhere x\n192.0.2.2 a..b ok\n",
        );
        assert_eq!((hosts.len(), hosts.is_empty()), (3, false));
        assert_eq!((hosts.names().count(), hosts.addresses().count()), (3, 3));
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["line 5: \"nowhere\" is no address", "line 6: \"a..b\" is no name"]);
    }
}
