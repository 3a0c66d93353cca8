//! Presentation format (RFC 1035 §5.1, RFC 4343 §2.1): dots between labels, `\.` and `\DDD` escapes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{MAX_LABEL, MAX_NAME, Name};

/// Why a text is not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing between two dots, or no text at all.
    #[error("empty label: write one dot between labels and none in front")]
    EmptyLabel,
    /// A label longer than 63 octets.
    #[error("label longer than 63 octets")]
    LabelTooLong,
    /// A name longer than 255 octets.
    #[error("name longer than 255 octets")]
    TooLong,
    /// A backslash not followed by a character or by three digits up to 255.
    #[error("bad escape: write \\. for a character or \\DDD with three digits up to 255")]
    BadEscape,
}

impl NameError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            NameError::EmptyLabel => "empty_label",
            NameError::LabelTooLong => "label_too_long",
            NameError::TooLong => "too_long",
            NameError::BadEscape => "bad_escape",
        }
    }
}

impl Name {
    /// A name as in a master file: `@` is `origin`, and a name without a final dot is below it.
    ///
    /// # Errors
    /// When the text is no name.
    pub fn parse_relative(text: &str, origin: &Name) -> Result<Name, NameError> {
        if text == "@" {
            return Ok(origin.clone());
        }
        let mut wire = [0u8; MAX_NAME];
        let (mut used, absolute) = encode(text, &mut wire)?;
        let tail: &[u8] = if absolute { &[0] } else { origin.as_wire() };
        let end = used + tail.len();
        wire.get_mut(used..end).ok_or(NameError::TooLong)?.copy_from_slice(tail);
        used = end;
        Ok(Name { wire: wire[..used].into() })
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// An absolute name, with or without the final dot.
    fn from_str(text: &str) -> Result<Name, NameError> {
        if text == "@" {
            return Ok(Name { wire: (*b"\x01@\x00").into() });
        }
        Name::parse_relative(text, &Name::root())
    }
}

/// Encodes the labels of `text` into `out`, without the root's zero. Returns the octets used and
/// whether a final dot made the name absolute.
fn encode(text: &str, out: &mut [u8; MAX_NAME]) -> Result<(usize, bool), NameError> {
    if text == "." {
        return Ok((0, true));
    }
    let mut octets = text.bytes();
    let (mut start, mut at) = (0, 1);
    while let Some(octet) = octets.next() {
        let octet = match octet {
            b'.' => {
                out[start] = close(start, at)?;
                (start, at) = (at, at + 1);
                if start >= MAX_NAME {
                    return Err(NameError::TooLong);
                }
                continue;
            }
            b'\\' => unescape(&mut octets)?,
            plain => plain,
        };
        if at - start > MAX_LABEL {
            return Err(NameError::LabelTooLong);
        }
        *out.get_mut(at).ok_or(NameError::TooLong)? = octet;
        at += 1;
    }
    if at == start + 1 && start > 0 {
        return Ok((start, true));
    }
    out[start] = close(start, at)?;
    Ok((at, false))
}

/// The length octet of the label that began at `start` and ends before `at`.
fn close(start: usize, at: usize) -> Result<u8, NameError> {
    match at - start - 1 {
        0 => Err(NameError::EmptyLabel),
        len => u8::try_from(len).map_err(|_| NameError::LabelTooLong),
    }
}

/// What follows a backslash: three digits, or any other character for itself.
fn unescape(octets: &mut impl Iterator<Item = u8>) -> Result<u8, NameError> {
    let first = octets.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        match octets.next() {
            Some(digit) if digit.is_ascii_digit() => value = value * 10 + u16::from(digit - b'0'),
            _ => return Err(NameError::BadEscape),
        }
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

impl fmt::Display for Name {
    /// Absolute, with the final dot; reading it back gives the same octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        write!(f, "\\{}", octet as char)?;
                    }
                    0x21..=0x7e => write!(f, "{}", octet as char)?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_prints_escapes() {
        let name: Name = r"a\.b.\200\097".parse().expect("valid");
        assert_eq!(name.as_wire(), b"\x03a.b\x02\xc8a\x00");
        assert_eq!(name.to_string(), r"a\.b.\200a.");
        assert_eq!(".".parse(), Ok(Name::root()));
    }

    #[test]
    fn refuses_with_the_reason() {
        let long = "a".repeat(64);
        let many = "a.".repeat(128);
        for (text, why) in [
            ("", NameError::EmptyLabel),
            ("..", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            (long.as_str(), NameError::LabelTooLong),
            (many.as_str(), NameError::TooLong),
            (r"a\", NameError::BadEscape),
            (r"a\25", NameError::BadEscape),
            (r"a\256", NameError::BadEscape),
        ] {
            assert_eq!(text.parse::<Name>(), Err(why), "{text}");
        }
        assert!("a.".repeat(127).parse::<Name>().is_ok());
    }

    #[test]
    fn relative_names_stand_below_the_origin() {
        let origin: Name = "example.".parse().expect("valid");
        let text = |t: &str| Name::parse_relative(t, &origin).expect("valid").to_string();
        assert_eq!(text("@"), "example.");
        assert_eq!(text("www"), "www.example.");
        assert_eq!(text("www."), "www.");
    }

    proptest! {
        #[test]
        fn printing_and_reading_is_the_identity(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..10)
        ) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(label.len() as u8);
                wire.extend(label);
            }
            wire.push(0);
            let name = Name::from_wire(&wire).expect("short enough");
            let back: Name = name.to_string().parse().expect("what we print we read");
            prop_assert_eq!(back.as_wire(), name.as_wire());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,300}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert!(Name::from_wire(name.as_wire()).is_ok());
            }
        }
    }
}
