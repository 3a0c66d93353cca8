//! `TXNR SP COMMAND SP DATALEN`: the part of a frame before its data.

/// What a frame asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Begins a session, with offers.
    Open,
    /// One message.
    Syslog,
    /// Ends a session.
    Close,
    /// Answers the command of the same number.
    Rsp,
    /// The server goes away; number 0.
    ServerClose,
    /// Anything else: 1 to 32 letters, digits or `_`.
    Other,
}

impl Command {
    /// As it is written, for those that have one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Syslog => "syslog",
            Self::Close => "close",
            Self::Rsp => "rsp",
            Self::ServerClose => "serverclose",
            Self::Other => "other",
        }
    }

    fn of(word: &[u8]) -> Self {
        match word {
            b"syslog" => Self::Syslog,
            b"rsp" => Self::Rsp,
            b"open" => Self::Open,
            b"close" => Self::Close,
            b"serverclose" => Self::ServerClose,
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) txnr: u32,
    pub(super) command: Command,
    /// DATALEN.
    pub(super) length: usize,
    /// Bytes up to the data: the space is included, the LF of a frame without data is not.
    pub(super) bytes: usize,
}

/// The bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAHead;

/// `None` when more bytes are needed; never more than [`MOST_BYTES`].
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Head>, NotAHead> {
    let Some((txnr, at)) = number(bytes, 0)? else { return Ok(None) };
    if bytes[at] != b' ' {
        return Err(NotAHead);
    }
    let word = &bytes[at + 1..];
    let letters = word.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    if letters > MOST_LETTERS {
        return Err(NotAHead);
    }
    match word.get(letters) {
        None => return Ok(None),
        Some(b' ') if letters > 0 => {}
        Some(_) => return Err(NotAHead),
    }
    let command = Command::of(&word[..letters]);
    let Some((length, end)) = number(bytes, at + 1 + letters + 1)? else { return Ok(None) };
    let bytes = match bytes[end] {
        b' ' => end + 1,
        b'\n' if length == 0 => end,
        _ => return Err(NotAHead),
    };
    Ok(Some(Head { txnr, command, length: length as usize, bytes }))
}

/// A number of 1 to 9 digits at `from` and where it ends; `None` when its end is not there yet.
fn number(bytes: &[u8], from: usize) -> Result<Option<(u32, usize)>, NotAHead> {
    let rest = bytes.get(from..).unwrap_or_default();
    let digits = rest.iter().take(MOST_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    if digits > MOST_DIGITS {
        return Err(NotAHead);
    }
    if rest.len() == digits {
        return Ok(None);
    }
    if digits == 0 {
        return Err(NotAHead);
    }
    let value = rest[..digits].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    Ok(Some((value, from + digits)))
}

/// TXNR and DATALEN have at most so many digits.
const MOST_DIGITS: usize = 9;
const MOST_LETTERS: usize = 32;
/// Longest head.
pub(super) const MOST_BYTES: usize = MOST_DIGITS + 1 + MOST_LETTERS + 1 + MOST_DIGITS + 1;
/// After this number comes 1 again.
pub(super) const MOST_TXNR: u32 = 999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_soon_as_they_are_whole() {
        let text = b"12 syslog 5 hello\n";
        let head = Head { txnr: 12, command: Command::Syslog, length: 5, bytes: 12 };
        for end in 0..text.len() {
            let expected = (end >= 12).then_some(head);
            assert_eq!(parse(&text[..end]), Ok(expected), "{end}");
        }
        let empty = parse(b"1 rsp 0\n").unwrap().unwrap();
        assert_eq!((empty.length, empty.bytes), (0, 7));
        assert_eq!(parse(b"1 rsp 0 \n").unwrap().unwrap().bytes, 8);
    }

    #[test]
    fn what_is_no_head_is_refused_early() {
        for bad in [
            &b"x"[..],
            b" ",
            b"1234567890",
            b"1\n",
            b"1  ",
            b"1 sys-log ",
            b"1 syslog x",
            b"1 syslog 1234567890",
            b"1 syslog 5\n",
            b"1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(parse(bad), Err(NotAHead), "{}", String::from_utf8_lossy(bad));
        }
    }
}
