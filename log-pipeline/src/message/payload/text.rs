//! A string of JSON as it stands on the wire.

use std::borrow::Cow;
use std::fmt;

/// A string between its quotes, unescaped only when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub(super) &'a str);

impl<'a> Text<'a> {
    /// The string with its escapes (RFC 8259 §7).
    pub fn escaped(self) -> &'a str {
        self.0
    }

    /// The characters meant. Half a surrogate pair is U+FFFD.
    pub fn chars(self) -> impl Iterator<Item = char> + use<'a> {
        let mut rest = self.0.chars();
        std::iter::from_fn(move || match rest.next()? {
            '\\' => Some(match rest.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (unit, after) = unit(rest.as_str())?;
                    rest = after.chars();
                    let low = after.strip_prefix("\\u").and_then(self::unit);
                    match (unit, low) {
                        (0xd800..=0xdbff, Some((low @ 0xdc00..=0xdfff, after))) => {
                            rest = after.chars();
                            let pair = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                            char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER)
                        }
                        _ => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
                    }
                }
                plain => plain,
            }),
            plain => Some(plain),
        })
    }

    /// The string meant: borrowed unless there is an escape in it.
    pub fn plain(self) -> Cow<'a, str> {
        match memchr::memchr(b'\\', self.0.as_bytes()) {
            None => Cow::Borrowed(self.0),
            Some(_) => Cow::Owned(self.chars().collect()),
        }
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other || self.chars().eq(other.chars())
    }
}

/// The string meant.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.chars().try_for_each(|c| f.write_char(c))
    }
}

/// Four hexadecimal digits, and what follows.
fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}
