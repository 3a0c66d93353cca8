//! Looking at a log without changing it, also while a process has it open.

use std::io;
use std::sync::Arc;

use super::checkpoint::{cursor_name, file_name, newest};
use super::layout::{SEGMENT_HEADER, SegmentHeader, segment_base, segment_name};
use super::scan::{Position, Record, Scan, Step};
use super::storage::Storage;

/// What the directory of a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Inspection {
    /// The segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// The cursors, by name.
    pub cursors: Vec<CursorReport>,
    /// Files of bytes that were set aside as damaged, with their lengths.
    pub set_aside: Vec<(String, u64)>,
    /// Sequence number after the last record.
    pub next_seq: u64,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its file.
    pub file: String,
    /// Which opening of the log wrote it; `None` when its header is damaged.
    pub epoch: Option<u64>,
    /// Sequence number of its first record, as its name says.
    pub base: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Records in it. Unless verified, as the names of the segments tell.
    pub records: u64,
    /// Bytes of their payloads; `None` unless verified.
    pub payload_bytes: Option<u64>,
    /// When the first and the last were received, Unix nanoseconds; `None` unless verified.
    pub received_ns: Option<(u64, u64)>,
    /// File offsets of bytes that are not what was written.
    pub damage: Vec<std::ops::Range<u64>>,
    /// Bytes at the end of the newest segment that are no record: one being written right now, or
    /// when the process died.
    pub unfinished_bytes: u64,
}

/// One cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CursorReport {
    /// Its name.
    pub name: String,
    /// Sequence number of the next record it will deliver; `None` when its file is damaged, and it
    /// will begin anew.
    pub seq: Option<u64>,
    /// Records it has not delivered.
    pub lag_records: u64,
}

impl Inspection {
    /// Bytes of all segments that are not what was written.
    pub fn damaged_bytes(&self) -> u64 {
        let ranges = self.segments.iter().flat_map(|segment| &segment.damage);
        ranges.map(|range| range.end - range.start).sum()
    }
}

/// Looks at the log in `storage`, which may be in use. With `verify` every record is read and its
/// checksum computed; otherwise only those of the newest segment.
///
/// # Errors
/// Whatever the storage says. Damage is no error, it is what this is about.
pub fn inspect(storage: &dyn Storage, verify: bool) -> io::Result<Inspection> {
    let mut names = storage.list()?;
    names.sort_unstable();
    let mut found = Inspection::default();
    let bases: Vec<u64> = names.iter().filter_map(|name| segment_base(name)).collect();
    for (number, &base) in bases.iter().enumerate() {
        let next = bases.get(number + 1).copied();
        if let Some(report) = there(segment(storage, base, next, verify))? {
            found.next_seq = found.next_seq.max(report.base + report.records);
            found.segments.push(report);
        }
    }
    let oldest = bases.first().copied().unwrap_or(0);
    for name in names.iter().filter_map(|name| cursor_name(name)) {
        let Some(position) = there(position(storage, name))? else { continue };
        let seq = position.map(|position| position.seq());
        let from = seq.unwrap_or(0).max(oldest);
        let lag_records = found.next_seq.saturating_sub(from);
        found.cursors.push(CursorReport { name: name.to_owned(), seq, lag_records });
    }
    for name in names.iter().filter(|name| name.strip_suffix(".bad").is_some()) {
        if let Some(file) = there(storage.open(name))? {
            found.set_aside.push((name.clone(), file.length()?));
        }
    }
    Ok(found)
}

