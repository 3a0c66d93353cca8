//! What is known of senders beforehand: whose clocks stand where, who frames how.

use std::net::IpAddr;

use crate::frame::Expect;
use crate::network::Network;
use crate::parse::Policy;

/// What is known of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source {
    /// What its RFC 3164 timestamps leave unsaid.
    pub policy: Policy,
    /// How it frames messages on streams.
    pub framing: Expect,
}

/// What is known of senders, for each of their networks: the first that contains a sender counts,
/// and the general source where none does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// For senders in none of the networks, local sockets, and messages appended in-process.
    pub general: Source,
    networks: Vec<(Network, Source)>,
}

impl Sources {
    /// Adds a network; earlier ones go before.
    pub fn network(mut self, network: Network, source: Source) -> Self {
        self.networks.push((network, source));
        self
    }

    /// What is known of a sender.
    pub fn of(&self, peer: Option<IpAddr>) -> &Source {
        let known = peer.and_then(|peer| self.networks.iter().find(|(n, _)| n.contains(peer)));
        known.map_or(&self.general, |(_, source)| source)
    }
}
