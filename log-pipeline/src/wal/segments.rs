//! The files of the log: made, passed over and deleted.

use std::io;
use std::sync::Arc;

use super::layout::{SEGMENT_HEADER, SegmentHeader, quarantine_name, segment_name};
use super::scan::Scan;
use super::state::Shared;
use super::storage::{File, Storage};

/// Makes a segment, durable under its name before any record goes in.
pub(super) fn create(storage: &dyn Storage, header: SegmentHeader) -> io::Result<Arc<dyn File>> {
    let file = storage.create(&segment_name(header.base))?;
    file.write_at(0, &header.encode())?;
    file.sync_data()?;
    storage.sync_dir()?;
    Ok(file)
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
    /// A walk through `segment` from `offset`, or from its start when `offset` is `None`.
    pub(crate) fn scan(&self, segment: u64, offset: Option<u64>) -> io::Result<Option<Scan>> {
        let Some(header) = self.with(|state| state.segments.get(&segment).map(|s| s.header)) else {
            return Ok(None);
        };
        let file = self.storage.open(&segment_name(segment))?;
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
        let passed: Vec<u64> = self.with(|state| {
            let Some(held) = state.cursors.values().map(|hold| hold.segment).min() else {
                return Vec::new();
            };
            let held = held.min(state.visible.segment);
            let kept = state.segments.split_off(&held);
            let passed = std::mem::replace(&mut state.segments, kept);
            state.stats.deleted_segments += passed.len() as u64;
            passed.into_keys().collect()
        });
        if passed.is_empty() {
            return Ok(());
        }
        for base in passed {
            self.storage.unlink(&segment_name(base))?;
        }
        self.storage.sync_dir()
    }
}

const COPY_BYTES: usize = 64 * 1024;
