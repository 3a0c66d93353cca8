//! The log itself: opened, appended to, closed.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use super::config::{Config, Sync, WhenFull};
use super::failed::Failed;
use super::layout::{RecordHeader, SEGMENT_HEADER, SegmentHeader, record_length};
use super::receipt::Receipt;
use super::recover::recover;
use super::scan::Position;
use super::segments::{is_full, make, settle};
use super::state::{Segment, Shared, State, Stats};
use super::storage::Storage;
use super::writer::Writer;

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the log could not be opened")]
pub struct OpenError(#[from] io::Error);

impl OpenError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        "io"
    }
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Longer than the log allows.
    #[error("record of {bytes} bytes, at most {most} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// [`Config::max_record_bytes`].
        most: usize,
    },
    /// [`Wal::try_append`] only: the writer has enough to do.
    #[error("the log would have to wait")]
    Busy,
    /// The log is as large as it may be ([`WhenFull::DropNewest`]).
    #[error("the log is as large as it may be")]
    Full,
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// The storage failed.
    #[error(transparent)]
    Failed(#[from] Failed),
}

impl AppendError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether the log takes nothing any more; otherwise other records, or this one later, may fare
    /// better.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Closed | Self::Failed(_))
    }
}

/// An open log. Dropping it writes what is pending and syncs.
#[derive(Debug)]
pub struct Wal {
    shared: Arc<Shared>,
    config: Config,
    epoch: u64,
    salt: u32,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Wal {
    /// Opens the log in `storage`, making it if need be, and starts its writer thread. Each opening
    /// begins a segment: nothing is ever appended to a file another process was writing.
    ///
    /// # Errors
    /// [`OpenError`] when the storage fails. Damage is not an error: it is set aside and counted.
    pub fn open(storage: impl Storage, config: Config) -> Result<Self, OpenError> {
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let config = config.within_quota();
        let mut found = recover(&*storage, config.chunk_bytes)?;
        let salt = RandomState::new().hash_one(found.next_epoch) as u32;
        let epoch = found.next_epoch;
        let header = SegmentHeader { epoch, base: found.next_seq, salt };
        let length = SEGMENT_HEADER as u64;
        let mut segments: BTreeMap<u64, Segment> = found.segments;
        let file = match make(&*storage, header) {
            Ok(file) => {
                settle(&*storage, &*file)?;
                segments.insert(header.base, Segment { header, length });
                Some(file)
            }
            // What is there can be delivered all the same, which makes room.
            Err(error) if is_full(&error) => {
                tracing::error!(%error, "no room for the log: appending waits");
                found.stats.disk_full += 1;
                found.stats.waits_for_disk = true;
                None
            }
            Err(error) => return Err(error.into()),
        };
        let seq = found.next_seq;
        let state = State {
            pending: Vec::new(),
            next_seq: seq,
            written_seq: seq,
            durable_seq: seq,
            visible: Position { seq, segment: header.base, offset: length },
            used_bytes: segments.values().map(|segment| segment.length).sum(),
            delivery_awaited: false,
            deleting_bytes: 0,
            freed: 0,
            evicted_below: segments.keys().next().copied().unwrap_or(seq),
            segments,
            cursors: found.cursors,
            failed: None,
            closing: false,
            closed: false,
            stats: found.stats,
        };
        let shared = Arc::new(Shared::new(storage, config.chunk_bytes, state));
        let writer = Writer {
            shared: Arc::clone(&shared),
            sync: config.sync,
            segment_bytes: config.segment_bytes,
            evict_beyond: config.max_bytes.filter(|_| config.when_full == WhenFull::DropOldest),
            header,
            file,
            length,
            written_seq: seq,
            unsynced_since: None,
        };
        shared.delete_passed()?;
        let thread = std::thread::Builder::new().name("wal".into()).spawn(|| writer.run())?;
        Ok(Self { shared, config, epoch, salt, writer: Mutex::new(Some(thread)) })
    }

    /// Appends a record of `kind` whose payload is `parts` end to end, waiting for room if the
    /// writer is behind. `received_ns` is Unix nanoseconds.
    ///
    /// # Errors
    /// [`AppendError`], except `Busy`.
    pub fn append(
        &self,
        kind: u8,
        received_ns: u64,
        parts: &[&[u8]],
    ) -> Result<Receipt, AppendError> {
        loop {
            match self.try_append(kind, received_ns, parts) {
                Err(AppendError::Busy) => {
                    let bytes = parts.iter().map(|part| part.len()).sum();
                    self.shared.wait(|state| self.room(state, bytes));
                }
                outcome => return outcome,
            }
        }
    }

    /// Like [`Wal::append`] without waiting: `Busy` instead.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn try_append(
        &self,
        kind: u8,
        received_ns: u64,
        parts: &[&[u8]],
    ) -> Result<Receipt, AppendError> {
        let bytes = parts.iter().map(|part| part.len()).sum();
        if bytes > self.config.max_record_bytes {
            return Err(AppendError::TooLong { bytes, most: self.config.max_record_bytes });
        }
        let length = bytes as u32;
        let seq = self.shared.post(|state| {
            if let Some(failed) = state.failed {
                return Err(AppendError::Failed(failed));
            }
            if state.closing {
                return Err(AppendError::Closed);
            }
            if self.room(state, bytes).is_none() {
                return Err(AppendError::Busy);
            }
            if self.config.when_full == WhenFull::DropNewest && self.is_beyond(state, bytes) {
                state.stats.refused_records += 1;
                return Err(AppendError::Full);
            }
            let seq = state.next_seq;
            RecordHeader { length, kind, seq, received_ns }.encode(
                self.salt,
                parts,
                &mut state.pending,
            );
            state.next_seq += 1;
            state.used_bytes += record_length(length);
            state.stats.appended_records += 1;
            state.stats.appended_bytes += bytes as u64;
            Ok(seq)
        })?;
        let until_durable = self.config.sync != Sync::None;
        Ok(Receipt { shared: Arc::clone(&self.shared), epoch: self.epoch, seq, until_durable })
    }

