//! How a pipeline is set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::sources::{Source, Sources};
use crate::network::Network;
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
    /// What is known of senders beforehand, for each of their networks.
    pub sources: Sources,
    /// The first part of a record's key, `node/epoch/seq`: unique among the logs whose records
    /// meet again somewhere. Default empty; the key is `epoch/seq` then.
    pub node: String,
    /// How long [`Pipeline::shutdown`](super::Pipeline::shutdown) waits for sinks to deliver what
    /// is left. Default 10 s; the rest stays in the log.
    pub drain: Duration,
    /// Tells when frames are received. Default [`Timestamp::now`].
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Config {
    /// Everything by default: durable before it is acknowledged.
    pub fn new(spool: impl Into<PathBuf>) -> Self {
        Self {
            spool: spool.into(),
            wal: wal::Config::default(),
            sources: Sources::default(),
            node: String::new(),
            drain: Duration::from_secs(10),
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

    /// Sets the policy for senders in no network that is named.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.sources.general.policy = policy;
        self
    }

    /// Says what is known of senders in `network`; networks named earlier go before.
    pub fn source(mut self, network: Network, source: Source) -> Self {
        self.sources = self.sources.network(network, source);
        self
    }

    /// Sets [`Config::node`].
    pub fn node(mut self, name: impl Into<String>) -> Self {
        self.node = name.into();
        self
    }

    /// Sets [`Config::drain`].
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
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
            .field("sources", &self.sources)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
