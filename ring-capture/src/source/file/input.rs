//! The bytes of a capture file as they were before compression.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// The file, looked at through the decoder that its first bytes ask for.
pub(super) enum Input<R> {
    Plain(Source<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Source<R>>>>),
    Zstd(zstd::Decoder<'static, BufReader<Source<R>>>),
}

impl<R: Read> Input<R> {
    /// Looks at the first four bytes and chooses.
    pub(super) fn new(inner: R) -> io::Result<Self> {
        let mut source = Source::new(inner);
        Ok(match source.first_bytes()? {
            [0x1f, 0x8b, ..] => {
                Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ, source))))
            }
            // RFC 8878 §3.1: a frame, or a skippable frame before one.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let buffered = BufReader::with_capacity(READ, source);
                Self::Zstd(zstd::Decoder::with_buffer(buffered)?)
            }
            _ => Self::Plain(source),
        })
    }

    /// Bytes taken from the file itself.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(source) => source.bytes_read,
            Self::Gzip(decoder) => decoder.get_ref().get_ref().bytes_read,
            Self::Zstd(decoder) => decoder.get_ref().get_ref().bytes_read,
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(into),
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }
}

/// A reader that counts, and whose first four bytes can be looked at before they are read.
pub(super) struct Source<R> {
    inner: R,
    first: [u8; 4],
    /// Of `first`, what there is and what was read.
    held: usize,
    given: usize,
    bytes_read: u64,
}

impl<R: Read> Source<R> {
    fn new(inner: R) -> Self {
        Self { inner, first: [0; 4], held: 0, given: 0, bytes_read: 0 }
    }

    /// The first four bytes, or the whole file when it is shorter.
    fn first_bytes(&mut self) -> io::Result<&[u8]> {
        while self.held < self.first.len() {
            match self.inner.read(&mut self.first[self.held..]) {
                Ok(0) => break,
                Ok(count) => self.held += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes_read = self.held as u64;
        Ok(&self.first[..self.held])
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given < self.held {
            let count = (&self.first[self.given..self.held]).read(into)?;
            self.given += count;
            return Ok(count);
        }
        let count = self.inner.read(into)?;
        self.bytes_read += count as u64;
        Ok(count)
    }
}

/// Compressed bytes taken at a time.
const READ: usize = 64 << 10;
