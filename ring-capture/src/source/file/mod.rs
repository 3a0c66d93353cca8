//! Capture files: pcap and pcapng, told apart and decompressed by their first bytes.
//!
//! Both byte orders; pcap with microseconds or nanoseconds; pcapng with any number of sections and
//! interfaces, each with its own resolution and offset of time; gzip and zstd around either.
//! Reading copies a record once, out of the file, and allocates nothing for it.

mod buffer;
mod error;
mod input;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::frame::Frame;
use crate::framing::{Located, Step};
use crate::pcapng::{Interface, Section};
use crate::{pcap, pcapng};
use buffer::Buffer;
use input::Input;

pub use crate::framing::{Fault, MAX_BLOCK_BYTES};
pub use error::{OpenError, ReadError};

/// A capture file, read from its start to its end.
///
/// ```
/// use ring_capture::file::{CaptureFile, ReadError};
///
/// # fn replay(path: &std::path::Path) -> Result<u64, Box<dyn std::error::Error>> {
/// let mut file = CaptureFile::open(path)?;
/// loop {
///     match file.next() {
///         Ok(Some(frame)) => println!("{} {}", frame.timestamp_ns, frame.bytes.len()),
///         // A capture that was killed ends in the middle of a packet.
///         Ok(None) | Err(ReadError::Truncated { .. }) => break,
///         Err(error) => return Err(error.into()),
///     }
/// }
/// Ok(file.packets_read())
/// # }
/// ```
pub struct CaptureFile<R> {
    input: Input<R>,
    buffer: Buffer,
    format: Format,
    last: Option<Located>,
    over: bool,
    packets_read: u64,
    size: Option<u64>,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Reader),
    Pcapng(pcapng::Reader),
}

impl CaptureFile<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: the file cannot be read, is no capture, or its header is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let cannot = |source| OpenError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        let mut capture = Self::new(file)?;
        capture.size = metadata.is_file().then_some(metadata.len());
        Ok(capture)
    }
}

impl<R: Read> CaptureFile<R> {
    /// Reads a capture from anything, standard input say, and its header at once.
    ///
    /// Reads 256 KiB at a time and needs no buffer underneath. Memory is that, up to twice
    /// [`MAX_BLOCK_BYTES`] where records are so long, and what a decompressor needs (for zstd
    /// windows of up to 128 MiB).
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn new(from: R) -> Result<Self, OpenError> {
        let mut input = Input::new(from).map_err(OpenError::Read)?;
        let mut buffer = Buffer::new();
        let format = Format::of(&mut input, &mut buffer)?;
        let (last, over) = (None, false);
        let mut file = Self { input, buffer, format, last, over, packets_read: 0, size: None };
        // The first step of either format is its header and never a packet.
        file.step().map_err(OpenError::Header)?;
        Ok(file)
    }

    /// The next packet; `None` at the end, and ever after the end or an error.
    ///
    /// # Errors
    ///
    /// See [`ReadError`]. The packets before one were whole; [`ReadError::Truncated`] is what a
    /// capture ends with that was stopped by force, and may be taken for the end.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        self.last = None;
        while !self.over && self.last.is_none() {
            let stepped = self.step();
            self.over = !matches!(stepped, Ok(true));
            stepped?;
        }
        Ok(self.frame())
    }

    /// What [`next`](Self::next) gave last, once more: to look at it and at the rest of the file
    /// (its comment, its interface) at the same time.
    pub fn frame(&self) -> Option<Frame<'_>> {
        let located = self.last.as_ref()?;
        Some(located.frame(self.buffer.consumed(located.record_len)))
    }

    /// The first comment of the last packet. Allocates only where it is not UTF-8.
    pub fn comment(&self) -> Option<Cow<'_, str>> {
        let located = self.last.as_ref()?;
        let record = self.buffer.consumed(located.record_len);
        Some(String::from_utf8_lossy(&record[located.comment.clone()?]))
    }

    /// The interfaces described so far: [`Frame::interface`] is the place in this slice.
    ///
    /// pcap has one, without a name. In a pcapng file the interfaces of all sections are counted
    /// through, modulo 65,536; each is described somewhere before its first packet.
    pub fn interfaces(&self) -> &[Interface] {
        match &self.format {
            Format::Pcap(reader) => reader.interfaces(),
            Format::Pcapng(reader) => reader.interfaces(),
        }
    }

    /// What the pcapng section last begun says of itself; `None` for pcap.
    pub fn section(&self) -> Option<&Section> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(reader) => Some(reader.section()),
        }
    }

    /// Packets given so far.
    pub fn packets_read(&self) -> u64 {
        self.packets_read
    }

    /// Bytes taken from the file so far, compressed as they are; up to 256 KiB ahead of the packet.
    pub fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// The bytes there are to read, compressed as they are; `None` when nobody knows.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Goes one record further, be it a packet or not; `false` at the end.
    fn step(&mut self) -> Result<bool, ReadError> {
        let at_offset = self.buffer.offset();
        loop {
            let step = match &mut self.format {
                Format::Pcap(reader) => reader.step(self.buffer.bytes()),
                Format::Pcapng(reader) => reader.step(self.buffer.bytes()),
            };
            match step.map_err(|fault| ReadError::Malformed { at_offset, fault })? {
                Step::Need(count) => match self.buffer.fill(&mut self.input, count) {
                    Ok(true) => {}
                    Ok(false) if self.buffer.bytes().is_empty() => return Ok(false),
                    Ok(false) => return Err(ReadError::Truncated { at_offset }),
                    Err(error) => return Err(ReadError::of_io(at_offset, error)),
                },
                Step::Pass(count) => {
                    self.buffer.consume(count);
                    return Ok(true);
                }
                Step::Packet(located) => {
                    self.buffer.consume(located.record_len);
                    self.last = Some(located);
                    self.packets_read += 1;
                    return Ok(true);
                }
            }
        }
    }
}

impl Format {
    /// Told by the first four bytes, which stay in the buffer.
    fn of(input: &mut impl Read, buffer: &mut Buffer) -> Result<Self, OpenError> {
        let cut = OpenError::Header(ReadError::Truncated { at_offset: 0 });
        match buffer.fill(input, 4) {
            Ok(_) if buffer.bytes().is_empty() => return Err(OpenError::Empty),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(cut),
            Err(error) => return Err(OpenError::Read(error)),
        }
        let Some(&found) = buffer.bytes().first_chunk() else { return Err(cut) };
        if pcapng::recognise(found) {
            return Ok(Self::Pcapng(pcapng::Reader::default()));
        }
        let pcap = pcap::Reader::recognise(found).ok_or(OpenError::NotACapture { found })?;
        Ok(Self::Pcap(pcap))
    }
}

impl<R> fmt::Debug for CaptureFile<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureFile")
            .field("format", &self.format)
            .field("offset", &self.buffer.offset())
            .field("packets_read", &self.packets_read)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
