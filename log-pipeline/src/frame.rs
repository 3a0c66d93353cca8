//! Frames of syslog over a stream (RFC 6587), without a socket: bytes in, frames out.

mod count;
mod decoder;

pub use decoder::Decoder;

/// One message as it was framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message, at most as long as the decoder allows.
    pub bytes: &'a [u8],
    /// How it was framed.
    pub framing: Framing,
    /// Whether bytes beyond the limit were cut off, or the stream ended before the promised length.
    pub truncated: bool,
}

/// How a frame was set off from the next (RFC 6587 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Octet counting (§3.4.1), the only one that carries any byte.
    OctetCounting,
    /// A line feed.
    Lf,
    /// A carriage return and a line feed; neither belongs to the message.
    CrLf,
    /// A NUL byte.
    Nul,
    /// Bytes between octet-counted frames that belong to neither: a sender's length was wrong. The
    /// next frame was found by its own length.
    Resynchronised,
    /// The stream ended.
    End,
}

impl Framing {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::OctetCounting => "octet_counting",
            Self::Lf => "lf",
            Self::CrLf => "crlf",
            Self::Nul => "nul",
            Self::Resynchronised => "resynchronised",
            Self::End => "end",
        }
    }
}

/// Which framings a decoder believes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Expect {
    /// Each frame is framed as it looks.
    #[default]
    Any,
    /// Frames end at LF or NUL, also those that begin with a number and a space.
    Delimited,
    /// Frames are counted from the first on, also those without a PRI.
    Counted,
}

/// What a decoder has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Frames given out, of every kind.
    pub frames: u64,
    /// Of these, octet-counted.
    pub octet_counted: u64,
    /// Of these, longer than the limit or cut by the end of the stream.
    pub truncated: u64,
    /// Of these, bytes that had lost their framing.
    pub resynchronised: u64,
    /// Bytes cut off frames beyond the limit.
    pub discarded_bytes: u64,
}

impl std::ops::Add for Stats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            octet_counted: self.octet_counted + other.octet_counted,
            truncated: self.truncated + other.truncated,
            resynchronised: self.resynchronised + other.resynchronised,
            discarded_bytes: self.discarded_bytes + other.discarded_bytes,
        }
    }
}

/// Longest frame unless told otherwise: four times what RFC 5425 §4.3.1 wants supported.
pub const DEFAULT_MAX_BYTES: usize = 32 * 1024;

/// A smaller limit is raised to this: the count of a frame has to fit.
pub const LEAST_MAX_BYTES: usize = 16;
