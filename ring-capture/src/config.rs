//! How large a ring is, and why it could not be made.

use std::io;

use crate::block::MIN_BLOCKS;
use crate::position::LINK_REACH;

/// How large a ring is and how many threads write to it.
///
/// ```
/// let config = ring_capture::Config::default().bytes(64 << 20).producers(2);
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) bytes: usize,
    pub(crate) block_bytes: usize,
    pub(crate) producers: usize,
    pub(crate) lock_memory: bool,
    pub(crate) seed: Option<u64>,
}

/// Why a ring could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Blocks are powers of two between [`Config::LEAST_BLOCK_BYTES`] and
    /// [`Config::MOST_BLOCK_BYTES`].
    #[error("block size {0} is not a power of two from 4 KiB to 64 MiB")]
    BlockBytes(usize),
    /// Producers are counted from 1 to 65,535.
    #[error("{0} producers: need at least one and at most 65535")]
    Producers(usize),
    /// Each producer needs three blocks: one to write, one spare, one of history.
    #[error("{bytes} bytes are too few for these blocks and producers, give at least {least}")]
    TooSmall {
        /// What was asked for.
        bytes: usize,
        /// What it takes.
        least: usize,
    },
    /// Links between the records of one producer reach over 32 GiB: a larger ring takes more
    /// producers.
    #[error(
        "{bytes} bytes for each producer are more than the {most} that links reach over, give more producers"
    )]
    TooLarge {
        /// What each producer would have.
        bytes: usize,
        /// The most it may have.
        most: usize,
    },
    /// The memory was refused; with `lock_memory`, mind the limit on locked memory
    /// (`RLIMIT_MEMLOCK`).
    #[error("cannot get the ring's memory")]
    Memory(#[source] io::Error),
}

impl ConfigError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::BlockBytes(_) => "block_bytes",
            Self::Producers(_) => "producers",
            Self::TooSmall { .. } => "too_small",
            Self::TooLarge { .. } => "too_large",
            Self::Memory(_) => "memory",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            block_bytes: 1 << 20,
            producers: 1,
            lock_memory: false,
            seed: None,
        }
    }
}

impl Config {
    /// A page: for tests, and for records that are small. (The model checker wants less.)
    pub const LEAST_BLOCK_BYTES: usize = if cfg!(loom) { 64 } else { 4 << 10 };
    /// Larger blocks lose more history each time one is recycled and gain nothing.
    pub const MOST_BLOCK_BYTES: usize = 64 << 20;

    /// Bytes of records to keep, over all producers: default 256 MiB, at most 32 GiB for each. Rounded down to whole
    /// blocks. The index takes about a thousandth on top; [`Ring::memory_bytes`](crate::Ring::memory_bytes) tells.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Bytes of one block: default 1 MiB, a power of two from 4 KiB to 64 MiB. A record never
    /// crosses a block, so large records want large blocks: segmentation offload on loopback makes
    /// packets of 64 KiB.
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// Threads that write, each with its own share of the memory: default 1.
    pub fn producers(mut self, count: usize) -> Self {
        self.producers = count;
        self
    }

    /// Lock the memory into RAM (`mlock`): default off.
    pub fn lock_memory(mut self, lock: bool) -> Self {
        self.lock_memory = lock;
        self
    }

    /// The seed of [`FlowKey::hash`](crate::FlowKey::hash): default random, so that nobody outside
    /// can choose flows that share a bucket.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whole blocks for each producer.
    pub(crate) fn blocks_each(&self) -> Result<usize, ConfigError> {
        let valid = Self::LEAST_BLOCK_BYTES..=Self::MOST_BLOCK_BYTES;
        if !self.block_bytes.is_power_of_two() || !valid.contains(&self.block_bytes) {
            return Err(ConfigError::BlockBytes(self.block_bytes));
        }
        if self.producers == 0 || self.producers > usize::from(u16::MAX) {
            return Err(ConfigError::Producers(self.producers));
        }
        let blocks = self.bytes / self.producers / self.block_bytes;
        if blocks < MIN_BLOCKS {
            let least = MIN_BLOCKS * self.block_bytes * self.producers;
            return Err(ConfigError::TooSmall { bytes: self.bytes, least });
        }
        let (bytes, most) = (blocks * self.block_bytes, LINK_REACH as usize);
        if bytes > most {
            return Err(ConfigError::TooLarge { bytes, most });
        }
        Ok(blocks)
    }
}
