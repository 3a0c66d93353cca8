//! MSG-LEN SP: telling a counted frame from text that begins with a number.

/// What the first bytes of a frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Not enough bytes yet.
    Undecided,
    /// A counted frame: `body` bytes follow after `head` bytes of count.
    Counted {
        /// Length of the digits and the space.
        head: usize,
        /// MSG-LEN.
        body: u64,
    },
    /// A frame that ends at a delimiter.
    Delimited,
}

/// Judges the first bytes of a frame. A count is a number and a space before `<`; on a stream
/// that has counted before, the number and the space are enough, so that messages without PRI pass.
pub(super) fn head(bytes: &[u8], counted_before: bool) -> Head {
    let digits = bytes.iter().take(MOST_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    if digits > MOST_DIGITS || bytes.first() == Some(&b'0') {
        return Head::Delimited;
    }
    match (bytes.get(digits), bytes.get(digits + 1)) {
        (None, _) => Head::Undecided,
        (Some(b' '), None) if digits > 0 && !counted_before => Head::Undecided,
        (Some(b' '), next) if digits > 0 && (counted_before || next == Some(&b'<')) => {
            let body = bytes[..digits].iter().fold(0, |n, b| n * 10 + u64::from(b - b'0'));
            Head::Counted { head: digits + 1, body }
        }
        _ => Head::Delimited,
    }
}

/// Looks for `MSG-LEN SP <` in a stream that has lost its framing, byte by byte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Search {
    digits: usize,
    number: u64,
    space: bool,
}

impl Search {
    /// Takes the next byte. When it is the `<` of a new frame: the length of the count before it,
    /// and MSG-LEN.
    pub(super) fn push(&mut self, byte: u8) -> Option<(usize, u64)> {
        match byte {
            b'<' if self.space => return Some((self.digits + 1, self.number)),
            b' ' if self.digits > 0 && !self.space => self.space = true,
            b'0'..=b'9' if self.space => *self = Self::default().after(byte),
            b'0'..=b'9' => *self = self.after(byte),
            _ => *self = Self::default(),
        }
        None
    }

    fn after(self, digit: u8) -> Self {
        let value = u64::from(digit - b'0');
        if self.digits == MOST_DIGITS || (self.digits == 0 && value == 0) {
            return Self { digits: usize::from(value > 0), number: value, space: false };
        }
        Self { digits: self.digits + 1, number: self.number * 10 + value, space: false }
    }
}

/// A longer count is not believed: 99,999,999 bytes is already no syslog message.
pub(super) const MOST_DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_needs_a_pri_until_the_stream_has_counted() {
        assert_eq!(head(b"", false), Head::Undecided);
        assert_eq!(head(b"12", false), Head::Undecided);
        assert_eq!(head(b"12 ", false), Head::Undecided);
        assert_eq!(head(b"12 <", false), Head::Counted { head: 3, body: 12 });
        assert_eq!(head(b"12 monkeys", false), Head::Delimited);
        assert_eq!(head(b"12 monkeys", true), Head::Counted { head: 3, body: 12 });
        assert_eq!(head(b"2010-08-30", true), Head::Delimited);
        assert_eq!(head(b"0 <", true), Head::Delimited);
        assert_eq!(head(b"<13>x", true), Head::Delimited);
        assert_eq!(head(b"123456789 <", true), Head::Delimited);
    }

    #[test]
    fn the_search_finds_a_count_before_a_pri() {
        for (text, found) in [
            (&b"x 12 <"[..], Some((3, 12))),
            (b"12 12 <", Some((3, 12))),
            (b"12  <", None),
            (b"a0 <", None),
            (b"012 <", Some((3, 12))),
        ] {
            let mut search = Search::default();
            let mut last = None;
            for &byte in text {
                last = search.push(byte);
            }
            assert_eq!(last, found, "{text:?}");
        }
    }
}
