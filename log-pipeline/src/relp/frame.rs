//! Frames out of a stream, and into one.

use std::io::Write;

use super::head::{Command, Head, MOST_BYTES, parse};
use crate::frame::LEAST_MAX_BYTES;

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// TXNR, 0 to 999,999,999.
    pub txnr: u32,
    /// COMMAND.
    pub command: Command,
    /// DATA, at most as long as the decoder allows.
    pub data: &'a [u8],
    /// Whether data beyond the limit was cut off.
    pub truncated: bool,
}

/// The stream is no RELP, or has lost its framing; nothing after that can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// What should be `TXNR SP COMMAND SP DATALEN` is not.
    #[error("no RELP frame")]
    Head,
    /// After the data stands no LF: DATALEN was wrong.
    #[error("a RELP frame is not as long as it says")]
    Trailer,
}

impl FrameError {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Trailer => "trailer",
        }
    }
}

/// Splits a stream into frames. Holds at most one head and `max_bytes` of data (4 KiB of what is not a message), whatever DATALEN
/// says; a frame that lies whole in the input is borrowed from it.
#[derive(Debug)]
pub struct Decoder {
    max_bytes: usize,
    /// The unfinished head, or the data of the unfinished frame up to the limit.
    held: Vec<u8>,
    /// The head of the unfinished frame and how many bytes of its data have come.
    unfinished: Option<(Head, usize)>,
    /// `held` was given out and is to be cleared.
    spent: bool,
    failed: Option<FrameError>,
}

/// A whole frame, either in the input or held by the decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'i> {
    head: Head,
    lies_in_input: Option<&'i [u8]>,
}

impl Found<'_> {
    pub(super) fn command(&self) -> Command {
        self.head.command
    }

    pub(super) fn txnr(&self) -> u32 {
        self.head.txnr
    }
}

impl Decoder {
    /// A decoder that cuts data longer than `max_bytes`, at least [`LEAST_MAX_BYTES`].
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes: max_bytes.max(LEAST_MAX_BYTES),
            held: Vec::new(),
            unfinished: None,
            spent: false,
            failed: None,
        }
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside(&self) -> bool {
        !self.spent && (self.unfinished.is_some() || !self.held.is_empty())
    }

    /// The next frame, taking from `input` what it needs; `None` when `input` is used up.
    ///
    /// # Errors
    /// [`FrameError`], from then on at every call.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        let Some(found) = self.find(input)? else { return Ok(None) };
        Ok(Some(self.frame(found)))
    }

    /// Like [`Decoder::next`], without keeping the decoder borrowed.
    pub(super) fn find<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Found<'i>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if std::mem::take(&mut self.spent) {
            self.held.clear();
        }
        let (head, have) = match self.unfinished {
            Some(unfinished) => unfinished,
            None => match self.head(input)? {
                Some(head) => (head, 0),
                None => return Ok(None),
            },
        };
        let missing = head.length - have;
        if have == 0 && input.len() > head.length {
            self.unfinished = None;
            let (data, rest) = input.split_at(head.length);
            *input = rest;
            self.trailer(input)?;
            return Ok(Some(Found { head, lies_in_input: Some(data) }));
        }
        let (data, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        let room = self.most(head).saturating_sub(self.held.len());
        self.held.extend_from_slice(&data[..data.len().min(room)]);
        if input.is_empty() {
            self.unfinished = Some((head, have + data.len()));
            return Ok(None);
        }
        self.unfinished = None;
        self.trailer(input)?;
        self.spent = true;
        Ok(Some(Found { head, lies_in_input: None }))
    }

    /// The frame that was found last.
    pub(super) fn frame<'s, 'i: 's>(&'s self, found: Found<'i>) -> Frame<'s> {
        let (Head { txnr, command, length, .. }, most) = (found.head, self.most(found.head));
        let data = found.lies_in_input.unwrap_or(&self.held);
        let data = &data[..data.len().min(most)];
        Frame { txnr, command, data, truncated: length > most }
    }

    /// Offers and answers are not messages, and fit whatever the limit of these is.
    fn most(&self, head: Head) -> usize {
        match head.command {
            Command::Syslog => self.max_bytes,
            _ => self.max_bytes.max(LEAST_CONTROL_BYTES),
        }
    }

    /// Reads a head, held from before or not.
    fn head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, FrameError> {
        let before = self.held.len();
        let found = if before == 0 {
            parse(input)
        } else {
            let fresh = input.len().min(MOST_BYTES + 1 - before);
            self.held.extend_from_slice(&input[..fresh]);
            parse(&self.held)
        };
        match found {
            Err(_) => Err(self.fail(FrameError::Head)),
            Ok(Some(head)) => {
                *input = &input[head.bytes - before..];
                self.held.clear();
                Ok(Some(head))
            }
            Ok(None) => {
                if before == 0 {
                    self.held.extend_from_slice(input);
                }
                *input = &[];
                Ok(None)
            }
        }
    }

    fn trailer(&mut self, input: &mut &[u8]) -> Result<(), FrameError> {
        let Some(rest) = input.strip_prefix(b"\n") else {
            return Err(self.fail(FrameError::Trailer));
        };
        *input = rest;
        Ok(())
    }

    fn fail(&mut self, error: FrameError) -> FrameError {
        self.failed = Some(error);
        error
    }
}

