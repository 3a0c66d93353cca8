//! The one buffer that every record passes through.

use std::io::{self, Read};

/// Bytes read and not yet done with, at the front of a growing file offset.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; READ], start: 0, end: 0, offset: 0 }
    }

    /// What is buffered and not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The offset in the file of the first of [`bytes`](Self::bytes).
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until there are `count` bytes; `false` when the file ends before.
    ///
    /// The buffer grows as bytes arrive, so that a length which lies costs no more than the file is
    /// long. What was consumed is gone after this.
    pub(super) fn fill(&mut self, from: &mut impl Read, count: usize) -> io::Result<bool> {
        // Less than a record: what the last read brought was used up to here.
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < count {
            if self.end == self.bytes.len() {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
            match from.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Done with the first `count` bytes. They stay readable by [`consumed`](Self::consumed) until
    /// the next [`fill`](Self::fill).
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
    }

    /// The last `count` bytes consumed.
    pub(super) fn consumed(&self, count: usize) -> &[u8] {
        &self.bytes[self.start - count..self.start]
    }
}

/// Bytes asked of the file at a time: a thousand small packets.
const READ: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = into.len().min(1);
            self.0.read(&mut into[..count])
        }
    }

    #[test]
    fn bytes_left_over_move_to_the_front() {
        let file: Vec<u8> = (0..1000_u32).map(|i| i as u8).collect();
        let mut from = Dripping(&file);
        let mut buffer = Buffer { bytes: vec![0; 8], start: 0, end: 0, offset: 0 };
        for at in (0..1000).step_by(5) {
            assert!(buffer.fill(&mut from, 5).expect("memory"));
            assert_eq!(buffer.bytes()[..5], file[at..at + 5]);
            assert_eq!(buffer.offset(), at as u64);
            buffer.consume(5);
            assert_eq!(buffer.consumed(5), &file[at..at + 5]);
        }
        assert!(!buffer.fill(&mut from, 1).expect("memory"));
        assert_eq!(buffer.bytes.len(), 8);
    }

    #[test]
    fn it_grows_with_what_arrives_and_not_with_what_is_asked() {
        let mut buffer = Buffer { bytes: vec![0; 8], start: 0, end: 0, offset: 0 };
        assert!(!buffer.fill(&mut &[7; 20][..], 1 << 30).expect("memory"));
        assert_eq!(buffer.bytes(), [7; 20]);
        assert_eq!(buffer.bytes.len(), 32);
    }
}
