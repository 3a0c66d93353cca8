//! The tokio shell: handshakes of your own streams, timed from inside, as their server or client.

mod clock;
mod timed;
mod tcp_info;
mod watch;
mod acceptor;
mod connector;
#[cfg(feature = "active")]
mod verifier;
#[cfg(feature = "active")]
mod failure;
#[cfg(feature = "active")]
pub mod starttls;
#[cfg(feature = "active")]
mod target;
#[cfg(feature = "active")]
mod resolve;
#[cfg(feature = "active")]
mod dial;
#[cfg(feature = "active")]
mod probed;
#[cfg(feature = "active")]
mod probe;

pub use acceptor::{AcceptError, Accepted, TimedAcceptor};
pub use clock::{Clock, SystemClock};
pub use connector::{ConnectError, Connected, TimedConnector};
#[cfg(feature = "active")]
pub use failure::Failure;
#[cfg(feature = "active")]
pub use probe::Prober;
#[cfg(feature = "active")]
pub use probed::{Limits, Probed, Resumed, Settings};
#[cfg(feature = "active")]
pub use target::{Family, Target, TargetError};
pub use tcp_info::{TcpInfo, TcpInfoSource};
pub use timed::Timed;
#[cfg(feature = "active")]
pub use verifier::{RecordingVerifier, Seen, Unvalidated};
pub use watch::{Endpoints, Opening};
