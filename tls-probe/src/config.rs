//! The settings of a probe and their bounds.

use std::time::Duration;

use crate::gap::Vantage;

/// The settings of a probe, for packets and for a server's own streams alike.
///
/// | limit | default | least | most | source |
/// |---|---|---|---|---|
/// | `max_flows` | 16,384 | 1 | 2^20 | about 2 KiB a flow: 32 MiB |
/// | `max_reassembly_bytes` | 65,536 | 0 | 2^20 | a receive window without scaling (RFC 9293) |
/// | `max_held_bytes` | 64 MiB | 64 KiB | – | a thousand flows with a full store each |
/// | `handshake_timeout` | 30 s | 1 ms | 1 h | twice what common servers wait |
/// | `notable` | 20 ms | 0 | – | above the cost of an RSA-4096 signature on a busy host |
/// | `slow` | 1 s | 0 | – | the patience of a person who waits |
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) server_ports: Vec<u16>,
    pub(crate) max_flows: usize,
    pub(crate) max_reassembly_bytes: usize,
    pub(crate) max_held_bytes: usize,
    pub(crate) handshake_timeout: Duration,
    pub(crate) vantage: Vantage,
    pub(crate) notable: Duration,
    pub(crate) slow: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_ports: Vec::new(),
            max_flows: 16_384,
            max_reassembly_bytes: 65_536,
            max_held_bytes: 64 << 20,
            handshake_timeout: Duration::from_secs(30),
            vantage: Vantage::Server,
            notable: Duration::from_millis(20),
            slow: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// Looks at connections to these ports only, and reports them even if no hello was ever said.
    /// Without any, every connection is looked at, and reported once a hello was.
    pub fn server_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.server_ports = ports.into_iter().collect();
        self
    }

    /// The most connections followed at once; the oldest gives way and is counted.
    pub fn max_flows(mut self, flows: usize) -> Self {
        self.max_flows = flows.clamp(1, 1 << 20);
        self
    }

    /// The most bytes kept per direction while a hole before them may still be filled.
    pub fn max_reassembly_bytes(mut self, bytes: usize) -> Self {
        self.max_reassembly_bytes = bytes.min(1 << 20);
        self
    }

    /// The most bytes kept over all connections; beyond it the oldest connections give way, and are
    /// counted.
    pub fn max_held_bytes(mut self, bytes: usize) -> Self {
        self.max_held_bytes = bytes.max(64 << 10);
        self
    }

    /// A handshake not over so long after its first packet is reported as timed out.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout.clamp(Duration::from_millis(1), Duration::from_hours(1));
        self
    }

    /// [`handshake_timeout`](Self::handshake_timeout) in nanoseconds: at most an hour's.
    #[cfg(feature = "passive")]
    pub(crate) fn timeout_ns(&self) -> u64 {
        self.handshake_timeout.as_nanos() as u64
    }

    /// Which end the packets were captured beside.
    pub fn vantage(mut self, vantage: Vantage) -> Self {
        self.vantage = vantage;
        self
    }

    /// The least idle time for which somebody is blamed; a quarter of the round trip if that is more.
    pub fn notable(mut self, notable: Duration) -> Self {
        self.notable = notable;
        self
    }

    /// A handshake in a server's own stream that takes so long is told of as slow.
    pub fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }
}
