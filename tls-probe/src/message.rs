//! Handshake messages out of record payloads (RFC 8446 §4), however they were cut.
//!
//! Hellos are handed out whole, borrowed from the input when they lie in one piece and gathered
//! within a bound when they do not. Of every other message only its type is told.

/// What a [`MessageReader`] came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A message of this type has begun.
    Began(u8),
    /// A message has ended. The body is there for hellos (types 1 and 2) that arrived whole and
    /// within bounds.
    Ended(u8, Option<&'a [u8]>),
}

/// The handshake message types of one direction.
#[derive(Debug, Clone, Default)]
pub struct MessageReader {
    head: [u8; 4],
    have: usize,
    left: usize,
    open: bool,
    body: Vec<u8>,
    keep: bool,
}

impl MessageReader {
    /// The next thing in `input`, which moves on past what was read.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Message<'s>> {
        if !self.open {
            let (new, rest) = input.split_at(input.len().min(4 - self.have));
            self.head[self.have..self.have + new.len()].copy_from_slice(new);
            self.have += new.len();
            *input = rest;
            if self.have < 4 {
                return None;
            }
            let [kind, a, b, c] = self.head;
            self.left = u32::from_be_bytes([0, a, b, c]) as usize;
            self.open = true;
            self.keep = is_hello(kind) && self.left <= MAX_HELLO;
            self.body.clear();
            return Some(Message::Began(kind));
        }
        if input.is_empty() && self.left > 0 {
            return None;
        }
        let (part, rest) = input.split_at(input.len().min(self.left));
        *input = rest;
        self.left -= part.len();
        if self.left > 0 {
            if self.keep {
                self.body.extend_from_slice(part);
            }
            return None;
        }
        (self.open, self.have) = (false, 0);
        let body = match (self.keep, self.body.is_empty()) {
            (false, _) => None,
            (true, true) => Some(part),
            (true, false) => {
                self.body.extend_from_slice(part);
                Some(&self.body[..])
            }
        };
        Some(Message::Ended(self.head[0], body))
    }

    /// `count` bytes of the stream were not captured. Returns whether the reader is still in step:
    /// a loss that reaches the next message's header cannot be bridged.
    pub fn skip(&mut self, count: usize) -> bool {
        if !self.open || count > self.left {
            self.forget();
            return false;
        }
        self.left -= count;
        self.keep = false;
        true
    }

    /// Bytes of a message that is not whole yet.
    pub fn held_bytes(&self) -> usize {
        self.body.len()
    }

    /// The type of the message that is open, or was last.
    pub fn kind(&self) -> u8 {
        self.head[0]
    }

    /// No message is open.
    pub fn between_messages(&self) -> bool {
        !self.open && self.have == 0
    }

    /// Starts anew, with nothing held.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

fn is_hello(kind: u8) -> bool {
    matches!(kind, 1 | 2)
}

/// A ClientHello with post-quantum shares and a large ticket stays under 8 KiB; this is the most
/// that is gathered of one that comes in pieces.
const MAX_HELLO: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_the_same_at_every_split() {
        // A ServerHello of three bytes, a Certificate of two, a ServerHelloDone of none.
        let stream = [2, 0, 0, 3, 7, 8, 9, 11, 0, 0, 2, 1, 1, 14, 0, 0, 0];
        for cut in 0..=stream.len() {
            let mut reader = MessageReader::default();
            let mut seen = Vec::new();
            for mut part in [&stream[..cut], &stream[cut..]] {
                while let Some(message) = reader.next(&mut part) {
                    if let Message::Ended(kind, body) = message {
                        seen.push((kind, body.map(<[u8]>::to_vec)));
                    }
                }
            }
            let hello = (2, Some(vec![7, 8, 9]));
            assert_eq!(seen, [hello, (11, None), (14, None)], "cut at {cut}");
        }
    }

    #[test]
    fn a_loss_within_a_message_keeps_step() {
        let mut reader = MessageReader::default();
        let mut input: &[u8] = &[11, 0, 0, 9];
        assert_eq!(reader.next(&mut input), Some(Message::Began(11)));
        assert!(reader.skip(8));
        let mut input: &[u8] = &[1, 14, 0, 0, 0];
        assert_eq!(reader.next(&mut input), Some(Message::Ended(11, None)));
        assert_eq!(reader.next(&mut input), Some(Message::Began(14)));
        assert!(!reader.skip(1));
    }
}