const LEAST_CONTROL_BYTES: usize = 4 * 1024;

/// Appends a frame.
pub(super) fn encode(txnr: u32, command: Command, data: &[u8], out: &mut Vec<u8>) {
    let (name, length) = (command.name(), data.len());
    write!(out, "{txnr} {name} {length}").expect("writing to a Vec does not fail");
    if !data.is_empty() {
        out.push(b' ');
        out.extend_from_slice(data);
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (u32, Command, Vec<u8>, bool);

    fn decode(pieces: &[&[u8]], max_bytes: usize) -> (Vec<Owned>, Option<FrameError>) {
        let (mut decoder, mut frames) = (Decoder::new(max_bytes), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            loop {
                match decoder.next(&mut input) {
                    Ok(Some(f)) => frames.push((f.txnr, f.command, f.data.to_vec(), f.truncated)),
                    Ok(None) => break assert!(input.is_empty()),
                    Err(error) => return (frames, Some(error)),
                }
            }
        }
        (frames, None)
    }

    const STREAM: &[u8] =
        b"1 open 14 relp_version=0\n2 syslog 20 0123456789abcdefghij\n3 syslog 1 \n\n4 close 0\n5 rsp 0 \n";

    #[test]
    fn a_stream_cut_at_every_two_bytes_gives_the_same_frames() {
        let (whole, error) = decode(&[STREAM], 16);
        assert_eq!((whole.len(), error), (5, None));
        assert_eq!(whole[1], (2, Command::Syslog, b"0123456789abcdef".to_vec(), true));
        assert_eq!(whole[2], (3, Command::Syslog, b"\n".to_vec(), false));
        for a in 0..STREAM.len() {
            for b in a..STREAM.len() {
                let pieces = [&STREAM[..a], &STREAM[a..b], &STREAM[b..]];
                assert_eq!(decode(&pieces, 16), (whole.clone(), None), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_wrong_length_is_seen() {
        assert_eq!(decode(&[b"1 syslog 3 abcd\n"], 16).1, Some(FrameError::Trailer));
        assert_eq!(decode(&[b"1 syslog 5 abcd\nx"], 16).1, Some(FrameError::Trailer));
        assert_eq!(decode(&[b"<13>no relp\n"], 16).1, Some(FrameError::Head));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_out(data: Vec<u8>, txnr in 0..=999_999_999u32, cut: prop::sample::Index) {
            let mut bytes = Vec::new();
            encode(txnr, Command::Syslog, &data, &mut bytes);
            let (a, b) = bytes.split_at(cut.index(bytes.len()));
            let expected = vec![(txnr, Command::Syslog, data.clone(), false)];
            prop_assert_eq!(decode(&[a, b], data.len()), (expected, None));
        }

        #[test]
        fn arbitrary_bytes_hold_no_more_than_the_limit(pieces: Vec<Vec<u8>>) {
            let mut decoder = Decoder::new(16);
            for piece in &pieces {
                let mut input = &piece[..];
                while let Ok(Some(_)) = decoder.next(&mut input) {}
                prop_assert!(decoder.held.len() <= LEAST_CONTROL_BYTES);
            }
        }
    }
}
