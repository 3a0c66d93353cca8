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

/// At least one space.
pub(super) fn spaces(input: &[u8]) -> Option<&[u8]> {
    let rest = skip_spaces(input);
    (rest.len() < input.len()).then_some(rest)
}

/// Any number of spaces.
pub(super) fn skip_spaces(mut input: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = input {
        input = rest;
    }
    input
}

/// How long the word at the start is: up to a space or tab.
pub(super) fn word_end(input: &[u8]) -> usize {
    input.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(input.len())
}