/// `None` for a file that has gone since the directory was listed.
fn there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn segment(
    storage: &dyn Storage,
    base: u64,
    next: Option<u64>,
    verify: bool,
) -> io::Result<SegmentReport> {
    let file = storage.open(&segment_name(base))?;
    let bytes = file.length()?;
    let mut report = SegmentReport { file: segment_name(base), base, bytes, ..Default::default() };
    let mut head = [0; SEGMENT_HEADER];
    let read = file.read_at(0, &mut head)?;
    let Some(header) = SegmentHeader::decode(&head[..read]).filter(|header| header.base == base)
    else {
        if next.is_none() && bytes <= SEGMENT_HEADER as u64 {
            report.unfinished_bytes = bytes;
        } else {
            report.damage.push(0..bytes);
        }
        return Ok(report);
    };
    report.epoch = Some(header.epoch);
    if let Some(next) = next.filter(|_| !verify) {
        report.records = next - base;
        return Ok(report);
    }
    let mut scan = Scan::new(file, header, SEGMENT_HEADER as u64, CHUNK_BYTES);
    let (mut records, mut payload_bytes, mut last_seq) = (0, 0, base);
    loop {
        match scan.step(bytes)? {
            Step::Record(record) => {
                records += 1;
                payload_bytes += record.payload.len() as u64;
                last_seq = record.seq + 1;
                let first = report.received_ns.map_or(record.received_ns, |(first, _)| first);
                report.received_ns = Some((first, record.received_ns));
            }
            // Only a newest segment may end in something else than a record.
            Step::Damage { from, to } if to == bytes && next.is_none() => {
                report.unfinished_bytes = to - from;
            }
            Step::Damage { from, to } => report.damage.push(from..to),
            Step::End => break,
        }
    }
    report.records = if verify { records } else { last_seq - base };
    report.payload_bytes = Some(payload_bytes);
    Ok(report)
}

/// Every good record from `from` on, oldest first. Damage is passed over.
#[derive(Debug)]
pub struct Records {
    storage: Arc<dyn Storage>,
    from: u64,
    /// Segments not begun, newest first.
    bases: Vec<u64>,
    scan: Option<(Scan, u64)>,
    damaged_bytes: u64,
}

/// Reads the log in `storage`, which may be in use: what is there now, from sequence number `from`.
///
/// # Errors
/// Whatever the storage says.
pub fn records(storage: impl Storage, from: u64) -> io::Result<Records> {
    let mut bases: Vec<u64> =
        storage.list()?.iter().filter_map(|name| segment_base(name)).collect();
    bases.sort_unstable();
    // The last that begins at or before it has it.
    let first = bases.partition_point(|&base| base <= from).saturating_sub(1);
    bases.drain(..first);
    bases.reverse();
    Ok(Records { storage: Arc::new(storage), from, bases, scan: None, damaged_bytes: 0 })
}

impl Records {
    /// Bytes passed over so far that are not what was written.
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    fn begin(&mut self, base: u64) -> io::Result<()> {
        let Some(file) = there(self.storage.open(&segment_name(base)))? else { return Ok(()) };
        let length = file.length()?;
        let mut head = [0; SEGMENT_HEADER];
        let read = file.read_at(0, &mut head)?;
        match SegmentHeader::decode(&head[..read]).filter(|header| header.base == base) {
            Some(header) => {
                let scan = Scan::new(file, header, SEGMENT_HEADER as u64, CHUNK_BYTES);
                self.scan = Some((scan, length));
            }
            None => self.damaged_bytes += length,
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some((scan, length)) = &mut self.scan else {
                let Some(base) = self.bases.pop() else { return Ok(None) };
                self.begin(base)?;
                continue;
            };
            match scan.step(*length)? {
                Step::Record(record) if record.seq < self.from => {}
                Step::Record(record) => return Ok(Some(record)),
                Step::Damage { to, .. } if to == *length && self.bases.is_empty() => {}
                Step::Damage { from, to } => self.damaged_bytes += to - from,
                Step::End => self.scan = None,
            }
        }
    }
}

impl Iterator for Records {
    type Item = io::Result<Record>;

    /// After an error the iteration is over.
    fn next(&mut self) -> Option<io::Result<Record>> {
        let step = self.step();
        if step.is_err() {
            self.bases.clear();
            self.scan = None;
        }
        step.transpose()
    }
}

/// Where a cursor is, without opening it.
fn position(storage: &dyn Storage, name: &str) -> io::Result<Option<Position>> {
    let file = storage.open(&file_name(name))?;
    Ok(newest(&*file)?.map(|(.., position)| position))
}

const CHUNK_BYTES: usize = 256 * 1024;
