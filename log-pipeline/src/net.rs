//! The shell on tokio: listeners put frames into the log, sinks take them out.

mod sources;
mod rate;
mod backoff;
mod limits;
mod config;
mod stats;
mod intake;
mod kernel;
#[cfg(feature = "tls")]
mod tls;
mod listen;
mod sink;
mod subscription;
mod pipeline;
mod serve;

pub use backoff::Backoff;
pub use config::Config;
pub use limits::Limits;
#[cfg(feature = "journal")]
pub use listen::{JournalConfig, JournalError};
pub use listen::{ListenError, UnixMode, bind_tcp, bind_udp, bind_unix_datagram, bind_unix_stream};
pub use pipeline::{OpenError, Pipeline, ShutdownError, SinkError};
pub use rate::Rate;
pub use sink::{
    FileConfig, FileSync, Format, Framing, Output, RelpOutput, SinkConfig, StreamOutput,
};
pub use sources::{Source, Sources};
pub use stats::{Dropped, Health, ListenerStats, Refused, SinkStats, Stats, Transport};
pub use subscription::{Delivery, Subscription};
#[cfg(feature = "tls")]
pub use tls::{TlsError, tls_client, tls_server};
