//! The shell on tokio: listeners put frames into the log, sinks take them out.

mod config;
mod stats;
mod intake;
mod tcp;
mod subscription;
mod sink_file;
mod pipeline;

pub use config::{Config, TcpConfig};
pub use pipeline::{OpenError, Pipeline, ShutdownError, SinkError};
pub use stats::{SinkStats, Stats, TcpStats};
pub use subscription::{Delivery, Subscription};
pub use tcp::ListenError;
