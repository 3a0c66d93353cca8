//! The decoder: keeps at most one unfinished frame.

use memchr::memchr2;

use super::count::{Head, MOST_DIGITS, Search, head};
use super::{DEFAULT_MAX_BYTES, Expect, Frame, Framing, LEAST_MAX_BYTES, Stats};

/// Splits a stream into frames, each framed as its sender likes. Holds at most `max_bytes` and a
/// few more, whatever arrives; a frame that lies whole in the input is borrowed from it.
#[derive(Debug)]
pub struct Decoder {
    max_bytes: usize,
    state: State,
    /// The unfinished frame, up to `max_bytes + 1` bytes of it.
    held: Vec<u8>,
    /// Bytes of the unfinished frame so far, held or not.
    length: u64,
    last_byte: u8,
    /// `held` was given out and is to be cleared.
    spent: bool,
    counted_before: bool,
    expect: Expect,
    stats: Stats,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the first byte that decides.
    Head,
    /// In a counted frame, so many bytes before its end.
    Counted { left: u64 },
    /// In a frame that ends at LF or NUL.
    Delimited,
    /// In bytes that belong to no frame.
    Lost(Search),
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_BYTES)
    }
}

impl Decoder {
    /// A decoder that cuts frames longer than `max_bytes`, at least [`LEAST_MAX_BYTES`].
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes: max_bytes.max(LEAST_MAX_BYTES),
            state: State::Head,
            held: Vec::new(),
            length: 0,
            last_byte: 0,
            spent: false,
            counted_before: false,
            expect: Expect::default(),
            stats: Stats::default(),
        }
    }

    /// Sets which framings are believed, before the first frame.
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self.counted_before = expect == Expect::Counted;
        self
    }

    /// The next frame, taking from `input` what it needs. `None` when `input` is used up. Empty
    /// frames are passed over.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Frame<'s>> {
        self.forget_spent();
        loop {
            match self.state {
                State::Head => {
                    if !self.begin(input) {
                        return None;
                    }
                }
                State::Counted { left } => {
                    let bytes = take(input, input.len().min(clamp(left)));
                    let left = left - bytes.len() as u64;
                    if left == 0 {
                        return Some(self.end(bytes, 0, Framing::OctetCounting, State::Head));
                    }
                    self.state = State::Counted { left };
                    self.hold(bytes);
                    return None;
                }
                State::Delimited => {
                    let Some(at) = memchr2(b'\n', 0, input) else {
                        self.hold(take(input, input.len()));
                        return None;
                    };
                    let bytes = take(input, at);
                    return Some(self.end_at(bytes, take(input, 1)[0]));
                }
                State::Lost(mut search) => {
                    for (at, &byte) in input.iter().enumerate() {
                        if matches!(byte, b'\n' | 0) {
                            let bytes = take(input, at);
                            return Some(self.end_at(bytes, take(input, 1)[0]));
                        }
                        if let Some((count, body)) = search.push(byte) {
                            let (bytes, next) = (take(input, at), State::Counted { left: body });
                            return Some(self.end(bytes, count, Framing::Resynchronised, next));
                        }
                    }
                    self.state = State::Lost(search);
                    self.hold(take(input, input.len()));
                    return None;
                }
            }
        }
    }

    /// What is left when the stream has ended: the unfinished frame, if there is one. Everything
    /// received is delivered, also when the peer closed in the middle.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.forget_spent();
        if self.length == 0 {
            self.state = State::Head;
            return None;
        }
        Some(self.end(&[], 0, Framing::End, State::Head))
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside(&self) -> bool {
        let counted = matches!(self.state, State::Counted { .. });
        counted || (self.length > 0 && !self.spent)
    }

    /// Counts since the decoder was made.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Decides how the next frame is framed. False when the input does not suffice.
    fn begin(&mut self, input: &mut &[u8]) -> bool {
        if self.held.is_empty() {
            // Empty frames, and the line feed some senders put after a counted frame.
            let blank = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r' | 0)).count();
            take(input, blank);
            if input.is_empty() {
                return false;
            }
        }
        let mut window = [0; MOST_DIGITS + 2];
        let held = self.held.len();
        let fresh = input.len().min(window.len() - held);
        window[..held].copy_from_slice(&self.held);
        window[held..held + fresh].copy_from_slice(&input[..fresh]);
        let head = match self.expect {
            Expect::Delimited => Head::Delimited,
            Expect::Any | Expect::Counted => head(&window[..held + fresh], self.counted_before),
        };
        match head {
            Head::Undecided => {
                self.hold(take(input, fresh));
                return false;
            }
            Head::Counted { head, body } => {
                take(input, head - held);
                self.held.clear();
                self.length = 0;
                self.counted_before = true;
                self.state = State::Counted { left: body };
            }
            Head::Delimited if self.counted_before && window[0] != b'<' => {
                let mut search = Search::default();
                self.held.iter().for_each(|&byte| {
                    search.push(byte);
                });
                self.state = State::Lost(search);
            }
            Head::Delimited => self.state = State::Delimited,
        }
        true
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = (self.max_bytes + 1).saturating_sub(self.held.len());
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len() as u64;
        self.last_byte = bytes.last().copied().unwrap_or(self.last_byte);
    }

    fn forget_spent(&mut self) {
        if self.spent {
            self.held.clear();
            self.length = 0;
            self.spent = false;
        }
    }

    /// Ends a frame at `delimiter`, whose last bytes are `bytes`.
    fn end_at<'s, 'i: 's>(&'s mut self, bytes: &'i [u8], delimiter: u8) -> Frame<'s> {
        match (delimiter, bytes.last().copied().unwrap_or(self.last_byte)) {
            (0, _) => self.end(bytes, 0, Framing::Nul, State::Head),
            (_, b'\r') => self.end(bytes, 1, Framing::CrLf, State::Head),
            _ => self.end(bytes, 0, Framing::Lf, State::Head),
        }
    }

    /// Ends a frame whose last bytes are `bytes`, without its last `cut` bytes.
    fn end<'s, 'i: 's>(
        &'s mut self,
        bytes: &'i [u8],
        cut: usize,
        framing: Framing,
        next: State,
    ) -> Frame<'s> {
        let promised_more = framing == Framing::End && matches!(self.state, State::Counted { .. });
        self.state = next;
        let length = self.length + bytes.len() as u64 - cut as u64;
        let kept = clamp(length).min(self.max_bytes);
        let truncated = length > kept as u64 || promised_more;
        self.stats.frames += 1;
        self.stats.octet_counted += u64::from(framing == Framing::OctetCounting);
        self.stats.resynchronised += u64::from(framing == Framing::Resynchronised);
        self.stats.truncated += u64::from(truncated);
        self.stats.discarded_bytes += length - kept as u64;
        if self.length == 0 {
            return Frame { bytes: &bytes[..kept], framing, truncated };
        }
        self.hold(bytes);
        self.spent = true;
        Frame { bytes: &self.held[..kept], framing, truncated }
    }
}

fn take<'i>(input: &mut &'i [u8], length: usize) -> &'i [u8] {
    let (bytes, rest) = input.split_at(length);
    *input = rest;
    bytes
}

fn clamp(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
