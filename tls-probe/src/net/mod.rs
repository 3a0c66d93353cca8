//! The tokio shell: a server's own handshakes, timed from inside.

mod clock;
mod timed;
mod acceptor;

pub use acceptor::{AcceptError, Accepted, Endpoints, TimedAcceptor};
pub use clock::{Clock, SystemClock};
pub use timed::Timed;
