//! The ring: one lane of blocks and one index for each producer, and the handle readers share.

use std::hash::{BuildHasher, RandomState};

use crossbeam_utils::CachePadded;

use crate::block::{BlockWriter, Blocks};
use crate::config::{Config, ConfigError};
use crate::index::Index;
use crate::position::Position;
use crate::record::{Header, Meta};
use crate::sync::{Arc, AtomicU64, Ordering};

/// The readers' handle: cheap to clone, shared by any number of threads.
///
/// Reading never delays a producer: a reader holds one block at a time, and a producer that comes
/// to a held block goes round it.
#[derive(Clone, Debug)]
pub struct Ring {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) lanes: Box<[Arc<Lane>]>,
    max_record_bytes: usize,
    seed: u64,
}

/// What one producer writes and everybody reads.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) index: Index,
    counters: CachePadded<Counters>,
}

/// Written by one producer, read by anybody.
#[derive(Debug, Default)]
struct Counters {
    pushed: Count,
    pushed_bytes: Count,
    dropped_pinned: Count,
    dropped_too_large: Count,
}

/// A plain count with one writer, ordered with nothing.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// For the one writer alone: no other store can come between the load and the store.
    #[inline]
    fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The sole right to append to one lane of the ring. One thread owns it; it can be sent to another.
#[derive(Debug)]
pub struct Producer {
    lane: Arc<Lane>,
    writer: BlockWriter,
    max_record_bytes: usize,
    seed: u64,
}

/// Why a record was not taken. It is counted in [`Stats`] as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// Longer than [`Ring::max_record_bytes`]: cut it first.
    #[error("record of {len} bytes is longer than the {max} that fit in a block")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The longest that is taken.
        max: usize,
    },
    /// Every block is held by a reader: too many of them, or one that has leaked its hold.
    #[error("every block of this producer is held by readers")]
    AllPinned,
}

impl PushError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::AllPinned => "all_pinned",
        }
    }
}

/// What a ring, or one producer of it, has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records taken.
    pub pushed: u64,
    /// Bytes of those records, headers of the ring not counted.
    pub pushed_bytes: u64,
    /// Records lost because readers held every block.
    pub dropped_pinned: u64,
    /// Records refused for their length.
    pub dropped_too_large: u64,
    /// Holds of readers at this moment: a number that stays up is a leak.
    pub pins: u64,
}

/// How far back the ring reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The earliest timestamp it still holds, Unix nanoseconds.
    pub oldest_ns: u64,
    /// The latest.
    pub newest_ns: u64,
}

impl History {
    /// The time between the two.
    pub fn span(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.newest_ns.saturating_sub(self.oldest_ns))
    }
}

impl Ring {
    /// Makes a ring and its producers: all the memory there will ever be is taken and touched now.
    ///
    /// # Errors
    ///
    /// When the sizes do not fit together or the memory is refused.
    pub fn new(config: &Config) -> Result<(Self, Vec<Producer>), ConfigError> {
        let blocks_each = config.blocks_each()?;
        let shift = config.block_bytes.trailing_zeros();
        let max_record_bytes = MAX_RECORD_BYTES.min(config.block_bytes - Header::BYTES);
        let seed = config.seed.unwrap_or_else(|| RandomState::new().hash_one("flow"));
        let (mut lanes, mut producers) = (Vec::new(), Vec::new());
        for _ in 0..config.producers {
            let (blocks, writer) =
                Blocks::new(blocks_each, shift, config.lock_memory).map_err(ConfigError::Memory)?;
            let index = Index::new(blocks_each << shift);
            let lane = Arc::new(Lane { blocks, index, counters: CachePadded::default() });
            lanes.push(Arc::clone(&lane));
            producers.push(Producer { lane, writer, max_record_bytes, seed });
        }
        let shared = Arc::new(Shared { lanes: lanes.into(), max_record_bytes, seed });
        Ok((Self { shared }, producers))
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.shared.lanes
    }

