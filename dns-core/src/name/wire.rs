//! Names as slices of messages. Nothing here allocates but [`read`].

use std::ops::Range;

use thiserror::Error;

use super::{MAX_NAME, Name};

/// Why octets are not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireNameError {
    /// The octets end inside the name.
    #[error("name cut short")]
    Short,
    /// Longer than 255 octets (RFC 1035 §2.3.4).
    #[error("name longer than 255 octets")]
    TooLong,
    /// A compression pointer where none may stand.
    #[error("compression pointer where none may stand")]
    Compressed,
    /// A pointer that does not point backwards.
    #[error("compression pointer that does not point backwards")]
    BadPointer,
    /// A label type other than plain and pointer (RFC 6891 §5 retires the others).
    #[error("unknown label type")]
    LabelType,
    /// Octets follow the name.
    #[error("octets after the name")]
    TrailingOctets,
}

impl WireNameError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            WireNameError::Short => "short",
            WireNameError::TooLong => "too_long",
            WireNameError::Compressed => "compressed",
            WireNameError::BadPointer => "bad_pointer",
            WireNameError::LabelType => "label_type",
            WireNameError::TrailingOctets => "trailing_octets",
        }
    }
}

/// The length of the uncompressed name at the start of `wire`, its zero included.
///
/// # Errors
/// When there is no complete, plain name of at most 255 octets.
#[inline]
pub fn measure(wire: &[u8]) -> Result<usize, WireNameError> {
    let mut at = 0;
    loop {
        let len = *wire.get(at).ok_or(WireNameError::Short)?;
        match len & 0xc0 {
            0x00 => {}
            0xc0 => return Err(WireNameError::Compressed),
            _ => return Err(WireNameError::LabelType),
        }
        at += 1 + len as usize;
        if at > MAX_NAME {
            return Err(WireNameError::TooLong);
        }
        if len == 0 {
            return Ok(at);
        }
    }
}

/// Reads the name at `at` in `message`, following pointers (RFC 1035 §4.1.4), and where the octets
/// after it begin. Each pointer must lead to before the run of labels it ends, so no loop is possible.
///
/// # Errors
/// When the name is cut short, too long, or a pointer leads forward.
pub fn read(message: &[u8], at: usize) -> Result<(Name, usize), WireNameError> {
    let mut wire = [0u8; MAX_NAME];
    let (mut used, mut here, mut run, mut next) = (0, at, at, None);
    loop {
        let len = *message.get(here).ok_or(WireNameError::Short)? as usize;
        match len & 0xc0 {
            0x00 => {
                let label = message.get(here..=here + len).ok_or(WireNameError::Short)?;
                let end = used + label.len();
                wire.get_mut(used..end).ok_or(WireNameError::TooLong)?.copy_from_slice(label);
                (used, here) = (end, here + label.len());
                if len == 0 {
                    let name = Name { wire: wire[..used].into() };
                    return Ok((name, next.unwrap_or(here)));
                }
            }
            0xc0 => {
                let low = *message.get(here + 1).ok_or(WireNameError::Short)? as usize;
                next.get_or_insert(here + 2);
                let target = (len & 0x3f) << 8 | low;
                if target >= run {
                    return Err(WireNameError::BadPointer);
                }
                (here, run) = (target, target);
            }
            _ => return Err(WireNameError::LabelType),
        }
    }
}

/// Where the octets of the name at `at` stand: run by run, each with the pointer or the zero that ends it. Each
/// pointer must lead to before the run that it ends, as for [`read`].
pub(crate) fn runs(
    message: &[u8],
    at: usize,
) -> impl Iterator<Item = Result<Range<usize>, WireNameError>> {
    let mut next = Some(at);
    std::iter::from_fn(move || {
        let start = next.take()?;
        let mut here = start;
        let run = loop {
            let Some(&len) = message.get(here) else { break Err(WireNameError::Short) };
            match len {
                0 => break Ok(start..here + 1),
                1..=63 => here += 1 + usize::from(len),
                0xc0.. => {
                    let Some(&low) = message.get(here + 1) else { break Err(WireNameError::Short) };
                    let target = usize::from(len & 0x3f) << 8 | usize::from(low);
                    if target >= start {
                        break Err(WireNameError::BadPointer);
                    }
                    next = Some(target);
                    break Ok(start..here + 2);
                }
                _ => break Err(WireNameError::LabelType),
            }
        };
        Some(run)
    })
}

/// Where the octets after the name at `at` begin; pointers are not followed.
pub(crate) fn skip(message: &[u8], mut at: usize) -> Result<usize, WireNameError> {
    loop {
        let len = *message.get(at).ok_or(WireNameError::Short)?;
        match len {
            0 => return Ok(at + 1),
            1..=63 => at += 1 + len as usize,
            0xc0.. if at + 2 > message.len() => return Err(WireNameError::Short),
            0xc0.. => return Ok(at + 2),
            _ => return Err(WireNameError::LabelType),
        }
    }
}

/// The labels of a plain wire name, leftmost first, without the root.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&len, after) = rest.split_first()?;
        let (label, tail) = after.split_at_checked(len as usize)?;
        rest = tail;
        (len != 0).then_some(label)
    })
}

