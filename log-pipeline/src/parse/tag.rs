//! Host and tag behind the time: which word is which.

use std::net::{IpAddr, Ipv4Addr};

use super::bytes::{Class, alphanumeric_and, run, skip_spaces, word_end};
use super::cisco::mnemonic;

/// A tag, the process in brackets behind it, and the text.
pub(super) struct Tagged<'a> {
    pub(super) tag: &'a str,
    pub(super) process: Option<&'a str>,
    pub(super) text: &'a [u8],
}

/// Takes `tag: `, `tag:`, `tag[pid]:` or `tag[pid] ` off the start. The tag holds a letter, so that
/// a time of day or a sequence number is none; `scheme://`, `C:\` and `tag::` are none either, nor
/// are the marks of a payload, `@cee:` and `CEF:0`.
pub(super) fn tagged(input: &[u8]) -> Option<Tagged<'_>> {
    if input.first() == Some(&b'%')
        && let Some(length) = mnemonic(input)
    {
        // IOS XR has a space before the colon.
        let rest = skip_spaces(&input[length..]).strip_prefix(b":")?;
        let tag = std::str::from_utf8(&input[..length]).ok()?;
        return Some(Tagged { tag, process: None, text: without_space(rest) });
    }
    let length = run(&input[..input.len().min(LONGEST_TAG)], &TAG);
    let name = &input[..length];
    if let [b'\t', text @ ..] = &input[length..] {
        let snare = name == SNARE.as_bytes();
        return snare.then_some(Tagged { tag: SNARE, process: None, text });
    }
    if length == 0 || !name.iter().any(u8::is_ascii_alphabetic) {
        return None;
    }
    let (process, rest) = match bracketed(&input[length..]) {
        Some((process, rest)) => (Some(process), rest),
        None => (None, &input[length..]),
    };
    let ends = |rest: &[u8]| rest.first().is_none_or(|&byte| byte == b' ');
    let (name, process, rest) = match (rest.split_first(), process) {
        (Some((b':', text)), None) if !ends(text) => {
            if matches!(text[0], b'/' | b'\\' | b':') || is_hardware_address(input) {
                return None;
            }
            match longer(input, length) {
                Some((name, process, text)) => (name, Some(process), text),
                None => (name, None, text),
            }
        }
        (Some((b':', text)), process) => (name, process, text),
        (_, Some(process)) if ends(rest) => (name, Some(process), rest),
        _ => return None,
    };
    if matches!(name[0], b'@' | b'C' | b'L') && PAYLOADS.contains(&name) {
        return None;
    }
    let process = match process {
        Some(process) => Some(std::str::from_utf8(process).ok()?),
        None => None,
    };
    Some(Tagged { tag: std::str::from_utf8(name).ok()?, process, text: without_space(rest) })
}

/// Takes the host off the start, if the next word is one: the host, or `None` for the NILVALUE,
/// and what follows. A word that ends in a colon or carries a process number is a tag, unless it
/// is an address or a mnemonic follows.
pub(super) fn host(input: &[u8]) -> Option<(Option<&str>, &[u8])> {
    let length = run(input, &NAME);
    if length > 0 && matches!(input.get(length), Some(b' ')) && input[0].is_ascii_alphanumeric() {
        // Nothing in it that a tag ends with: the common case.
        let word = std::str::from_utf8(&input[..length]).ok()?;
        let host = !speaks(word, input);
        return host.then(|| (Some(word), skip_spaces(&input[length + 1..])));
    }
    let end = word_end(input);
    let word = std::str::from_utf8(&input[..end]).ok()?;
    let rest = skip_spaces(&input[end..]);
    if word == "-" {
        return Some((None, rest));
    }
    if let Some(inside) = word.strip_prefix('[') {
        let address = inside.strip_suffix(':').unwrap_or(inside).strip_suffix(']')?;
        return is_address(address).then_some((Some(address), rest));
    }
    if let Some(name) = word.strip_suffix(':') {
        let told = name.parse::<Ipv4Addr>().is_ok() || mnemonic(rest).is_some();
        return if told && plain(name) {
            Some((Some(name), rest))
        } else {
            is_address(word).then_some((Some(word), rest))
        };
    }
    let named =
        plain(word) && !speaks(word, input) && (tagged(input).is_none() || is_address(word));
    (named || (word.contains('%') && is_address(word))).then_some((Some(word), rest))
}

