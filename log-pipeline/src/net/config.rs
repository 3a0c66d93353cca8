//! How a pipeline is set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::frame;
use crate::parse::Policy;
use crate::timestamp::Timestamp;
use crate::wal;

/// How a pipeline is kept.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The directory of the log, held by one process at a time.
    pub spool: PathBuf,
    /// How the log is kept: [`wal::Config`].
    pub wal: wal::Config,
    /// What RFC 3164 timestamps leave unsaid.
    pub policy: Policy,
    /// Tells when frames are received. Default [`Timestamp::now`].
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Config {
    /// Everything by default: durable before it is acknowledged.
    pub fn new(spool: impl Into<PathBuf>) -> Self {
        Self {
            spool: spool.into(),
            wal: wal::Config::default(),
            policy: Policy::default(),
            clock: Arc::new(Timestamp::now),
        }
    }

    /// When a record counts as safe.
    pub fn sync(mut self, sync: wal::Sync) -> Self {
        self.wal.sync = sync;
        self
    }

    /// Sets [`Config::wal`].
    pub fn wal(mut self, config: wal::Config) -> Self {
        self.wal = config;
        self
    }

    /// Sets [`Config::policy`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets [`Config::clock`].
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("spool", &self.spool)
            .field("wal", &self.wal)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Limits of a TCP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpConfig {
    /// Connections at a time; more are closed at once and counted. Default 1,024.
    pub max_connections: usize,
    /// Longest frame; the rest of a longer one is cut. Default [`frame::DEFAULT_MAX_BYTES`], most
    /// 1 MiB less the envelope (what the log takes).
    pub max_frame_bytes: usize,
    /// A connection that sends nothing for so long is closed. Default one hour: syslog has no
    /// keep-alive of its own and many senders are quiet at night.
    pub idle: Duration,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_frame_bytes: frame::DEFAULT_MAX_BYTES,
            idle: Duration::from_hours(1),
        }
    }
}

impl TcpConfig {
    /// Sets [`TcpConfig::max_connections`].
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets [`TcpConfig::max_frame_bytes`].
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Sets [`TcpConfig::idle`].
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }
}