/// The name and each of its ancestors up to the root, as suffixes of `wire`.
pub(crate) fn ancestors(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(wire);
    std::iter::from_fn(move || {
        let here = rest?;
        let len = *here.first()? as usize;
        rest = if len == 0 { None } else { here.get(1 + len..) };
        Some(here)
    })
}

/// Whether plain wire name `name` is `ancestor` or below it.
pub(crate) fn is_under(name: &[u8], ancestor: &[u8]) -> bool {
    ancestors(name).any(|suffix| equal_ignoring_case(suffix, ancestor))
}

/// Octet for octet, ASCII letters alike in either case (RFC 4343). Length octets are below 64 and
/// so never letters.
pub fn equal_ignoring_case(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Whether `name` is `folded`, which is in lower case: eight octets at a time.
#[inline]
pub(crate) fn is_folded(name: &[u8], folded: &[u8]) -> bool {
    let (Some(last), Some(folded_last)) = (name.last_chunk(), folded.last_chunk()) else {
        return equal_ignoring_case(name, folded);
    };
    let (words, folded_words) = (name.as_chunks().0, folded.as_chunks().0);
    name.len() == folded.len()
        && words
            .iter()
            .zip(folded_words)
            .all(|(word, is)| fold_word(*word) == u64::from_le_bytes(*is))
        && fold_word(*last) == u64::from_le_bytes(*folded_last)
}

/// The octets in lower case, eight at a time. The last eight overlap those before, so that no octet is
/// looked at alone; fewer than eight are filled up with zeros.
#[inline]
pub(crate) fn folded_words(name: &[u8]) -> impl Iterator<Item = u64> {
    let last = name.last_chunk().copied().unwrap_or_else(|| {
        let mut few = [0; 8];
        few[..name.len()].copy_from_slice(name);
        few
    });
    name.as_chunks().0.iter().copied().chain([last]).map(fold_word)
}

/// Eight octets in lower case: letters are found by carries into each octet's top bit.
fn fold_word(octets: [u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(octets);
    let low = word & (0x7f * EACH);
    let from_a = low + (0x80 - u64::from(b'A')) * EACH;
    let above_z = low + (0x7f - u64::from(b'Z')) * EACH;
    let capital = (from_a ^ above_z) & !word & (0x80 * EACH);
    word | capital >> 2
}

/// Copies `wire` in lower case into the front of `out`, which must be at least as long.
pub fn fold_into(wire: &[u8], out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(wire) {
        *to = from.to_ascii_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_through_a_pointer_and_says_where_it_ends() {
        let message = b"\x03www\xc0\x06\x07example\x00tail";
        let (name, next) = read(b"\x07example\x00\x03www\xc0\x00tail", 9).expect("valid");
        assert_eq!((name.to_string().as_str(), next), ("www.example.", 15));
        assert_eq!(read(message, 0), Err(WireNameError::BadPointer), "forward");
        assert_eq!(read(b"\xc0\x00", 0), Err(WireNameError::BadPointer), "itself");
        assert_eq!(read(b"\x01a\xc0\x00", 2).map(|_| ()), Err(WireNameError::BadPointer), "loop");
    }

    #[test]
    fn runs_are_the_octets_that_read_reads() {
        let message = b"\x07example\x00\x03www\xc0\x00\xc0\x09";
        let all: Result<Vec<_>, _> = runs(message, 15).collect();
        assert_eq!(all, Ok(vec![15..17, 9..15, 0..9]));
        let forward: Vec<_> = runs(b"\x01a\xc0\x04\x00", 0).collect();
        assert_eq!(forward, [Err(WireNameError::BadPointer)]);
    }

    #[test]
    fn measure_refuses_what_is_not_plain() {
        assert_eq!(measure(b"\x03www\x00rest"), Ok(5));
        assert_eq!(measure(b"\x03ww"), Err(WireNameError::Short));
        assert_eq!(measure(b"\xc0\x0c"), Err(WireNameError::Compressed));
        assert_eq!(measure(b"\x41a"), Err(WireNameError::LabelType));
        assert_eq!(measure(&[1; 300]), Err(WireNameError::TooLong));
    }

    #[test]
    fn words_fold_as_octets_do() {
        for octet in 0..=u8::MAX {
            let octets = [octet, b'A', b'z', octet, b'@', b'[', 0xc1, octet];
            let folded = octets.map(|octet| octet.to_ascii_lowercase());
            assert_eq!(fold_word(octets).to_le_bytes(), folded, "{octet}");
        }
        let name = b"\x03WwW\x07EXAMPLE\x03COM\0";
        for len in 1..=name.len() {
            let (name, folded) = (&name[..len], name[..len].to_ascii_lowercase());
            assert!(
                is_folded(name, &folded) && folded_words(name).eq(folded_words(&folded)),
                "{len}"
            );
            for at in 0..len {
                let mut other = folded.clone();
                other[at] ^= 4;
                assert!(!is_folded(name, &other), "{len}, {at}");
                assert!(!folded_words(name).eq(folded_words(&other)), "{len}, {at}");
            }
        }
    }

    #[test]
    fn ancestors_end_with_the_root() {
        let all: Vec<_> = ancestors(b"\x01a\x01b\x00").collect();
        assert_eq!(all, [&b"\x01a\x01b\x00"[..], b"\x01b\x00", b"\x00"]);
    }
}
