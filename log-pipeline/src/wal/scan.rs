//! Reading a segment in chunks, past whatever is damaged in it.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::layout::{ALIGNMENT, RECORD_HEADER, RecordHeader, record_length};
use super::storage::File;

/// One record read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Which opening of the log wrote it. With `seq` it makes a key that never comes twice.
    pub epoch: u64,
    /// Sequence number, growing by one a record; damage leaves gaps.
    pub seq: u64,
    /// When it was received, Unix nanoseconds, as the appender said.
    pub received_ns: u64,
    /// What the appender said it is.
    pub kind: u8,
    /// The bytes, sharing the chunk they were read in.
    pub payload: Bytes,
    /// Where the log goes on after it: hand it to `commit`.
    pub position: Position,
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Sequence number of the next record.
    pub(crate) seq: u64,
    /// The segment, named by its first sequence number.
    pub(crate) segment: u64,
    /// Byte offset in it.
    pub(crate) offset: u64,
}

impl Position {
    /// Sequence number of the next record.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// A walk through one segment.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) file: Arc<dyn File>,
    segment: u64,
    epoch: u64,
    salt: u32,
    /// File offset of the next record.
    offset: u64,
    /// The sequence number a record must have at least.
    least_seq: u64,
    /// Bytes of the file from `offset` on.
    chunk: Bytes,
    chunk_bytes: usize,
}

/// What a walk comes upon.
#[derive(Debug)]
pub(crate) enum Step {
    Record(Record),
    /// Bytes `from..to` are no records; at `to` is a good one or the limit.
    Damage {
        from: u64,
        to: u64,
    },
    /// The limit.
    End,
}

impl Scan {
    pub(crate) fn new(
        file: Arc<dyn File>,
        header: super::layout::SegmentHeader,
        from: u64,
        chunk_bytes: usize,
    ) -> Self {
        Self {
            file,
            segment: header.base,
            epoch: header.epoch,
            salt: header.salt,
            offset: from,
            least_seq: header.base,
            chunk: Bytes::new(),
            chunk_bytes,
        }
    }

    pub(crate) fn segment(&self) -> u64 {
        self.segment
    }

    /// The next step below `limit`, a file offset where a record ends.
    pub(crate) fn step(&mut self, limit: u64) -> io::Result<Step> {
        if self.offset >= limit {
            return Ok(Step::End);
        }
        if let Some(header) = self.good_at_offset(limit)? {
            let whole = record_length(header.length);
            let end = RECORD_HEADER + header.length as usize;
            let payload = self.chunk.slice(RECORD_HEADER..end);
            self.skip(whole);
            self.least_seq = header.seq + 1;
            return Ok(Step::Record(Record {
                epoch: self.epoch,
                seq: header.seq,
                received_ns: header.received_ns,
                kind: header.kind,
                payload,
                position: Position {
                    seq: header.seq + 1,
                    segment: self.segment,
                    offset: self.offset,
                },
            }));
        }
        let from = self.offset;
        while self.offset < limit {
            self.skip(ALIGNMENT.min(limit - self.offset));
            if self.good_at_offset(limit)?.is_some() {
                break;
            }
        }
        Ok(Step::Damage { from, to: self.offset })
    }

    /// The header of the record at `offset`, if header and payload are what was written. The
    /// record then lies whole in `chunk`.
    fn good_at_offset(&mut self, limit: u64) -> io::Result<Option<RecordHeader>> {
        self.fill(RECORD_HEADER as u64, limit)?;
        let Some(header) = RecordHeader::decode(&self.chunk, self.salt) else { return Ok(None) };
        let whole = record_length(header.length);
        if header.seq < self.least_seq || whole > limit - self.offset {
            return Ok(None);
        }
        self.fill(whole, limit)?;
        let good = self.chunk.len() as u64 >= whole && header.verify(&self.chunk, self.salt);
        Ok(good.then_some(header))
    }

    fn skip(&mut self, bytes: u64) {
        self.offset += bytes;
        let held = bytes.min(self.chunk.len() as u64) as usize;
        self.chunk = self.chunk.slice(held..);
    }

    /// Makes `chunk` hold `need` bytes, if there are so many below `limit`.
    fn fill(&mut self, need: u64, limit: u64) -> io::Result<()> {
        let there = limit.saturating_sub(self.offset);
        if self.chunk.len() as u64 >= need.min(there) {
            return Ok(());
        }
        let wanted = need.max(self.chunk_bytes as u64).min(there) as usize;
        let mut chunk = BytesMut::zeroed(wanted);
        let read = self.file.read_at(self.offset, &mut chunk)?;
        chunk.truncate(read);
        self.chunk = chunk.freeze();
        Ok(())
    }
}