    /// The seed for [`FlowKey::hash`](crate::FlowKey::hash) in this ring.
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// The longest record a producer takes.
    pub fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes
    }

    /// Memory of the whole ring, index included.
    pub fn memory_bytes(&self) -> usize {
        let lane = |l: &Arc<Lane>| (l.blocks.count() << l.blocks.shift()) + l.index.memory_bytes();
        self.lanes().iter().map(lane).sum()
    }

    /// Counts over all producers.
    pub fn stats(&self) -> Stats {
        self.lanes().iter().map(|lane| lane.stats()).fold(Stats::default(), |a, b| Stats {
            pushed: a.pushed + b.pushed,
            pushed_bytes: a.pushed_bytes + b.pushed_bytes,
            dropped_pinned: a.dropped_pinned + b.dropped_pinned,
            dropped_too_large: a.dropped_too_large + b.dropped_too_large,
            pins: a.pins + b.pins,
        })
    }

    /// Counts of each producer.
    pub fn producer_stats(&self) -> impl Iterator<Item = Stats> + '_ {
        self.lanes().iter().map(|lane| lane.stats())
    }

    /// How far back every producer's records reach: the oldest instant from which none that was
    /// pushed has been recycled. `None` before the first record.
    pub fn history(&self) -> Option<History> {
        self.producer_history().flatten().reduce(|a, b| History {
            oldest_ns: a.oldest_ns.max(b.oldest_ns),
            newest_ns: a.newest_ns.max(b.newest_ns),
        })
    }

    /// How far back each producer's records reach.
    pub fn producer_history(&self) -> impl Iterator<Item = Option<History>> + '_ {
        self.lanes().iter().map(|lane| lane.history())
    }
}

impl Lane {
    fn stats(&self) -> Stats {
        Stats {
            pushed: self.counters.pushed.read(),
            pushed_bytes: self.counters.pushed_bytes.read(),
            dropped_pinned: self.counters.dropped_pinned.read(),
            dropped_too_large: self.counters.dropped_too_large.read(),
            pins: self.blocks.pins(),
        }
    }

    pub(crate) fn history(&self) -> Option<History> {
        // From the newest block back to the first that is gone: a block that a reader holds may
        // outlive younger ones, and would promise more than is there.
        let mut history: Option<History> = None;
        for serial in self.blocks.serials().rev() {
            let Some(pin) = self.blocks.pin(serial) else { break };
            if let Some((first, last)) = pin.times_ns() {
                let so_far = history.unwrap_or(History { oldest_ns: first, newest_ns: last });
                history = Some(History {
                    oldest_ns: so_far.oldest_ns.min(first),
                    newest_ns: so_far.newest_ns.max(last),
                });
            }
        }
        history
    }
}

impl Producer {
    /// Appends a record: one copy of its bytes, no allocation, no waiting, no system call.
    ///
    /// # Errors
    ///
    /// When it is too large, or readers hold every block; both are counted.
    #[inline]
    pub fn push(&mut self, meta: &Meta, bytes: &[u8]) -> Result<Position, PushError> {
        let lane = &*self.lane;
        if bytes.len() > self.max_record_bytes {
            lane.counters.dropped_too_large.add(1);
            return Err(PushError::TooLarge { len: bytes.len(), max: self.max_record_bytes });
        }
        let record_bytes = Header::record_bytes(bytes.len());
        if !self.writer.reserve(record_bytes) {
            lane.counters.dropped_pinned.add(1);
            return Err(PushError::AllPinned);
        }
        let (serial, offset) = self.writer.place();
        let shift = lane.blocks.shift();
        let position = Position::new(serial, offset, shift);
        let (prev, skip) = lane.index.heads(meta.flow, serial, shift);
        // The bytes before the header: copying them goes on while the links, which are rarely in a
        // near cache, are on their way; stores wait for the ones before them.
        self.writer.fetch_ahead(record_bytes);
        self.writer.copy(Header::BYTES, bytes);
        let (prev, skip) = (position.link_to(prev), position.link_to(skip));
        let header = Header { meta: *meta, captured: bytes.len() as u32, prev, skip };
        self.writer.copy(0, &header.encode());
        self.writer.commit(record_bytes, meta.flow, meta.timestamp_ns);
        lane.index.publish(meta.flow, position);
        lane.counters.pushed.add(1);
        lane.counters.pushed_bytes.add(bytes.len() as u64);
        Ok(position)
    }

    /// The longest record [`push`](Self::push) takes.
    pub fn max_record_bytes(&self) -> usize {
        self.max_record_bytes
    }

    /// The seed for [`FlowKey::hash`](crate::FlowKey::hash) in this ring.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// The longest packet that segmentation offload makes is 64 KiB today and 256 KiB with BIG TCP.
const MAX_RECORD_BYTES: usize = 256 << 10;
