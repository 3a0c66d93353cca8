//! Bytes to entries, whatever pieces they come in.

use memchr::memchr;

use super::entry::{Entry, Field};

/// Splits an export stream into entries. Holds at most `max_bytes` of one entry and a few more,
/// whatever arrives.
#[derive(Debug)]
pub struct Decoder {
    max_bytes: usize,
    state: State,
    /// Names and values of the entry so far.
    held: Vec<u8>,
    fields: Vec<Field>,
    truncated: bool,
    /// A line that is not whole: a name, and part of a value perhaps.
    line: Vec<u8>,
    /// The entry was given out and is to be cleared.
    spent: bool,
    failed: Option<ExportError>,
    stats: Stats,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// At the start of a line, or before its `=`.
    Name,
    /// In the text of the last field, or of one that is passed over.
    Text { kept: bool },
    /// In the eight bytes of a length.
    Length { have: u8, length: [u8; 8] },
    /// In so many bytes of the last field, or of one that is passed over.
    Binary { left: u64, kept: bool },
    /// Before the line feed that ends a binary field.
    End,
}

/// Why a stream is no export stream. Where the next entry begins is not known then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A line that is no field and, its name being none, no binary field either.
    #[error("neither a field nor the name of one")]
    Name,
    /// Longer than a field of the journal can be: 768 MiB (`DATA_SIZE_MAX` of systemd).
    #[error("a field of {0} bytes")]
    Length(u64),
    /// No line feed behind a binary field.
    #[error("a binary field without an end")]
    End,
}

impl ExportError {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Length(_) => "length",
            Self::End => "end",
        }
    }
}

/// What a decoder has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Entries given out.
    pub entries: u64,
    /// Of these, entries that were longer than the limit.
    pub truncated: u64,
    /// Fields passed over because their names are none.
    pub bad_names: u64,
}

