//! Steps over bytes: each gives what it read and what follows.

/// Two digits.
pub(super) fn two_digits(input: &[u8]) -> Option<(u32, &[u8])> {
    match input {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

/// One digit or two, and no third.
pub(super) fn short_number(input: &[u8]) -> Option<(u32, &[u8])> {
    match input {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => None,
        [b'0'..=b'9', b'0'..=b'9', ..] => two_digits(input),
        [one @ b'0'..=b'9', rest @ ..] => Some((u32::from(one - b'0'), rest)),
        _ => None,
    }
}

/// Four digits.
pub(super) fn four_digits(input: &[u8]) -> Option<(u32, &[u8])> {
    let (century, rest) = two_digits(input)?;
    let (year, rest) = two_digits(rest)?;
    Some((century * 100 + year, rest))
}

/// At least one space or tab.
pub(super) fn spaces(input: &[u8]) -> Option<&[u8]> {
    let rest = skip_spaces(input);
    (rest.len() < input.len()).then_some(rest)
}

/// Any number of spaces and tabs.
pub(super) fn skip_spaces(mut input: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = input {
        input = rest;
    }
    input
}

/// How long the word at the start is: up to a space or tab.
pub(super) fn word_end(input: &[u8]) -> usize {
    input.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(input.len())
}

/// How many bytes at the start are of a class.
pub(super) fn run(input: &[u8], class: &Class) -> usize {
    input.iter().position(|&byte| !class[usize::from(byte)]).unwrap_or(input.len())
}

/// Which bytes belong.
pub(super) type Class = [bool; 256];

/// ASCII letters and digits, and `others`.
pub(super) const fn alphanumeric_and(others: &[u8]) -> Class {
    let mut class = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        class[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        class[others[at] as usize] = true;
        at += 1;
    }
    class
}

/// Where the next space stands, eight bytes at a step: the fields of a header are too short for a
/// search by vectors to pay.
pub(super) fn space(input: &[u8]) -> Option<usize> {
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let mut at = 0;
    while let Some(word) = input.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        // A byte that was a space is zero; a zero borrows into its own highest bit. The lowest bit
        // found is true, those above it may be borrowed.
        let word = u64::from_le_bytes(*word) ^ SPACES;
        let zeros = word.wrapping_sub(ONES) & !word & HIGH;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = input.get(at..)?;
    rest.iter().position(|&byte| byte == b' ').map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_space_is_found(bytes in proptest::collection::vec(
            prop_oneof![4 => any::<u8>(), 1 => Just(b' '), 1 => Just(b'!')], 0..40)
        ) {
            prop_assert_eq!(space(&bytes), bytes.iter().position(|&byte| byte == b' '));
        }
    }
}
