//! What a listener takes from its peers, and from whom.

use std::net::IpAddr;
use std::time::Duration;

use super::rate::Rate;
use crate::frame;
use crate::network::Network;

/// Limits of a listener. Datagrams know only `max_frame_bytes`, `allow` and `rate`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time; more are closed at once and counted. Default 1,024.
    pub max_connections: usize,
    /// Of these, connections from one address. Default 256: many senders may stand behind one
    /// address, and no one of them should take all places.
    pub max_connections_per_peer: usize,
    /// Longest frame; the rest of a longer one is cut. Default [`frame::DEFAULT_MAX_BYTES`], most
    /// 1 MiB less the envelope (what the log takes).
    pub max_frame_bytes: usize,
    /// A connection that sends nothing for so long is closed. Default one hour: syslog has no
    /// keep-alive of its own and many senders are quiet at night.
    pub idle: Duration,
    /// A frame that has begun must end within this time, however many bytes drip in; what there is
    /// of it is kept, flagged as truncated where its length was promised, and the connection is
    /// closed. Also the time for a TLS handshake. Default one minute.
    pub unfinished: Duration,
    /// Networks that may send; others are refused and counted. Empty, the default, means all.
    pub allow: Vec<Network>,
    /// Messages a second from one source: connections are read more slowly, datagrams beyond it
    /// are dropped and counted. Default none.
    pub rate: Option<Rate>,
    /// RELP only: messages taken and not acknowledged, beyond which a session is not read. Default
    /// 4,096; clients set lower ones of their own.
    pub window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_connections_per_peer: 256,
            max_frame_bytes: frame::DEFAULT_MAX_BYTES,
            idle: Duration::from_hours(1),
            unfinished: Duration::from_mins(1),
            allow: Vec::new(),
            rate: None,
            window: 4096,
        }
    }
}

impl Limits {
    /// Sets [`Limits::max_connections`].
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets [`Limits::max_connections_per_peer`].
    pub fn max_connections_per_peer(mut self, connections: usize) -> Self {
        self.max_connections_per_peer = connections;
        self
    }

    /// Sets [`Limits::max_frame_bytes`].
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Sets [`Limits::idle`].
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// Sets [`Limits::unfinished`].
    pub fn unfinished(mut self, time: Duration) -> Self {
        self.unfinished = time;
        self
    }

    /// Adds a network to [`Limits::allow`].
    pub fn allow(mut self, network: Network) -> Self {
        self.allow.push(network);
        self
    }

    /// Sets [`Limits::rate`].
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets [`Limits::window`].
    pub fn window(mut self, messages: usize) -> Self {
        self.window = messages.max(1);
        self
    }

    /// Whether this peer may send at all. Local sockets have no address; their file's mode decides.
    pub(super) fn allows(&self, peer: Option<IpAddr>) -> bool {
        let Some(peer) = peer else { return true };
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(peer))
    }
}
