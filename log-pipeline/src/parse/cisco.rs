//! What Cisco's systems put around a message: sequence numbers, origins and uptimes before it, and
//! `%FACILITY-SEVERITY-MNEMONIC` as its tag.

use super::bytes::skip_spaces;
use super::stamp;

/// What stands before the time: `sequence: `, `origin: `, another `sequence: ` and an uptime for a
/// time, each optional.
pub(super) struct Preamble<'a> {
    /// The origin-id, when it is a name or an address.
    pub(super) origin: Option<&'a str>,
    /// From the time or the `%` on.
    pub(super) rest: &'a [u8],
}

/// Reads a preamble. `None` when there is none, or when what follows is neither a time nor a
/// mnemonic: a number and a colon may begin any text.
pub(super) fn preamble(content: &[u8]) -> Option<Preamble<'_>> {
    let (mut rest, mut origin, mut sequences) = (content, None, 0);
    if let [b':', after @ ..] = rest {
        // EMBLEM and NX-OS begin with a colon.
        rest = skip_spaces(after);
        if mnemonic(rest).is_some() || stamp::begins(rest) {
            return Some(Preamble { origin, rest });
        }
    }
    for _ in 0..MOST_WORDS {
        let (word, after) = before_colon(rest)?;
        let known = skip_spaces(after);
        if sequences < 2 && is_sequence(word) {
            sequences += 1;
        } else if is_uptime(word) {
            mnemonic(known)?;
            return Some(Preamble { origin, rest: known });
        } else if origin.is_none() {
            origin = Some(origin_of(word)?);
        } else {
            return None;
        }
        if mnemonic(known).is_some() {
            return Some(Preamble { origin, rest: known });
        }
        if stamp::begins(known) {
            // A name before a time is as likely a tag; Cisco counts, or has a mnemonic.
            let theirs = sequences > 0 || mnemonic_behind(known);
            return theirs.then_some(Preamble { origin, rest: known });
        }
        rest = known;
    }
    None
}

/// The length of `%FACILITY-SEVERITY-MNEMONIC` or `%FACILITY-SUBFACILITY-SEVERITY-MNEMONIC` at the
/// start.
pub(super) fn mnemonic(input: &[u8]) -> Option<usize> {
    let name = input.strip_prefix(b"%")?;
    let length = name
        .iter()
        .take_while(|&&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    let mut parts = name[..length].split(|&byte| byte == b'-').skip(1);
    let graded = parts.any(|part| matches!(part, [b'0'..=b'7'])) && parts.next().is_some();
    (graded && name[0].is_ascii_uppercase()).then_some(length + 1)
}

/// Whether a mnemonic follows the time at the start: a few words on at most.
fn mnemonic_behind(time: &[u8]) -> bool {
    let near = &time[..time.len().min(LONGEST_TIME)];
    memchr::memmem::find(near, b": %").is_some_and(|at| mnemonic(&time[at + 2..]).is_some())
}

/// The word before the next colon; an uptime holds colons of its own, and a node of IOS XR stands
/// right before the time.
fn before_colon(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let near = &rest[..rest.len().min(LONGEST_WORD)];
    let mut end = memchr::memchr(b':', near)?;
    if let [_, _, b':', _, _, b':', _, _, b':', ..] = near {
        end = 8;
    }
    Some((&rest[..end], &rest[end + 1..]))
}

fn is_sequence(word: &[u8]) -> bool {
    (1..=12).contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
}

/// `00:00:46`, `1w2d`, `3d04h`: since the system started.
fn is_uptime(word: &[u8]) -> bool {
    let clock = matches!(word, [_, _, b':', _, _, b':', _, _])
        && word.iter().all(|&byte| byte == b':' || byte.is_ascii_digit());
    let spans = word.first().is_some_and(u8::is_ascii_digit)
        && word.iter().all(|byte| byte.is_ascii_digit() || b"ywdhms".contains(byte))
        && word.last().is_some_and(u8::is_ascii_lowercase);
    clock || spans
}

/// A host's name or address, with the node of IOS XR (`RP/0/RSP0/CPU0`) behind it if there is one.
fn origin_of(word: &[u8]) -> Option<&str> {
    let mut words = word.split(|&byte| byte == b' ');
    let name = words.next()?;
    let node = words.next().is_none_or(|node| node.contains(&b'/'));
    let name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._/".contains(byte);
    let whole = !name.is_empty() && name.iter().all(name_byte) && node && words.next().is_none();
    if whole { std::str::from_utf8(name).ok() } else { None }
}

/// The number of the message, the origin, the number of `service sequence-numbers`, an uptime.
const MOST_WORDS: usize = 4;
const LONGEST_WORD: usize = 80;
const LONGEST_TIME: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preambles() {
        for (text, origin, rest) in [
            ("16261: May 28 16:09:56: %SYS-5-X: y", None, "May 28 16:09:56: %SYS-5-X: y"),
            (
                "1: SW: May 28 16:09:56 gmt: %A-6-B: F0",
                Some("SW"),
                "May 28 16:09:56 gmt: %A-6-B: F0",
            ),
            ("SW: May 28 16:09:56: %A-6-B: x", Some("SW"), "May 28 16:09:56: %A-6-B: x"),
            ("19: 1w2d: %SYS-5-CONFIG_I: x", None, "%SYS-5-CONFIG_I: x"),
            ("000123: 00:00:46: %LINK-3-UPDOWN: x", None, "%LINK-3-UPDOWN: x"),
            (": 2017 Mar 21 13:14:15 UTC: %A-5-B: x", None, "2017 Mar 21 13:14:15 UTC: %A-5-B: x"),
            (":%ASA-session-6-302014: x", None, "%ASA-session-6-302014: x"),
            (
                "7: r1 RP/0/RSP0/CPU0:Mar 21 13:14:15.123 : ifmgr[1]: %A-3-B : x",
                Some("r1"),
                "Mar 21 13:14:15.123 : ifmgr[1]: %A-3-B : x",
            ),
        ] {
            let preamble = preamble(text.as_bytes()).expect(text);
            assert_eq!(preamble.origin, origin, "{text}");
            assert_eq!(preamble.rest, rest.as_bytes(), "{text}");
        }
        for text in ["1: ", "2: .", "", ":", "app: May 28 16:09:56 x", "a b: %A-3-B: x", "12: text"]
        {
            assert!(preamble(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn mnemonics() {
        for text in ["%PIX-7-710005", "%PKT_INFRA-LINK-3-UPDOWN", "%IOSXE-6-PLATFORM"] {
            assert_eq!(mnemonic(format!("{text}: x").as_bytes()), Some(text.len()));
        }
        for text in ["", "%", "%% It's", "%d-8-X", "%A-8-X", "%A-3", "%usr-3-x", "PIX-7-71"] {
            assert_eq!(mnemonic(text.as_bytes()), None, "{text}");
        }
    }
}
