//! Frames from a capture file: pcap or pcapng, plain or compressed with gzip or zstd.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::pcap;
use crate::frame::Frame;
use crate::packet::LinkType;
use crate::pcapng::read::{PacketAt, SECTION_HEADER, SectionReader, Wrong};
use crate::record::Direction;

/// A capture file being read. What it is, its first bytes say.
///
/// Memory is one buffer that grows to the largest block of the file, at most
/// [`MAX_BLOCK_BYTES`](Self::MAX_BLOCK_BYTES); nothing is allocated for a packet after that.
pub struct CaptureFile {
    input: Input,
    format: Format,
    block: Vec<u8>,
    packets: u64,
    comment: Option<std::ops::Range<usize>>,
}

enum Format {
    Pcap(pcap::Header),
    Pcapng(SectionReader),
}

/// Why a file cannot be read (on).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The underlying reader failed.
    #[error("reading failed after {offset} bytes")]
    Io {
        /// Bytes read before, decompressed.
        offset: u64,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// It starts like no capture.
    #[error("not a capture file: pcap or pcapng was expected, it starts with {found:02x?}")]
    NotACapture {
        /// Its first bytes.
        found: [u8; 4],
    },
    /// It ends inside a packet or block, as a file does whose writer was stopped. All before it
    /// has been read.
    #[error("the file ends inside the packet at byte {offset}: its writer was stopped")]
    Truncated {
        /// Where that packet or block begins, decompressed.
        offset: u64,
    },
    /// A block states a length that no capture has.
    #[error("the block at byte {offset} claims {length} bytes: the file is damaged from here")]
    TooLong {
        /// Where it begins, decompressed.
        offset: u64,
        /// What it claims.
        length: u32,
    },
    /// A block contradicts itself.
    #[error("the block at byte {offset} is damaged: expected {expected}")]
    Malformed {
        /// Where it begins, decompressed.
        offset: u64,
        /// What should have been there.
        expected: &'static str,
    },
}

impl ReadError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::NotACapture { .. } => "not_a_capture",
            Self::Truncated { .. } => "truncated",
            Self::TooLong { .. } => "too_long",
            Self::Malformed { .. } => "malformed",
        }
    }
}

impl CaptureFile {
    /// The longest block or packet accepted: sixty times the largest packet there is.
    pub const MAX_BLOCK_BYTES: u32 = 16 << 20;

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or is no capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Io { offset: 0, source })?;
        Self::new(file)
    }

    /// Reads from anything that can be read. It is buffered here.
    ///
    /// # Errors
    ///
    /// When reading fails or it is no capture.
    pub fn new(input: impl Read + Send + 'static) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { offset: 0, source };
        let (start, rest) = peek(input).map_err(io)?;
        let whole = io::Cursor::new(start).chain(rest);
        let plain: Box<dyn Read + Send> = match start {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(whole))),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole).map_err(io)?),
            _ => Box::new(whole),
        };
        let mut input = Input { reader: BufReader::with_capacity(BUFFER_BYTES, plain), offset: 0 };
        let mut found = [0; 4];
        if input.fill(&mut found)? < found.len() {
            return Err(ReadError::NotACapture { found });
        }
        let mut block = Vec::new();
        let format = if u32::from_be_bytes(found) == SECTION_HEADER {
            let mut section = SectionReader::default();
            input.section_header(&mut section, &mut block, 0)?;
            Format::Pcapng(section)
        } else {
            let mut header = [0; pcap::Header::BYTES];
            header[..4].copy_from_slice(&found);
            let length = input.fill(&mut header[4..])?;
            let header = pcap::Header::parse(&header).ok_or(ReadError::NotACapture { found })?;
            if length < pcap::Header::BYTES - 4 {
                return Err(ReadError::Truncated { offset: 0 });
            }
            Format::Pcap(header)
        };
        Ok(Self { input, format, block, packets: 0, comment: None })
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    ///
    /// See [`ReadError`]. After one, there is nothing more to be had from the file.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        self.comment = None;
        let found = match &mut self.format {
            Format::Pcap(header) => self.input.pcap_packet(*header, &mut self.block)?,
            Format::Pcapng(section) => self.input.pcapng_packet(section, &mut self.block)?,
        };
        let Some(found) = found else { return Ok(None) };
        self.packets += 1;
        self.comment = found.comment;
        Ok(Some(Frame {
            timestamp_ns: found.timestamp_ns,
            original_len: found.original,
            link: found.link,
            interface: found.interface as u16,
            direction: found.direction,
            bytes: &self.block[found.data],
        }))
    }

    /// The comment of the last packet, if it has one that is text.
    pub fn comment(&self) -> Option<&str> {
        std::str::from_utf8(&self.block[self.comment.clone()?]).ok()
    }

    /// The name of an interface, as far as it has been described.
    pub fn interface_name(&self, interface: u16) -> Option<&str> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(section) => section.interface(interface.into())?.name.as_deref(),
        }
    }

    /// What the frames of an interface start with, as far as it has been described.
    pub fn link(&self, interface: u16) -> Option<LinkType> {
        match &self.format {
            Format::Pcap(header) => Some(header.link),
            Format::Pcapng(section) => section.interface(interface.into()).map(|i| i.link),
        }
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes read so far, decompressed.
    pub fn bytes_read(&self) -> u64 {
        self.input.offset
    }
}

