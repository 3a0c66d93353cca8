//! What the capture file formats share: byte order, one step over buffered bytes, what can be wrong.

use std::ops::Range;

use crate::frame::Frame;
use crate::packet::LinkType;
use crate::record::Direction;

/// In which order the octets of a number lie in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    #[default]
    Little,
    Big,
}

/// Numbers at an offset that the caller has compared with the length.
impl ByteOrder {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let octets = octets(bytes, at);
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let octets = octets(bytes, at);
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    pub(crate) fn i64(self, bytes: &[u8], at: usize) -> i64 {
        let octets = octets(bytes, at);
        match self {
            Self::Little => i64::from_le_bytes(octets),
            Self::Big => i64::from_be_bytes(octets),
        }
    }
}

fn octets<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the caller compared the offset with the length")
}

/// What one look at the front of the buffered bytes gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Undecided: look again with at least this many bytes, which is more than there were.
    Need(usize),
    /// A header or block of this many bytes that is no packet.
    Pass(usize),
    /// A packet.
    Packet(Located),
}

/// A packet within its record: offsets count from the record's first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Bytes of the whole record.
    pub(crate) record_len: usize,
    pub(crate) bytes: Range<usize>,
    pub(crate) comment: Option<Range<usize>>,
    pub(crate) timestamp_ns: u64,
    pub(crate) original_len: u32,
    pub(crate) link: LinkType,
    pub(crate) interface: u16,
    pub(crate) direction: Direction,
}

impl Located {
    /// The frame, borrowed from the record.
    pub(crate) fn frame<'a>(&self, record: &'a [u8]) -> Frame<'a> {
        let bytes = &record[self.bytes.clone()];
        Frame {
            timestamp_ns: self.timestamp_ns,
            // Whoever subtracts the two must not find a packet that grew by being captured.
            original_len: self.original_len.max(bytes.len() as u32),
            link: self.link,
            interface: self.interface,
            direction: self.direction,
            bytes,
        }
    }
}

/// What is wrong with a header, record or block: what stands there and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A version of the format that is not known.
    #[error("version {major}.{minor}, expected {expected}.x")]
    Version {
        /// As it stands in the file.
        major: u16,
        /// As it stands in the file.
        minor: u16,
        /// The major version that is known.
        expected: u16,
    },
    /// A pcapng section that does not say in which byte order it is.
    #[error("a byte-order magic of {0:#010x}, expected 0x1a2b3c4d in either byte order")]
    ByteOrderMagic(u32),
    /// A record or block longer than [`MAX_BLOCK_BYTES`].
    #[error("{length} bytes long, expected at most {MAX_BLOCK_BYTES}")]
    TooLong {
        /// As it stands in the file.
        length: u32,
    },
    /// A block's length that its type does not allow.
    #[error(
        "a block of type {kind:#x}, {length} bytes long, expected a multiple of 4 from {least}"
    )]
    BlockLength {
        /// The block's type.
        kind: u32,
        /// As it stands in the file.
        length: u32,
        /// The shortest block of this type.
        least: u32,
    },
    /// A block's two lengths differ.
    #[error("a block of {first} bytes by its first word and {last} by its last, expected the same")]
    LengthsDiffer {
        /// The length before the block's body.
        first: u32,
        /// The length after it.
        last: u32,
    },
    /// More bytes captured than the block holds.
    #[error("{captured} captured bytes, expected at most the {room} that the block holds")]
    CapturedBeyondBlock {
        /// As it stands in the file.
        captured: u32,
        /// Bytes in the block for packet and options.
        room: u32,
    },
    /// A packet of an interface that its section has not described.
    #[error("a packet of interface {interface}, expected one of the {described} described before")]
    UnknownInterface {
        /// The number in the packet.
        interface: u32,
        /// Interfaces described so far in this section.
        described: u32,
    },
    /// An option that goes on after its block's end.
    #[error("option {code} of {length} bytes, expected at most {room} before the block's end")]
    OptionBeyondBlock {
        /// The option's code.
        code: u16,
        /// As it stands in the file.
        length: u16,
        /// Bytes left in the block.
        room: u32,
    },
    /// An option whose value has a fixed length, and not this one.
    #[error("option {code} of {length} bytes, expected {expected}")]
    OptionLength {
        /// The option's code.
        code: u16,
        /// As it stands in the file.
        length: u16,
        /// The length of such a value.
        expected: u16,
    },
    /// More interfaces, or more text about them, than will be kept in memory.
    #[error("one interface too many, expected at most {most} in a section with 16 MiB of names")]
    TooManyInterfaces {
        /// Interfaces that a section may have.
        most: u32,
    },
}

impl Fault {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::ByteOrderMagic(_) => "byte_order_magic",
            Self::TooLong { .. } => "too_long",
            Self::BlockLength { .. } => "block_length",
            Self::LengthsDiffer { .. } => "lengths_differ",
            Self::CapturedBeyondBlock { .. } => "captured_beyond_block",
            Self::UnknownInterface { .. } => "unknown_interface",
            Self::OptionBeyondBlock { .. } => "option_beyond_block",
            Self::OptionLength { .. } => "option_length",
            Self::TooManyInterfaces { .. } => "too_many_interfaces",
        }
    }
}

/// The longest pcapng block, or captured bytes of a pcap record, that is read: 16 MiB. It is also
/// the most memory that a file can make its reader hold for a packet.
///
/// A packet is at most 256 KiB in what libpcap writes (its `MAXIMUM_SNAPLEN`); USB captures reach
/// further, and damaged lengths further still.
pub const MAX_BLOCK_BYTES: u32 = 16 << 20;
