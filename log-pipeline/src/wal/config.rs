//! How a log is kept: the operator's words and numbers.

use std::time::Duration;

/// When a record counts as safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// After fdatasync. Records that wait at the same time share one (group commit), and readers
    /// see a record only then.
    #[default]
    Durable,
    /// Synced at most this long after it was written; the receipt waits for that, readers do not.
    Batch {
        /// Longest time a written record stays unsynced.
        every: Duration,
    },
    /// Synced when a segment is full and when the log is closed; the receipt waits for the write.
    None,
}

/// What happens to a record when the log is as large as it may be.
///
/// A file system that is full is another matter: whatever this says, appending then waits until
/// there is room again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits until every cursor has passed the oldest segment. Who sends it is slowed.
    #[default]
    Block,
    /// It is refused, and counted.
    DropNewest,
    /// It is taken. The oldest segment goes, and cursors that had not passed it jump; what they
    /// have missed is counted for each.
    DropOldest,
}

impl WhenFull {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::DropNewest => "drop-newest",
            Self::DropOldest => "drop-oldest",
        }
    }
}

/// How a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// When a record counts as safe.
    pub sync: Sync,
    /// A segment that would grow beyond this is sealed. Default 64 MiB, least 4 KiB; one batch may
    /// exceed it.
    pub segment_bytes: u64,
    /// Longest payload. Default 1 MiB, most 16 MiB.
    pub max_record_bytes: usize,
    /// Bytes of records that may wait for the writer, beyond which appending waits. Default 4 MiB;
    /// at least one record always fits.
    pub max_pending_bytes: usize,
    /// Bytes a cursor reads at once. Default 256 KiB, least 4 KiB.
    pub chunk_bytes: usize,
    /// Bytes that segments and records waiting to be written may take together; cursors and what
    /// was set aside come on top. Default none, least 64 KiB. Segments go as a whole, so that none
    /// of the limits above is more than a quarter of this.
    pub max_bytes: Option<u64>,
    /// What happens beyond it. Default [`WhenFull::Block`].
    pub when_full: WhenFull,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sync: Sync::Durable,
            segment_bytes: 64 << 20,
            max_record_bytes: 1 << 20,
            max_pending_bytes: 4 << 20,
            chunk_bytes: 256 << 10,
            max_bytes: None,
            when_full: WhenFull::Block,
        }
    }
}

impl Config {
    /// Sets [`Config::sync`].
    pub fn sync(mut self, sync: Sync) -> Self {
        self.sync = sync;
        self
    }

    /// Sets [`Config::segment_bytes`].
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(4 << 10);
        self
    }

    /// Sets [`Config::max_record_bytes`].
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes.min(16 << 20);
        self
    }

    /// Sets [`Config::max_pending_bytes`].
    pub fn max_pending_bytes(mut self, bytes: usize) -> Self {
        self.max_pending_bytes = bytes;
        self
    }

    /// Sets [`Config::chunk_bytes`].
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes.max(4 << 10);
        self
    }

    /// Sets [`Config::max_bytes`] and [`Config::when_full`].
    pub fn quota(mut self, bytes: u64, when_full: WhenFull) -> Self {
        self.max_bytes = Some(bytes.max(64 << 10));
        self.when_full = when_full;
        self
    }

    /// With every limit no more than a quarter of the quota: two segments and a batch always fit,
    /// and the log never waits for a segment that cannot go.
    pub(super) fn within_quota(mut self) -> Self {
        if let Some(bytes) = self.max_bytes {
            let quarter = bytes / 4;
            let in_memory = usize::try_from(quarter).unwrap_or(usize::MAX);
            self.segment_bytes = self.segment_bytes.min(quarter);
            self.max_pending_bytes = self.max_pending_bytes.min(in_memory);
            self.max_record_bytes = self.max_record_bytes.min(in_memory - MOST_OVERHEAD);
        }
        self
    }
}

/// Header and padding of a record, rounded up.
const MOST_OVERHEAD: usize = 64;
