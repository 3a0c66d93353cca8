//! The one who writes: batches of whatever has gathered, one sync for each.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Sync;
use super::failed::Failed;
use super::layout::{SEGMENT_HEADER, SegmentHeader};
use super::scan::Position;
use super::segments::{is_full, make, settle};
use super::state::{Segment, Shared};
use super::storage::File;

/// The growing segment and what is known of it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) sync: Sync,
    pub(super) segment_bytes: u64,
    /// Beyond which the oldest segments are given up.
    pub(super) evict_beyond: Option<u64>,
    pub(super) header: SegmentHeader,
    /// `None` until there is room for it.
    pub(super) file: Option<Arc<dyn File>>,
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

/// What kept a batch from being written.
enum Trouble {
    /// Writing failed: the same bytes may be written to the same place again.
    Write(io::Error),
    /// Syncing failed, which is final.
    Sync(Failed),
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
                    self.write_when_there_is_room(batch, next_seq)?;
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

    /// Writes; waits while the disk is full, for as long as the log is open.
    fn write_when_there_is_room(&mut self, batch: &[u8], next_seq: u64) -> Result<(), Failed> {
        let (mut pause, mut last_attempts) = (LEAST_PAUSE, LAST_ATTEMPTS);
        let mut waited = false;
        loop {
            let error = match self.write(batch, next_seq) {
                Ok(()) => {
                    if waited {
                        tracing::info!("there is room for the log again");
                    }
                    return Ok(());
                }
                Err(Trouble::Write(error)) if is_full(&error) && last_attempts > 0 => error,
                Err(Trouble::Write(error)) => return Err(failed("write", &error)),
                Err(Trouble::Sync(failed)) => return Err(failed),
            };
            if !waited {
                tracing::error!(%error, "no room for the log: appending waits");
                self.seal()?;
                self.shared.publish(|state| {
                    state.stats.disk_full += 1;
                    state.stats.waits_for_disk = true;
                });
                waited = true;
            }
            // What is written already is as urgent as ever.
            if self.until_sync() == Some(Duration::ZERO) {
                self.sync()?;
            }
            let freed = self.shared.with(|state| state.freed);
            let closing = self.shared.with(|state| state.closing);
            last_attempts -= u32::from(closing);
            self.shared.wait_for_work(Some(pause), |state| {
                (state.freed != freed || state.closing != closing).then_some(())
            });
            pause = (pause * 2).min(MOST_PAUSE);
        }
    }

    fn write(&mut self, batch: &[u8], next_seq: u64) -> Result<(), Trouble> {
        if let Some(most) = self.evict_beyond
            && let Err(error) = self.shared.evict(most)
        {
            tracing::warn!(%error, "a segment could not be deleted");
        }
        let full = self.length + batch.len() as u64 > self.segment_bytes;
        let begins = full && self.length > SEGMENT_HEADER as u64;
        let file = match &self.file {
            Some(file) if !begins => Arc::clone(file),
            _ => self.begin_segment()?,
        };
        file.write_at(self.length, batch).map_err(Trouble::Write)?;
        self.length += batch.len() as u64;
        self.written_seq = next_seq;
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.shared.publish(|state| {
            state.stats.batches += 1;
            state.written_seq = next_seq;
            state.stats.waits_for_disk = false;
            if self.sync != Sync::Durable {
                state.visible = self.end();
            }
        });
        Ok(())
    }

    /// Makes everything written durable. An error is final: what the kernel could not write it has
    /// forgotten, and a second call would succeed without it.
    fn sync(&mut self) -> Result<(), Failed> {
        let Some(file) = self.file.as_ref().filter(|_| self.unsynced_since.is_some()) else {
            return Ok(());
        };
        let began = Instant::now();
        file.sync_data().map_err(|error| failed("sync", &error))?;
        self.unsynced_since = None;
        self.shared.publish(|state| {
            state.stats.syncs += 1;
            state.stats.sync_time += began.elapsed();
            state.durable_seq = self.written_seq;
            state.visible = self.end();
        });
        Ok(())
    }

    /// Ends the segment where it is good, without the next one, for which there is no room yet: once
    /// every cursor has passed it, it can go.
    fn seal(&mut self) -> Result<(), Failed> {
        let Some(file) = self.file.clone().filter(|_| self.length > SEGMENT_HEADER as u64) else {
            return Ok(());
        };
        // Part of a batch may stand behind the last good record, which only a newest segment may
        // have.
        file.truncate(self.length).map_err(|error| failed("truncate", &error))?;
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.sync()?;
        let sealed = Segment { header: self.header, length: self.length };
        self.file = None;
        self.header = SegmentHeader { base: self.written_seq, ..self.header };
        self.length = SEGMENT_HEADER as u64;
        self.shared.publish(|state| {
            state.segments.insert(sealed.header.base, sealed);
            state.visible = self.end();
        });
        Ok(())
    }

    /// Seals the segment, if there is one, and makes the next one. Sealed segments are durable in
    /// every mode.
    fn begin_segment(&mut self) -> Result<Arc<dyn File>, Trouble> {
        self.sync().map_err(Trouble::Sync)?;
        let storage = Arc::clone(&self.shared.storage);
        let header = SegmentHeader { base: self.written_seq, ..self.header };
        let file = make(&*storage, header).map_err(Trouble::Write)?;
        settle(&*storage, &*file).map_err(|error| Trouble::Sync(failed("sync", &error)))?;
        let sealed = Segment { header: self.header, length: self.length };
        let was_there = self.file.replace(Arc::clone(&file)).is_some();
        self.header = header;
        self.length = SEGMENT_HEADER as u64;
        self.shared.publish(|state| {
            if was_there {
                state.segments.insert(sealed.header.base, sealed);
            }
            state.segments.insert(header.base, Segment { header, length: self.length });
            state.used_bytes += SEGMENT_HEADER as u64;
            state.visible = self.end();
        });
        Ok(file)
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
/// How soon a full disk is tried again: between these, and at once when the log has freed some.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_secs(1);
/// How often when the log is being closed.
const LAST_ATTEMPTS: u32 = 3;
