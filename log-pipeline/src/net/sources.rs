//! What is known of senders beforehand: whose clocks stand where.

use std::net::IpAddr;

use crate::network::Network;
use crate::parse::Policy;

/// What RFC 3164 timestamps leave unsaid, for each network of senders: the first that contains a
/// sender counts, and the general policy where none does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// For senders in none of the networks, and messages appended in-process.
    pub general: Policy,
    networks: Vec<(Network, Policy)>,
}

impl Sources {
    /// Adds a network; earlier ones go before.
    pub fn network(mut self, network: Network, policy: Policy) -> Self {
        self.networks.push((network, policy));
        self
    }

    /// The policy for a sender.
    pub fn policy(&self, peer: Option<IpAddr>) -> &Policy {
        let known = peer.and_then(|peer| self.networks.iter().find(|(n, _)| n.contains(peer)));
        known.map_or(&self.general, |(_, policy)| policy)
    }
}
