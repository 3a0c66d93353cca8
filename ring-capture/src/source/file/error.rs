//! Why a capture file cannot be opened, or read further.

use std::io;
use std::path::PathBuf;

use crate::framing::Fault;

/// Why a file could not be opened as a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, or it may not be read.
    #[error("cannot open {path:?}", path = path.display().to_string())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its first bytes cannot be read or decompressed.
    #[error("reading the first bytes failed")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty, expected pcap or pcapng: was anything captured?")]
    Empty,
    /// It starts with neither format's magic number.
    #[error(
        "the file starts with {found:02x?} at offset 0, expected pcap or pcapng, plain, gzip or \
         zstd; `editcap -F pcapng` converts other captures"
    )]
    NotACapture {
        /// Its first four bytes, after decompression.
        found: [u8; 4],
    },
    /// Its header is damaged or cut off.
    #[error("the file header cannot be read")]
    Header(#[source] ReadError),
}

impl OpenError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Read(_) => "read",
            Self::Empty => "empty",
            Self::NotACapture { .. } => "not_a_capture",
            Self::Header(_) => "header",
        }
    }
}

/// Why there is no next packet, though the file has not come to its end. Offsets are those of the
/// record concerned, in the file as it was before compression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file, or its compression, ends within a record: all packets before it have been given.
    #[error(
        "the file ends within the record at offset {at_offset}, expected the rest of it; the \
         packets before it are whole, and `editcap` copies them into a file that ends properly"
    )]
    Truncated {
        /// Where the record starts that is cut off.
        at_offset: u64,
    },
    /// The record contradicts its format.
    #[error(
        "at offset {at_offset}: {fault}; the file is damaged from there on: the packets before it \
         are whole, for the others copy it again from where it came from"
    )]
    Malformed {
        /// Where the record starts.
        at_offset: u64,
        /// What stands there and what was expected.
        fault: Fault,
    },
    /// Reading or decompressing failed.
    #[error("reading failed within the record at offset {at_offset}")]
    Io {
        /// Where the record starts.
        at_offset: u64,
        /// What the reader or decompressor said.
        #[source]
        source: io::Error,
    },
}

impl ReadError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Malformed { fault, .. } => fault.label(),
            Self::Io { .. } => "io",
        }
    }

    /// A decompressor whose input ends too early says so by an error.
    pub(super) fn of_io(at_offset: u64, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { at_offset },
            _ => Self::Io { at_offset, source },
        }
    }
}