impl fmt::Debug for CaptureFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("CaptureFile");
        out.field("packets", &self.packets).field("bytes_read", &self.input.offset);
        out.finish_non_exhaustive()
    }
}

/// The decompressed bytes, counted.
struct Input {
    reader: BufReader<Box<dyn Read + Send>>,
    offset: u64,
}

impl Input {
    fn pcap_packet(
        &mut self,
        header: pcap::Header,
        block: &mut Vec<u8>,
    ) -> Result<Option<PacketAt>, ReadError> {
        let offset = self.offset;
        let mut bytes = [0; pcap::PacketHeader::BYTES];
        match self.fill(&mut bytes)? {
            0 => return Ok(None),
            length if length < bytes.len() => return Err(ReadError::Truncated { offset }),
            _ => {}
        }
        let packet = header.packet(&bytes);
        self.body(packet.captured, block, offset)?;
        Ok(Some(PacketAt {
            interface: 0,
            link: header.link,
            timestamp_ns: packet.timestamp_ns,
            original: packet.original,
            data: 0..block.len(),
            direction: Direction::Unknown,
            comment: None,
        }))
    }

    fn pcapng_packet(
        &mut self,
        section: &mut SectionReader,
        block: &mut Vec<u8>,
    ) -> Result<Option<PacketAt>, ReadError> {
        loop {
            let offset = self.offset;
            let mut kind = [0; 4];
            match self.fill(&mut kind)? {
                0 => return Ok(None),
                4 => {}
                _ => return Err(ReadError::Truncated { offset }),
            }
            // The same in both byte orders, and the only block that may change the order.
            if u32::from_be_bytes(kind) == SECTION_HEADER {
                self.section_header(section, block, offset)?;
                continue;
            }
            let length = section.word(self.exactly(offset)?);
            self.rest_of_block(section, length, 8, block, offset)?;
            let found = section.block(section.word(kind), block);
            if let Some(packet) = found.map_err(|wrong| malformed(offset, wrong))? {
                return Ok(Some(packet));
            }
        }
    }

    /// A section header, of which the type has been read.
    fn section_header(
        &mut self,
        section: &mut SectionReader,
        block: &mut Vec<u8>,
        offset: u64,
    ) -> Result<(), ReadError> {
        let length = self.exactly(offset)?;
        let byte_order = self.exactly(offset)?;
        section.begin(byte_order).map_err(|wrong| malformed(offset, wrong))?;
        self.rest_of_block(section, section.word(length), 12, block, offset)
    }

    /// What follows the first `read` bytes of a block; the length at its end is checked and left
    /// out.
    fn rest_of_block(
        &mut self,
        section: &SectionReader,
        length: u32,
        read: u32,
        block: &mut Vec<u8>,
        offset: u64,
    ) -> Result<(), ReadError> {
        let body = length.checked_sub(read + 4).filter(|body| body.is_multiple_of(4));
        let body = body.ok_or(malformed(offset, Wrong("a length that is a multiple of four")))?;
        self.body(body, block, offset)?;
        if section.word(self.exactly(offset)?) != length {
            return Err(malformed(offset, Wrong("the same length at both ends")));
        }
        Ok(())
    }

    fn body(&mut self, length: u32, block: &mut Vec<u8>, offset: u64) -> Result<(), ReadError> {
        if length > CaptureFile::MAX_BLOCK_BYTES {
            return Err(ReadError::TooLong { offset, length });
        }
        block.clear();
        // Grows as bytes come, not as lengths promise.
        let wanted = u64::from(length);
        let got = (&mut self.reader).take(wanted).read_to_end(block);
        let got = got.map_err(|source| ReadError::Io { offset: self.offset, source })?;
        self.offset += got as u64;
        if (got as u64) < wanted { Err(ReadError::Truncated { offset }) } else { Ok(()) }
    }

    fn exactly(&mut self, offset: u64) -> Result<[u8; 4], ReadError> {
        let mut octets = [0; 4];
        match self.fill(&mut octets)? {
            4 => Ok(octets),
            _ => Err(ReadError::Truncated { offset }),
        }
    }

    /// Fills the buffer unless the input ends before; how much there was.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let got = fill(&mut self.reader, buffer);
        let got = got.map_err(|source| ReadError::Io { offset: self.offset, source })?;
        self.offset += got as u64;
        Ok(got)
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// The first four bytes (zeros where there are fewer), and what follows them.
fn peek<R: Read>(mut input: R) -> io::Result<([u8; 4], R)> {
    let mut start = [0; 4];
    fill(&mut input, &mut start)?;
    Ok((start, input))
}

fn malformed(offset: u64, wrong: Wrong) -> ReadError {
    ReadError::Malformed { offset, expected: wrong.0 }
}

const BUFFER_BYTES: usize = 256 << 10;
