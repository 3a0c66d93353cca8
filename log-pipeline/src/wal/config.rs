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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sync: Sync::Durable,
            segment_bytes: 64 << 20,
            max_record_bytes: 1 << 20,
            max_pending_bytes: 4 << 20,
            chunk_bytes: 256 << 10,
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
}
