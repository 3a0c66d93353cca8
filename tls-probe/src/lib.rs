#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod wire;
#[cfg(feature = "certificates")]
mod der;
pub mod names;
pub mod record;
pub mod message;
pub mod hello;
#[cfg(feature = "fingerprint")]
pub mod fingerprint;
mod plaintext;
pub mod segment;
pub mod timeline;
mod tally;
pub mod gap;
pub mod outcome;
mod sentence;
pub mod verdict;
mod sealed;
mod voice;
pub mod dialogue;
#[cfg(feature = "certificates")]
pub mod certificate;
#[cfg(feature = "serde")]
mod json;
pub mod report;
mod config;
pub mod handshake;
#[cfg(feature = "active")]
pub mod schedule;
#[cfg(feature = "passive")]
pub mod connection;
#[cfg(feature = "passive")]
mod datagram;
#[cfg(feature = "passive")]
pub mod link;
#[cfg(feature = "passive")]
mod flows;
#[cfg(feature = "passive")]
mod closed;
#[cfg(feature = "passive")]
mod table;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "tokio")]
pub mod net;

pub use config::Config;
pub use gap::{Idle, Vantage};
#[cfg(feature = "passive")]
pub use link::LinkType;
pub use names::{CipherSuite, ProtocolVersion, Side};
#[cfg(feature = "tokio")]
pub use net::{AcceptError, ConnectError, Endpoints, TimedAcceptor, TimedConnector};
pub use outcome::{Alert, Messages, Outcome};
pub use plaintext::Plaintext;
pub use report::{Phases, Report};
#[cfg(feature = "passive")]
pub use table::{Stats, Table};
pub use tally::Tally;
pub use timeline::{Event, Timeline, What};
pub use verdict::Verdict;
