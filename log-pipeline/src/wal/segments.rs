//! The files of the log: made, passed over, given up and deleted.

use std::io;
use std::sync::Arc;

use super::layout::{SEGMENT_HEADER, SegmentHeader, quarantine_name, segment_name};
use super::scan::Scan;
use super::state::{Segment, Shared, State};
use super::storage::{File, Storage};

/// Makes a segment. Nothing goes into it before [`settle`].
pub(super) fn make(storage: &dyn Storage, header: SegmentHeader) -> io::Result<Arc<dyn File>> {
    let file = storage.create(&segment_name(header.base))?;
    file.write_at(0, &header.encode())?;
    Ok(file)
}

/// Makes a new segment durable, and under its name.
pub(super) fn settle(storage: &dyn Storage, file: &dyn File) -> io::Result<()> {
    file.sync_data()?;
    storage.sync_dir()
}

/// Whether there may be room later.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Copies damaged bytes to a side file and says whether they were not there before.
pub(super) fn set_aside(
    storage: &dyn Storage,
    file: &dyn File,
    base: u64,
    bytes: std::ops::Range<u64>,
) -> io::Result<bool> {
    let name = quarantine_name(base, bytes.start);
    if storage.list()?.contains(&name) {
        return Ok(false);
    }
    let temporary = format!("{name}.tmp");
    let side = storage.create(&temporary)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut at = bytes.start;
    while at < bytes.end {
        let wanted = (bytes.end - at).min(COPY_BYTES as u64) as usize;
        let read = file.read_at(at, &mut buffer[..wanted])?;
        if read == 0 {
            break;
        }
        side.write_at(at - bytes.start, &buffer[..read])?;
        at += read as u64;
    }
    side.sync_data()?;
    storage.rename(&temporary, &name)?;
    storage.sync_dir()?;
    Ok(true)
}

impl Shared {
    /// A walk through `segment` from `offset`, or from its start when `offset` is `None`. `None`
    /// when it is not there, or not any more.
    pub(crate) fn scan(&self, segment: u64, offset: Option<u64>) -> io::Result<Option<Scan>> {
        let Some(header) = self.with(|state| state.segments.get(&segment).map(|s| s.header)) else {
            return Ok(None);
        };
        let file = match self.storage.open(&segment_name(segment)) {
            Ok(file) => file,
            // It was given up just now.
            Err(_) if !self.with(|state| state.segments.contains_key(&segment)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let from = offset.unwrap_or(SEGMENT_HEADER as u64).max(SEGMENT_HEADER as u64);
        Ok(Some(Scan::new(file, header, from, self.chunk_bytes)))
    }

    /// Sets damage aside and counts it. A reader goes on whether or not that worked.
    pub(crate) fn quarantine(&self, scan: &Scan, from: u64, to: u64) {
        let outcome = set_aside(&*self.storage, &*scan.file, scan.segment(), from..to);
        match outcome {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => tracing::warn!(%error, "damaged bytes could not be set aside"),
        }
        tracing::warn!(segment = scan.segment(), from, to, "damaged bytes passed over");
        self.with(|state| {
            state.stats.quarantined += 1;
            state.stats.quarantined_bytes += to - from;
        });
    }

    /// Deletes the segments that every cursor has passed. Their durable positions are what counts,
    /// so that no cursor ever comes back to a segment that is gone.
    pub(crate) fn delete_passed(&self) -> io::Result<()> {
        let passed: Vec<(u64, Segment)> = self.with(|state| {
            let Some(done) = state.cursors.values().map(|hold| hold.seq).min() else {
                return Vec::new();
            };
            // The first segment that has records from there on, or will have.
            let held = state.segments.range(..=done).next_back().map_or(0, |(&base, _)| base);
            let held = if done >= state.visible.segment { state.visible.segment } else { held };
            let kept = state.segments.split_off(&held);
            let passed = std::mem::replace(&mut state.segments, kept);
            state.stats.deleted_segments += passed.len() as u64;
            state.deleting_bytes += passed.values().map(|segment| segment.length).sum::<u64>();
            passed.into_iter().collect()
        });
        if passed.is_empty() {
            return Ok(());
        }
        self.delete(passed)?;
        self.storage.sync_dir()
    }

    /// Gives up the oldest segments until the log, with what waits to be written, takes no more
    /// than `most` bytes. The one that grows stays. Should the removal be lost with the power, the
    /// segment is there again and is delivered after all.
    pub(super) fn evict(&self, most: u64) -> io::Result<()> {
        let evicted = self.with(|state| {
            let mut evicted = Vec::new();
            while state.used_bytes - state.deleting_bytes > most
                && let Some(segment) = evict_oldest(state)
            {
                evicted.push((segment.header.base, segment));
            }
            evicted
        });
        if evicted.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            segments = evicted.len(),
            "the log is full: its oldest records are given up"
        );
        self.delete(evicted)
    }

    /// Deletes files, and tells those who wait that there is room.
    fn delete(&self, segments: Vec<(u64, Segment)>) -> io::Result<()> {
        let (mut freed, mut outcome) = (0, Ok(()));
        for (base, segment) in segments {
            // What cannot be deleted is found again when the log is opened next.
            outcome = outcome.and(self.storage.unlink(&segment_name(base)));
            freed += segment.length;
        }
        self.publish(|state| {
            state.used_bytes -= freed;
            state.deleting_bytes -= freed;
        });
        // The writer may be the one who waits.
        self.post(|state| state.freed += 1);
        outcome
    }
}

/// Takes the oldest segment out, unless it is the one that grows.
fn evict_oldest(state: &mut State) -> Option<Segment> {
    let (&base, _) = state.segments.first_key_value()?;
    if base >= state.visible.segment {
        return None;
    }
    let segment = state.segments.remove(&base)?;
    let next = state.segments.keys().next().copied();
    state.evicted_below = next.unwrap_or(state.visible.segment);
    state.deleting_bytes += segment.length;
    state.stats.evicted_segments += 1;
    Some(segment)
}

const COPY_BYTES: usize = 64 * 1024;