impl Decoder {
    /// A decoder that keeps at most `max_bytes` of an entry, at least 256: names and values of its
    /// fields.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes: max_bytes.max(LEAST_BYTES),
            state: State::Name,
            held: Vec::new(),
            fields: Vec::new(),
            truncated: false,
            line: Vec::new(),
            spent: false,
            failed: None,
            stats: Stats::default(),
        }
    }

    /// The next entry, taking from `input` what it needs; `None` when `input` is used up.
    ///
    /// # Errors
    /// [`ExportError`], from then on at every call.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Entry<'_>>, ExportError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.clear_spent();
        while !input.is_empty() {
            match self.step(input) {
                Ok(false) => {}
                Ok(true) => return Ok(Some(self.give_out())),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// The last entry, when the stream ended without the empty line behind it but not inside a
    /// field.
    pub fn finish(&mut self) -> Option<Entry<'_>> {
        self.clear_spent();
        let whole = matches!(self.state, State::Name) && self.line.is_empty();
        let whole = whole && self.failed.is_none() && !self.fields.is_empty();
        whole.then(|| self.give_out())
    }

    /// Counts.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn give_out(&mut self) -> Entry<'_> {
        self.spent = true;
        self.stats.entries += 1;
        self.stats.truncated += u64::from(self.truncated);
        Entry { bytes: &self.held, fields: &self.fields, truncated: self.truncated }
    }

    fn clear_spent(&mut self) {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
            self.held.shrink_to(self.max_bytes.min(SPARE_BYTES));
            self.fields.clear();
            self.truncated = false;
        }
    }

    /// Takes something from `input`; true at the end of an entry.
    fn step(&mut self, input: &mut &[u8]) -> Result<bool, ExportError> {
        match self.state {
            State::Name => return self.name(input),
            State::Text { kept } => {
                let end = memchr(b'\n', input);
                let text = &input[..end.unwrap_or(input.len())];
                self.keep(text, kept);
                *input = &input[text.len() + usize::from(end.is_some())..];
                if end.is_some() {
                    self.state = State::Name;
                }
            }
            State::Length { mut have, mut length } => {
                length[usize::from(have)] = input[0];
                *input = &input[1..];
                have += 1;
                self.state = State::Length { have, length };
                if have == 8 {
                    let left = u64::from_le_bytes(length);
                    if left > LONGEST_FIELD {
                        return Err(ExportError::Length(left));
                    }
                    let kept = self.begin_field();
                    self.state = State::Binary { left, kept };
                    if left == 0 {
                        self.state = State::End;
                    }
                }
            }
            State::Binary { left, kept } => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let (data, rest) = input.split_at(here);
                self.keep(data, kept);
                *input = rest;
                let left = left - here as u64;
                self.state = if left == 0 { State::End } else { State::Binary { left, kept } };
            }
            State::End => {
                if input[0] != b'\n' {
                    return Err(ExportError::End);
                }
                *input = &input[1..];
                self.state = State::Name;
            }
        }
        Ok(false)
    }

    /// Reads up to the `=` of a text field or the line feed of a binary one.
    fn name(&mut self, input: &mut &[u8]) -> Result<bool, ExportError> {
        let room = LONGEST_NAME + 1 - self.line.len();
        let end = input.iter().take(room).position(|byte| matches!(byte, b'=' | b'\n'));
        let Some(end) = end else {
            let taken = input.len().min(room);
            self.line.extend_from_slice(&input[..taken]);
            *input = &input[taken..];
            // A name of any length is passed over when a value follows in the line.
            if self.line.len() > LONGEST_NAME {
                return self.long_name(input);
            }
            return Ok(false);
        };
        self.line.extend_from_slice(&input[..end]);
        let mark = input[end];
        *input = &input[end + 1..];
        if mark == b'=' {
            let named = is_name(&self.line);
            self.stats.bad_names += u64::from(!named);
            let kept = named && self.begin_field();
            self.line.clear();
            self.state = State::Text { kept };
        } else if self.line.is_empty() {
            // Entries are apart by an empty line; several are one.
            return Ok(!self.fields.is_empty() || self.truncated);
        } else if is_name(&self.line) {
            self.state = State::Length { have: 0, length: [0; 8] };
        } else {
            return Err(ExportError::Name);
        }
        Ok(false)
    }

    fn long_name(&mut self, input: &mut &[u8]) -> Result<bool, ExportError> {
        let Some(end) = input.iter().position(|byte| matches!(byte, b'=' | b'\n')) else {
            *input = &[];
            return Ok(false);
        };
        let mark = input[end];
        *input = &input[end + 1..];
        self.line.clear();
        self.stats.bad_names += 1;
        self.state = State::Text { kept: false };
        if mark == b'=' { Ok(false) } else { Err(ExportError::Name) }
    }

    /// Begins a field with the name in `line`; false when there is no room for it.
    fn begin_field(&mut self) -> bool {
        let (start, end) = (self.held.len(), self.held.len() + self.line.len());
        let fits = end <= self.max_bytes && self.fields.len() < MOST_FIELDS;
        if fits {
            self.held.extend_from_slice(&self.line);
            self.fields.push(Field { name: start..end, value: end..end });
        } else {
            self.truncated = true;
        }
        self.line.clear();
        fits
    }

    /// Adds to the value of the last field what there is room for.
    fn keep(&mut self, value: &[u8], kept: bool) {
        let Some(field) = self.fields.last_mut().filter(|_| kept) else { return };
        let fits = value.len().min(self.max_bytes.saturating_sub(self.held.len()));
        self.held.extend_from_slice(&value[..fits]);
        field.value.end = self.held.len();
        self.truncated |= fits < value.len();
    }
}

/// As `journal_field_valid` of systemd has it.
fn is_name(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let starts = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    starts && name.len() <= LONGEST_NAME && name.iter().all(plain)
}

const LEAST_BYTES: usize = 256;
/// Of a name: `journal_field_valid` of systemd.
const LONGEST_NAME: usize = 64;
/// `DATA_SIZE_MAX` of systemd.
const LONGEST_FIELD: u64 = 768 << 20;
/// `ENTRY_FIELD_COUNT_MAX` of systemd.
const MOST_FIELDS: usize = 1024;
/// Memory that is kept from entry to entry.
const SPARE_BYTES: usize = 64 << 10;
