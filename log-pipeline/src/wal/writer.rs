//! The one who writes: batches of whatever has gathered, one sync for each.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Sync;
use super::failed::Failed;
use super::layout::{SEGMENT_HEADER, SegmentHeader};
use super::scan::Position;
use super::segments::create;
use super::state::{Segment, Shared};
use super::storage::File;

/// The growing segment and what is known of it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) sync: Sync,
    pub(super) segment_bytes: u64,
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn File>,
    pub(super) length: u64,
    /// Records below are written.
    pub(super) written_seq: u64,
    /// When the oldest record was written that is not synced.
    pub(super) unsynced_since: Option<Instant>,
}

enum Work {
    Batch { next_seq: u64 },
    Close,
}

impl Writer {
    /// Writes until the log is closed or the storage fails.
    pub(super) fn run(mut self) {
        let mut spare = Vec::new();
        let outcome = self.work(&mut spare);
        self.shared.publish(|state| {
            state.failed = state.failed.or(outcome.err());
            state.closing = true;
            state.closed = true;
        });
    }

    fn work(&mut self, batch: &mut Vec<u8>) -> Result<(), Failed> {
        loop {
            let work = self.shared.wait_for_work(self.until_sync(), |state| {
                if !state.pending.is_empty() {
                    std::mem::swap(&mut state.pending, batch);
                    return Some(Work::Batch { next_seq: state.next_seq });
                }
                state.closing.then_some(Work::Close)
            });
            match work {
                Some(Work::Batch { next_seq }) => {
                    // There is room again before the write, not after it.
                    self.shared.publish(|_| {});
                    self.write(batch, next_seq).map_err(|error| failed("write", &error))?;
                    batch.clear();
                    batch.shrink_to(SPARE_BYTES);
                    if self.sync == Sync::Durable || self.until_sync() == Some(Duration::ZERO) {
                        self.sync()?;
                    }
                }
                Some(Work::Close) => return self.sync(),
                None => self.sync()?,
            }
        }
    }

    /// How long until a sync is due; `None` when none will be.
    fn until_sync(&self) -> Option<Duration> {
        match self.sync {
            Sync::Batch { every } => {
                self.unsynced_since.map(|since| every.saturating_sub(since.elapsed()))
            }
            Sync::Durable | Sync::None => None,
        }
    }

    fn write(&mut self, batch: &[u8], next_seq: u64) -> io::Result<()> {
        let full = self.length + batch.len() as u64 > self.segment_bytes;
        if full && self.length > SEGMENT_HEADER as u64 {
            self.begin_segment()?;
        }
        self.file.write_at(self.length, batch)?;
        self.length += batch.len() as u64;
        self.written_seq = next_seq;
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.shared.publish(|state| {
            state.stats.batches += 1;
            state.written_seq = next_seq;
            if self.sync != Sync::Durable {
                state.visible = self.end();
            }
        });
        Ok(())
    }

    /// Makes everything written durable. An error is final: what the kernel could not write it has
    /// forgotten, and a second call would succeed without it.
    fn sync(&mut self) -> Result<(), Failed> {
        if self.unsynced_since.is_none() {
            return Ok(());
        }
        self.file.sync_data().map_err(|error| failed("sync", &error))?;
        self.unsynced_since = None;
        self.shared.publish(|state| {
            state.stats.syncs += 1;
            state.durable_seq = self.written_seq;
            state.visible = self.end();
        });
        Ok(())
    }

    /// Seals the segment and makes the next one. Sealed segments are durable in every mode.
    fn begin_segment(&mut self) -> io::Result<()> {
        if self.unsynced_since.is_some() {
            self.file.sync_data()?;
            self.unsynced_since = None;
        }
        let header = SegmentHeader { base: self.written_seq, ..self.header };
        self.file = create(&*self.shared.storage, header)?;
        let sealed = Segment { header: self.header, length: self.length };
        self.header = header;
        self.length = SEGMENT_HEADER as u64;
        self.shared.publish(|state| {
            state.segments.insert(sealed.header.base, sealed);
            state.segments.insert(header.base, Segment { header, length: self.length });
            state.durable_seq = self.written_seq;
            state.visible = self.end();
        });
        Ok(())
    }

    fn end(&self) -> Position {
        Position { seq: self.written_seq, segment: self.header.base, offset: self.length }
    }
}

fn failed(operation: &'static str, error: &io::Error) -> Failed {
    tracing::error!(%error, operation, "the log stopped");
    Failed { operation, kind: error.kind() }
}

/// Buffers larger than this are given back.
const SPARE_BYTES: usize = 1024 * 1024;
