//! The bounds of asking.

use std::time::Duration;

/// How others are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardConfig {
    /// A flight that has no answer by then has failed. Default 4 s: stub resolvers give up after 5.
    pub deadline: Duration,
    /// Attempts in one flight, hedges and TCP included. Default 6, least 1.
    pub max_attempts: usize,
    /// Flights at once. Default 10,000. More questions than that fail at once.
    pub max_flights: usize,
    /// Queries a second to one server, and as many at once. Default 50,000: what a site's own resolver bears.
    /// Less for servers of others, so that the site never gets itself blocked.
    pub queries_per_second: u32,
    /// The UDP payload on offer, octets. Default 1232 (DNS Flag Day 2020).
    pub udp_payload: u16,
    /// Whether letters of the names asked are mixed (0x20). Default true.
    pub mix_case: bool,
    /// Whether datagrams carry cookies (RFC 7873). Default true.
    pub cookies: bool,
    /// Whether servers are asked in turn rather than the fastest first. Default false.
    pub rotate: bool,
}

impl ForwardConfig {
    /// Whether nobody has said otherwise about what resolv.conf(5) speaks of too.
    #[cfg(feature = "server")]
    pub(crate) fn has_default_bounds(&self) -> bool {
        let default = ForwardConfig::default();
        (self.deadline, self.max_attempts, self.rotate)
            == (default.deadline, default.max_attempts, default.rotate)
    }
}

impl Default for ForwardConfig {
    fn default() -> ForwardConfig {
        ForwardConfig {
            deadline: Duration::from_secs(4),
            max_attempts: 6,
            max_flights: 10_000,
            queries_per_second: 50_000,
            udp_payload: crate::answer::DEFAULT_UDP_PAYLOAD,
            mix_case: true,
            cookies: true,
            rotate: false,
        }
    }
}