/// Whether the first word is no host but already what somebody says.
fn speaks(word: &str, input: &[u8]) -> bool {
    match word.as_bytes()[0] {
        b'A'..=b'Z' => LEVELS.contains(&word),
        b'l' => input.starts_with(b"last message repeated "),
        _ => false,
    }
}

/// Takes `host TAB MSWinEventLog TAB` off the start, which Snare sends without a time.
pub(super) fn snare(input: &[u8]) -> Option<(Option<&str>, Tagged<'_>)> {
    if let Some(tagged) = tagged(input).filter(|tagged| tagged.tag == SNARE) {
        return Some((None, tagged));
    }
    let end = word_end(input);
    let rest = input.get(end..)?.strip_prefix(b"\t")?;
    let tagged = tagged(rest).filter(|tagged| tagged.tag == SNARE)?;
    let host = std::str::from_utf8(&input[..end]).ok().filter(|host| plain(host))?;
    Some((Some(host), tagged))
}

/// `docker/image:1.2/name[1]:` has a colon in its tag: the process and the colon behind it tell.
fn longer(input: &[u8], colon: usize) -> Option<(&[u8], &[u8], &[u8])> {
    let word = &input[..word_end(&input[..input.len().min(LONGEST_TAG)])];
    let open = memchr::memchr(b'[', word)?;
    let (process, rest) = bracketed(&input[open..])?;
    let name = &input[..open];
    let whole = open > colon + 1
        && input[open - 1] != b':'
        && name.iter().all(|&byte| byte == b':' || TAG[usize::from(byte)])
        && word.len() == input.len() - rest.len() + 1
        && rest.first() == Some(&b':');
    whole.then(|| (name, process, &rest[1..]))
}

/// `[process]`, and what follows.
fn bracketed(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = input.strip_prefix(b"[")?;
    let near = &inside[..inside.len().min(LONGEST_TAG)];
    let end = near
        .iter()
        .position(|&byte| !byte.is_ascii_graphic() || matches!(byte, b'[' | b']' | b'"' | b'='))?;
    (inside[end] == b']').then(|| (&inside[..end], &inside[end + 1..]))
}

/// Letters, digits and what stands in names, addresses and mail addresses.
fn plain(word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "-._:@/".contains(c);
    word.starts_with(|c: char| c.is_alphanumeric() || c == ':' || c == '_')
        && word.chars().all(inside)
}

/// An address, of IPv6 also with a zone (RFC 4007 §11).
fn is_address(word: &str) -> bool {
    let (address, zone) = word.split_once('%').unwrap_or((word, "-"));
    match address.parse() {
        Ok(IpAddr::V6(_)) => !zone.is_empty(),
        Ok(IpAddr::V4(_)) => address.len() == word.len(),
        Err(_) => false,
    }
}

/// `b4:fb:` is the beginning of a MAC address.
fn is_hardware_address(input: &[u8]) -> bool {
    matches!(input, [a, b, b':', c, d, b':' | b'-' | b' ', ..]
        if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()))
}

fn without_space(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// What names of hosts are made of, addresses of IPv6 aside.
static NAME: Class = alphanumeric_and(b"-._@/");

/// What tags are made of. Bytes beyond ASCII are checked for UTF-8 afterwards.
static TAG: Class = {
    let mut class = alphanumeric_and(b"-_./()%@+#$*");
    let mut byte = 128;
    while byte < 256 {
        class[byte] = true;
        byte += 1;
    }
    class
};

/// RFC 3164 §5.3 says 32; senders go further.
const LONGEST_TAG: usize = 128;

/// The tag of Snare's Windows events, ended by a tab as all its fields.
const SNARE: &str = "MSWinEventLog";

/// They begin a payload, and mean nothing to its readers without their colon.
const PAYLOADS: [&[u8]; 3] = [b"@cee", b"CEF", b"LEEF"];

/// Words that applications write behind the time of their own log files, where no host stands.
const LEVELS: [&str; 10] =
    ["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "SEVERE"];
