//! The sinks: each a task or thread of its own with its own cursor, so that none waits for another.

mod config;
mod state;
mod feed;
mod format;
mod drive;
mod rotate;
mod file;
mod stream;
mod relp;
#[cfg(feature = "tls")]
mod tls;

pub use config::{FileConfig, FileSync, Framing, Output, RelpOutput, SinkConfig, StreamOutput};
pub use format::Format;

pub(super) use drive::drive;
pub(super) use feed::{Feed, received};
pub(super) use file::FileSink;
pub(super) use rotate::Target;
pub(super) use state::SinkState;
