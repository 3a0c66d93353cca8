//! The grammar of JSON (RFC 8259), walked without recursion and without memory.

use super::PayloadError;

/// Where the value that starts at `at` ends. White space may stand before it.
///
/// # Errors
/// At the first byte that fits nothing, and below [`MOST_DEPTH`].
pub(super) fn value_end(json: &[u8], at: usize) -> Result<usize, PayloadError> {
    let mut at = at;
    // One bit a level: set where it is an object.
    let (mut objects, mut depth) = (0u64, 0u32);
    loop {
        at = white_end(json, at);
        match json.get(at) {
            Some(&open @ (b'{' | b'[')) => {
                if depth == MOST_DEPTH {
                    return Err(PayloadError::TooDeep);
                }
                let object = open == b'{';
                (objects, depth) = (objects << 1 | u64::from(object), depth + 1);
                at = white_end(json, at + 1);
                if json.get(at) != Some(&(open + 2)) {
                    if object {
                        at = key_end(json, at)?;
                    }
                    continue;
                }
            }
            _ => at = scalar_end(json, at)?,
        }
        // A value has ended, or an empty object or array is about to.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            at = white_end(json, at);
            let object = objects & 1 == 1;
            match json.get(at) {
                Some(b',') => {
                    at += 1;
                    if object {
                        at = key_end(json, white_end(json, at))?;
                    }
                    break;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(PayloadError::Syntax { at }),
            }
            (at, objects, depth) = (at + 1, objects >> 1, depth - 1);
        }
    }
}

/// Where the first byte that is not white space stands.
pub(super) fn white_end(json: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = json.get(at) {
        at += 1;
    }
    at
}

/// Where the string that starts at `at` ends, after its quote.
pub(super) fn string_end(json: &[u8], at: usize) -> Result<usize, PayloadError> {
    if json.get(at) != Some(&b'"') {
        return Err(PayloadError::Syntax { at });
    }
    let mut at = at + 1;
    loop {
        at += plain_length(json.get(at..).unwrap_or_default());
        match json.get(at..).unwrap_or_default() {
            [b'"', ..] => return Ok(at + 1),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at += 2,
            [b'\\', b'u', a, b, c, d, ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                at += 6;
            }
            _ => return Err(PayloadError::Syntax { at }),
        }
    }
}

/// After a member's name and its colon.
fn key_end(json: &[u8], at: usize) -> Result<usize, PayloadError> {
    let at = white_end(json, string_end(json, at)?);
    if json.get(at) == Some(&b':') { Ok(at + 1) } else { Err(PayloadError::Syntax { at }) }
}

fn scalar_end(json: &[u8], at: usize) -> Result<usize, PayloadError> {
    let rest = json.get(at..).unwrap_or_default();
    match rest.first() {
        Some(b'"') => string_end(json, at),
        Some(b'-' | b'0'..=b'9') => {
            number_length(rest).map(|length| at + length).ok_or(PayloadError::Syntax { at })
        }
        _ => ["true", "false", "null"]
            .iter()
            .find(|word| rest.starts_with(word.as_bytes()))
            .map(|word| at + word.len())
            .ok_or(PayloadError::Syntax { at }),
    }
}

/// RFC 8259 §6: no leading zero, no bare point.
fn number_length(rest: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        let length = rest[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (length > 0).then_some(at + length)
    };
    let start = usize::from(rest.first() == Some(&b'-'));
    let mut at = if rest.get(start) == Some(&b'0') { start + 1 } else { digits(start)? };
    if rest.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = rest.get(at) {
        let sign = usize::from(matches!(rest.get(at + 1), Some(b'+' | b'-')));
        at = digits(at + 1 + sign)?;
    }
    Some(at)
}

/// Objects and arrays within each other; serde_json permits 127.
const MOST_DEPTH: u32 = 64;

/// How many bytes at the start stand for themselves in a string (RFC 8259 §7), eight at a step. In
/// a byte that does not, the highest bit is set; bytes above it may be wrong by its borrow.
fn plain_length(rest: &[u8]) -> usize {
    const fn eight(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let below = |word: u64, least: u8| word.wrapping_sub(eight(least)) & !word & eight(0x80);
    let mut at = 0;
    while let Some(word) = rest.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let special =
            below(word, 0x20) | below(word ^ eight(b'"'), 1) | below(word ^ eight(b'\\'), 1);
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let rest = rest.get(at..).unwrap_or_default();
    at + rest.iter().position(special).unwrap_or(rest.len())
}
