//! Finding out what is really there when a log is opened.

use std::collections::BTreeMap;
use std::io;

use super::checkpoint::{Checkpoint, cursor_name};
use super::layout::{SEGMENT_HEADER, SegmentHeader, segment_base, segment_name};
use super::scan::{Scan, Step};
use super::segments::{is_full, set_aside};
use super::state::{Hold, Segment, Stats};
use super::storage::Storage;

/// What a directory holds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) cursors: BTreeMap<String, Hold>,
    /// Above every sequence number that is in the log or that a cursor has seen.
    pub(super) next_seq: u64,
    /// Above every epoch before.
    pub(super) next_epoch: u64,
    pub(super) stats: Stats,
}

/// Reads the directory and mends the newest segment: a torn tail is cut, damage before it set
/// aside, and what is left is synced, because it may be in the page cache only. Older segments were
/// synced before the next one was made; they are checked when they are read.
pub(super) fn recover(storage: &dyn Storage, chunk_bytes: usize) -> io::Result<Recovered> {
    let mut names = storage.list()?;
    names.sort_unstable();
    let mut found = Recovered {
        segments: BTreeMap::new(),
        cursors: cursors(storage, &names)?,
        next_seq: 1,
        next_epoch: 1,
        stats: Stats::default(),
    };
    for name in names.iter().filter(|name| name.strip_suffix(".tmp").is_some()) {
        storage.unlink(name)?;
    }
    let bases: Vec<u64> = names.iter().filter_map(|name| segment_base(name)).collect();
    for &base in &bases {
        let newest = Some(&base) == bases.last();
        open_segment(storage, base, newest, &mut found)?;
    }
    if let Some((&base, &segment)) = found.segments.last_key_value() {
        mend(storage, base, segment, chunk_bytes, &mut found)?;
    }
    for hold in found.cursors.values() {
        found.next_seq = found.next_seq.max(hold.seq);
    }
    Ok(found)
}

fn cursors(storage: &dyn Storage, names: &[String]) -> io::Result<BTreeMap<String, Hold>> {
    let mut cursors = BTreeMap::new();
    for name in names.iter().filter_map(|name| cursor_name(name)) {
        // Without a good slot nothing is known: it reads from the oldest record again.
        let at = Checkpoint::open(storage, name)?.map(|checkpoint| checkpoint.durable());
        cursors.insert(name.to_owned(), Hold::at(at.map_or(0, |at| at.seq)));
    }
    Ok(cursors)
}

fn open_segment(
    storage: &dyn Storage,
    base: u64,
    newest: bool,
    found: &mut Recovered,
) -> io::Result<()> {
    let file = storage.open(&segment_name(base))?;
    let length = file.length()?;
    let mut bytes = [0; SEGMENT_HEADER];
    let read = file.read_at(0, &mut bytes)?;
    match SegmentHeader::decode(&bytes[..read]).filter(|header| header.base == base) {
        Some(header) => {
            found.segments.insert(base, Segment { header, length });
            found.next_epoch = found.next_epoch.max(header.epoch + 1);
        }
        // Death between making the file and writing its header: no record was in it.
        None if newest && length <= SEGMENT_HEADER as u64 => {
            storage.unlink(&segment_name(base))?;
        }
        None => {
            storage.rename(&segment_name(base), &format!("{}.bad", segment_name(base)))?;
            storage.sync_dir()?;
            found.stats.quarantined += 1;
            found.stats.quarantined_bytes += length;
            // It may have been the only one of its epoch.
            found.next_epoch += 1;
        }
    }
    found.next_seq = found.next_seq.max(base);
    Ok(())
}

fn mend(
    storage: &dyn Storage,
    base: u64,
    segment: Segment,
    chunk_bytes: usize,
    found: &mut Recovered,
) -> io::Result<()> {
    let file = storage.open(&segment_name(base))?;
    let mut scan = Scan::new(file.clone(), segment.header, SEGMENT_HEADER as u64, chunk_bytes);
    let mut good_end = SEGMENT_HEADER as u64;
    let mut damage = Vec::new();
    loop {
        match scan.step(segment.length)? {
            Step::Record(record) => {
                good_end = record.position.offset;
                found.next_seq = found.next_seq.max(record.seq + 1);
            }
            Step::Damage { from, to } if to < segment.length => damage.push(from..to),
            Step::Damage { from, to } => found.stats.torn_bytes += to - from,
            Step::End => break,
        }
    }
    for bytes in damage {
        let length = bytes.end - bytes.start;
        match set_aside(storage, &*file, base, bytes) {
            Ok(false) => continue,
            Ok(true) => {}
            // A full disk must not keep the rest from being delivered.
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, "damaged bytes could not be set aside");
            }
            Err(error) => return Err(error),
        }
        found.stats.quarantined += 1;
        found.stats.quarantined_bytes += length;
    }
    if good_end < segment.length {
        file.truncate(good_end)?;
    }
    if good_end == SEGMENT_HEADER as u64 {
        // No record: the next segment may want its name.
        storage.unlink(&segment_name(base))?;
        found.segments.remove(&base);
        return Ok(());
    }
    file.sync_data()?;
    found.segments.insert(base, Segment { length: good_end, ..segment });
    Ok(())
}
