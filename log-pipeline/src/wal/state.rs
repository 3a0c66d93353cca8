//! What appenders, the writer and readers of one log share, under one lock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::failed::Failed;
use super::layout::SegmentHeader;
use super::scan::Position;
use super::storage::Storage;

/// The shared half of a log. `work` wakes the writer; `progress` and the wakers wake the rest.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) chunk_bytes: usize,
    state: Mutex<Waiting>,
    work: Condvar,
    progress: Condvar,
}

#[derive(Debug)]
struct Waiting {
    state: State,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Encoded records not yet taken by the writer.
    pub(crate) pending: Vec<u8>,
    /// Sequence number of the next record to be appended.
    pub(crate) next_seq: u64,
    /// Records below are written; at most `next_seq`.
    pub(crate) written_seq: u64,
    /// Records below survive a loss of power; at most `written_seq`.
    pub(crate) durable_seq: u64,
    /// How far readers may go.
    pub(crate) visible: Position,
    /// All segments with their lengths; the last one is growing and its length is `visible`'s.
    pub(crate) segments: BTreeMap<u64, Segment>,
    /// Where each cursor's durable position is.
    pub(crate) cursors: BTreeMap<String, Hold>,
    /// Bytes of segments and of records on their way into one.
    pub(crate) used_bytes: u64,
    /// Somebody waits for a cursor to commit.
    pub(crate) delivery_awaited: bool,
    /// Of these, bytes of files being deleted right now.
    pub(crate) deleting_bytes: u64,
    /// How often segments were deleted.
    pub(crate) freed: u64,
    /// Records below were given up to make room, as far as they were there.
    pub(crate) evicted_below: u64,
    pub(crate) failed: Option<Failed>,
    /// No more appends; the writer finishes.
    pub(crate) closing: bool,
    /// The writer is done.
    pub(crate) closed: bool,
    pub(crate) stats: Stats,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) length: u64,
}

/// What keeps segments from being deleted.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// Records below are done with, durably.
    pub(crate) seq: u64,
    /// Records below are done with: what its checkpoint says.
    pub(crate) committed: u64,
    pub(crate) open: bool,
    /// Records the cursor would have read and that were given up to make room.
    pub(crate) skipped: u64,
    /// Which these are, in order; many old ones are one.
    pub(crate) skips: Vec<Range<u64>>,
}

/// What a log has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Records appended.
    pub appended_records: u64,
    /// Bytes of their payloads.
    pub appended_bytes: u64,
    /// Batches written.
    pub batches: u64,
    /// fdatasync calls on segments.
    pub syncs: u64,
    /// The time these took: what a durable record waits for is mostly this.
    pub sync_time: Duration,
    /// Bytes cut off the end of the newest segment when the log was opened: a record that was being
    /// written when the machine or process died.
    pub torn_bytes: u64,
    /// Damaged stretches set aside and passed over.
    pub quarantined: u64,
    /// Bytes of these.
    pub quarantined_bytes: u64,
    /// Segments deleted because every cursor had passed them.
    pub deleted_segments: u64,
    /// Records refused because the log was as large as it may be ([`WhenFull::DropNewest`]).
    ///
    /// [`WhenFull::DropNewest`]: super::WhenFull::DropNewest
    pub refused_records: u64,
    /// Segments given up to make room ([`WhenFull::DropOldest`]).
    ///
    /// [`WhenFull::DropOldest`]: super::WhenFull::DropOldest
    pub evicted_segments: u64,
    /// How often the file system was found to be full.
    pub disk_full: u64,
    /// Whether it is now: what was appended waits for room.
    pub waits_for_disk: bool,
    /// Bytes of segments and of records on their way into one: what the quota is about.
    pub used_bytes: u64,
    /// Segments on disk.
    pub segments: u64,
    /// Sequence number of the next record to be appended.
    pub next_seq: u64,
    /// Records below this survive a loss of power.
    pub durable_seq: u64,
}

impl Shared {
    pub(crate) fn new(storage: Arc<dyn Storage>, chunk_bytes: usize, state: State) -> Self {
        let state = Mutex::new(Waiting { state, wakers: Vec::new() });
        Self { storage, chunk_bytes, state, work: Condvar::new(), progress: Condvar::new() }
    }

    /// Looks at the state or changes what nobody waits for.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.lock().state)
    }

    /// Changes the state and wakes the writer.
    pub(crate) fn post<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock().state);
        self.work.notify_one();
        result
    }

    /// Changes the state and wakes everybody who waits for progress.
    pub(crate) fn publish<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut waiting = self.lock();
        let result = change(&mut waiting.state);
        let wakers = std::mem::take(&mut waiting.wakers);
        drop(waiting);
        self.progress.notify_all();
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Blocks until `ready` gives something; it is asked again after each `publish`.
    pub(crate) fn wait<R>(&self, mut ready: impl FnMut(&mut State) -> Option<R>) -> R {
        let mut waiting = self.lock();
        loop {
            if let Some(result) = ready(&mut waiting.state) {
                return result;
            }
            waiting = self.progress.wait(waiting).expect("no holder of the lock panics");
        }
    }

    /// Like [`Shared::wait`] for a task.
    pub(crate) fn poll<R>(
        &self,
        context: &mut Context<'_>,
        ready: impl FnOnce(&mut State) -> Option<R>,
    ) -> Poll<R> {
        let mut waiting = self.lock();
        if let Some(result) = ready(&mut waiting.state) {
            return Poll::Ready(result);
        }
        if !waiting.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Blocks the writer until `ready` gives something or the time is over.
    pub(crate) fn wait_for_work<R>(
        &self,
        at_most: Option<Duration>,
        mut ready: impl FnMut(&mut State) -> Option<R>,
    ) -> Option<R> {
        let until = at_most.map(|time| Instant::now() + time);
        let mut waiting = self.lock();
        loop {
            if let Some(result) = ready(&mut waiting.state) {
                return Some(result);
            }
            let Some(until) = until else {
                waiting = self.work.wait(waiting).expect("no holder of the lock panics");
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let outcome = self.work.wait_timeout(waiting, left);
            waiting = outcome.expect("no holder of the lock panics").0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

impl State {
    /// The counts, with the gauges filled in.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            used_bytes: self.used_bytes,
            segments: self.segments.len() as u64,
            next_seq: self.next_seq,
            durable_seq: self.durable_seq,
            ..self.stats
        }
    }

    /// How far a reader may go in `segment`.
    pub(crate) fn limit(&self, segment: u64) -> u64 {
        if segment == self.visible.segment {
            return self.visible.offset;
        }
        self.segments.get(&segment).map_or(0, |segment| segment.length)
    }

    /// Counts what the cursor `name`, at `from`, misses of the records below `to` because they were
    /// given up, and says how many these are.
    pub(crate) fn skip(&mut self, name: &str, from: u64, to: u64) -> u64 {
        let to = to.min(self.evicted_below);
        let Some(hold) = self.cursors.get_mut(name) else { return 0 };
        // Reading may have begun anew before what is counted already.
        let from = from.max(hold.skips.last().map_or(0, |last| last.end));
        if from >= to {
            return 0;
        }
        hold.skipped += to - from;
        hold.skips.push(from..to);
        if hold.skips.len() > MOST_SKIPS {
            let oldest = hold.skips.remove(0);
            hold.skips[0].start = oldest.start;
        }
        to - from
    }
}

impl Hold {
    pub(crate) fn at(seq: u64) -> Self {
        Self { seq, committed: seq, open: false, skipped: 0, skips: Vec::new() }
    }
}

/// Remembered of one cursor.
const MOST_SKIPS: usize = 256;
