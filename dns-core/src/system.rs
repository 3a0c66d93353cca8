//! The system's own configuration, resolv.conf(5): whom to ask, and how short names are completed.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::forward::ForwardConfig;
use crate::name::{MAX_NAME, Name};
use crate::upstream::Upstream;

/// What resolv.conf says.
///
/// ```
/// use dns_core::SystemConfig;
///
/// let system = SystemConfig::parse("nameserver 192.0.2.53\nsearch corp.example\noptions ndots:2\n");
/// let names = system.candidates("db.munich");
/// assert_eq!(names[0].to_string(), "db.munich.corp.example.");
/// assert_eq!(names[1].to_string(), "db.munich.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemConfig {
    /// Servers, in their order; loopback when the file names none.
    pub servers: Vec<Upstream>,
    /// Suffixes for short names, in the order in which they are tried. At most 32; glibc stopped at 6 until
    /// version 2.26.
    pub search: Vec<Name>,
    /// A name with fewer dots is tried under the suffixes first. Default 1, most 15.
    pub ndots: u8,
    /// How long one server is waited for. Default 5 s, most 30 s.
    pub timeout: Duration,
    /// How often each is asked. Default 2, most 5.
    pub attempts: u8,
    /// Whether the servers are asked in turn.
    pub rotate: bool,
}

impl Default for SystemConfig {
    fn default() -> SystemConfig {
        SystemConfig {
            servers: vec![Upstream::plain(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53))],
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
        }
    }
}

impl SystemConfig {
    /// Reads the text of the file. What cannot be read is passed over, as the system's own resolver does.
    pub fn parse(text: &str) -> SystemConfig {
        let (mut system, mut servers) = (SystemConfig::default(), Vec::new());
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => servers.extend(words.next().and_then(|w| w.parse().ok())),
                // Of these two the last in the file counts.
                Some("search") => {
                    system.search =
                        words.filter_map(|w| w.parse().ok()).take(MOST_SUFFIXES).collect();
                }
                Some("domain") => {
                    system.search = words.next().and_then(|w| w.parse().ok()).into_iter().collect();
                }
                Some("options") => words.for_each(|word| system.option(word)),
                _ => {}
            }
        }
        if !servers.is_empty() {
            system.servers = servers;
        }
        system
    }

    fn option(&mut self, word: &str) {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        let number = |most: u8| value.parse::<u32>().map(|n| n.min(u32::from(most)) as u8);
        match (name, number(u8::MAX)) {
            ("ndots", Ok(_)) => self.ndots = number(15).unwrap_or(1),
            ("timeout", Ok(_)) => {
                self.timeout = Duration::from_secs(u64::from(number(30).unwrap_or(5).max(1)));
            }
            ("attempts", Ok(_)) => self.attempts = number(5).unwrap_or(2).max(1),
            ("rotate", _) => self.rotate = true,
            _ => {}
        }
    }

    /// The absolute names that `host` may stand for, in the order in which they are tried. A final dot says
    /// that it is absolute already.
    pub fn candidates(&self, host: &str) -> Vec<Name> {
        let Ok(name) = host.parse::<Name>() else { return Vec::new() };
        if host.ends_with('.') {
            return vec![name];
        }
        let wire = name.as_wire();
        let prefix = &wire[..wire.len() - 1];
        let under = |suffix: &Name| {
            (prefix.len() + suffix.as_wire().len() <= MAX_NAME)
                .then(|| suffix.prefixed(prefix).ok())
                .flatten()
        };
        let mut names: Vec<Name> = self.search.iter().filter_map(under).collect();
        let dots = host.matches('.').count();
        let at = if dots >= usize::from(self.ndots) { 0 } else { names.len() };
        names.insert(at, name);
        names
    }

    /// The bounds of asking that the file wishes for: all its attempts before the deadline.
    pub fn forward(&self) -> ForwardConfig {
        let servers = self.servers.len().max(1);
        ForwardConfig {
            deadline: self.timeout * u32::from(self.attempts),
            max_attempts: servers * usize::from(self.attempts) + EXTRA_ATTEMPTS,
            rotate: self.rotate,
            ..ForwardConfig::default()
        }
    }
}

const MOST_SUFFIXES: usize = 32;
/// For a truncated answer and a hedge.
const EXTRA_ATTEMPTS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_bounded_and_the_last_of_domain_and_search_counts() {
        let system = SystemConfig::parse(
            "# a comment\n; another\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\n\
             search a.example b.example.\ndomain corp.example\noptions ndots:99 timeout:0 attempts:9 rotate x:1\n\
             nameserver\nsortlist 1\n",
        );
        let servers: Vec<String> = system.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53"]);
        assert_eq!(system.search, ["corp.example".parse().expect("a name")]);
        assert_eq!((system.ndots, system.attempts, system.rotate), (15, 5, true));
        assert_eq!(system.timeout, Duration::from_secs(1));
        assert_eq!(SystemConfig::parse("").servers[0].address.to_string(), "127.0.0.1:53");
    }

    #[test]
    fn short_names_are_completed_first_and_dotted_ones_last() {
        let system = SystemConfig::parse("search a.example b.example\noptions ndots:1\n");
        let tried = |host: &str| {
            system.candidates(host).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(tried("db"), ["db.a.example.", "db.b.example.", "db."]);
        assert_eq!(tried("db.x"), ["db.x.", "db.x.a.example.", "db.x.b.example."]);
        assert_eq!(tried("db."), ["db."]);
        assert_eq!(tried("a..b"), [""; 0]);
        let long = vec!["x".repeat(62); 4].join(".");
        assert_eq!(tried(&long), [format!("{long}.")], "what gets too long is left out");
    }
}