    /// Waits, as a task, until a record of `bytes` may be taken that was refused as `Busy`.
    pub fn poll_room(&self, context: &mut Context<'_>, bytes: usize) -> Poll<()> {
        self.shared.poll(context, |state| self.room(state, bytes))
    }

    /// Takes no more records, writes and syncs what is pending, and ends the writer. Cursors go on
    /// reading to the end of the log. Blocks.
    ///
    /// # Errors
    /// [`Failed`] when not everything became durable.
    pub fn close(&self) -> Result<(), Failed> {
        self.shared.post(|state| state.closing = true);
        // The lock is held over the join, so that a second caller waits as well.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(panic)) = writer.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        self.shared.with(|state| state.failed.map_or(Ok(()), Err))
    }

    /// Counts and gauges.
    pub fn stats(&self) -> Stats {
        self.shared.with(|state| state.stats())
    }

    /// Names of all cursors the log knows, open or not: each keeps the records it has not passed.
    pub fn cursors(&self) -> Vec<String> {
        self.shared.with(|state| state.cursors.keys().cloned().collect())
    }

    /// Of these, the names of cursors nobody has open.
    pub fn idle_cursors(&self) -> Vec<String> {
        self.shared.with(|state| {
            let idle = state.cursors.iter().filter(|(_, hold)| !hold.open);
            idle.map(|(name, _)| name.clone()).collect()
        })
    }

    /// Records the cursor `name` would have read, had they not been given up to make room
    /// ([`WhenFull::DropOldest`]), since the log was opened.
    pub fn skipped_records(&self, name: &str) -> u64 {
        self.shared.with(|state| state.cursors.get(name).map_or(0, |hold| hold.skipped))
    }

    /// How far readers may go, and the number below which all records are durable.
    #[cfg(feature = "journal")]
    pub(crate) fn ends(&self) -> (Position, u64) {
        self.shared.with(|state| (state.visible, state.durable_seq))
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn max_record_bytes(&self) -> usize {
        self.config.max_record_bytes
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether a record of `bytes` fits, or there is no use in waiting.
    fn room(&self, state: &State, bytes: usize) -> Option<()> {
        let grown = state.pending.len() + record_length(bytes as u32) as usize;
        let fits = state.pending.is_empty() || grown <= self.config.max_pending_bytes;
        let blocks = self.config.when_full == WhenFull::Block && self.is_beyond(state, bytes);
        ((fits && !blocks) || state.failed.is_some() || state.closing).then_some(())
    }

    /// Whether the log with a record of `bytes` would be larger than it may be.
    fn is_beyond(&self, state: &State, bytes: usize) -> bool {
        let grown = state.used_bytes + record_length(bytes as u32);
        self.config.max_bytes.is_some_and(|most| grown > most)
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        // Who wants to know calls `close`.
        let _ = self.close();
    }
}
