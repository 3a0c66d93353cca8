//! The exposition formats: Prometheus text 0.0.4, and OpenMetrics 1.0.

mod cursor;
mod line;

pub use line::{Exemplar, Family, Format, Line, Malformed, Point};

/// Reads an exposition as it arrives, in pieces of any size. Holds at most one line.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    held: Vec<u8>,
    /// The line being read is longer than what is held of it.
    overlong: bool,
    line: u64,
    ended: bool,
}

/// Why a line was not understood. The lines behind it are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ExpositionError {
    /// Which line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: Malformed,
}

impl ExpositionError {
    /// A closed set of names for metrics, that of [`Malformed::label`].
    pub fn label(&self) -> &'static str {
        self.what.label()
    }
}

impl Exposition {
    /// The longest line taken, in bytes: longer ones are skipped, and reported unless they are
    /// comments.
    pub const MOST_LINE: usize = 64 << 10;

    /// Nothing read yet.
    pub fn new(format: Format) -> Self {
        Self { format, held: Vec::new(), overlong: false, line: 0, ended: false }
    }

    /// Takes the next bytes, and hands over each line that is complete.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Result<Line<'_>, ExpositionError>),
    ) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.held.is_empty() && line.len() <= Self::MOST_LINE {
                self.complete(line, &mut each);
                continue;
            }
            self.hold(line);
            self.complete_held(&mut each);
        }
        self.hold(bytes);
    }

    /// There is no more: hands over what is left of a last line, and misses the `# EOF` that
    /// OpenMetrics ends with.
    pub fn finish(mut self, mut each: impl FnMut(Result<Line<'_>, ExpositionError>)) {
        if !self.held.is_empty() {
            self.complete_held(&mut each);
        }
        if self.format == Format::OpenMetrics && !self.ended {
            each(Err(ExpositionError { line: self.line + 1, what: Malformed::NoEof }));
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = Self::MOST_LINE - self.held.len();
        self.overlong |= bytes.len() > room;
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn complete_held(&mut self, each: &mut impl FnMut(Result<Line<'_>, ExpositionError>)) {
        let mut held = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.overlong) {
            self.line += 1;
            if held[0] != b'#' {
                each(Err(ExpositionError { line: self.line, what: Malformed::TooLong }));
            }
        } else {
            self.complete(&held, each);
        }
        held.clear();
        self.held = held;
    }

    fn complete(&mut self, line: &[u8], each: &mut impl FnMut(Result<Line<'_>, ExpositionError>)) {
        self.line += 1;
        let read = match std::str::from_utf8(line) {
            Ok(_) if self.ended => Err(Malformed::AfterEof),
            Ok(text) => Line::parse(text, self.format),
            Err(_) => Err(Malformed::Utf8),
        };
        self.ended |= matches!(read, Ok(Line::Eof));
        each(read.map_err(|what| ExpositionError { line: self.line, what }));
    }
}
