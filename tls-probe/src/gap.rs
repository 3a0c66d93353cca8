//! Where the time between packets goes: to one of the sides, or to the network.

use std::time::Duration;

use crate::{names::Side, timeline::What};

/// Which end the packets were captured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vantage {
    /// Beside the client: the server is remote.
    Client,
    /// Beside the server: the client is remote.
    #[default]
    Server,
    /// Beside whichever end answers sooner in the TCP handshake; where that was not seen, the server.
    Auto,
}

impl Vantage {
    /// The side the capture stands beside.
    pub fn ours(self) -> Side {
        match self {
            Self::Client => Side::Client,
            Self::Server | Self::Auto => Side::Server,
        }
    }
}

/// Where the time of a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Idle {
    /// The client had the word and was silent.
    pub client: Duration,
    /// The server had the word and was silent.
    pub server: Duration,
    /// Packets were under way, or lost.
    pub network: Duration,
}

impl Idle {
    /// All of it: the time from the first packet to the last.
    pub fn total(&self) -> Duration {
        self.client + self.server + self.network
    }
}

/// A silence of one side, net of what the network took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Who was silent.
    pub side: Side,
    /// How long.
    pub lasted: Duration,
    /// Who sent the packet before it.
    pub after_side: Side,
    /// What that packet was.
    pub after: What,
    /// What ended it; `None` if nothing did.
    pub before: Option<What>,
    /// How soon after that packet the silent side's host acknowledged it, if it did before it
    /// spoke.
    pub acked_after: Option<Duration>,
}
