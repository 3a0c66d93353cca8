//! JA3 and JA4 fingerprints of clients: which stack it is that says hello.
//!
//! JA3 (Althouse, Atkinson, Atkins 2017): the MD5 of version, cipher suites, extensions, groups and point
//! formats as they were sent. JA4 (FoxIO 2023, the client's alone): sorted, so that stacks which shuffle
//! their extensions keep one fingerprint. Both leave out GREASE (RFC 8701), which is random by purpose.

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::{hello::ClientHello, wire::Wire};

/// The JA3 string's MD5, 32 hexadecimal digits.
pub fn ja3(hello: &ClientHello<'_>) -> String {
    let extensions: Vec<u16> = hello.extensions().map(|(kind, _)| kind).collect();
    let find = |wanted| hello.extensions().find(|(kind, _)| *kind == wanted).map(|(_, data)| data);
    let groups = find(SUPPORTED_GROUPS).and_then(|data| Wire::new(data).vector16());
    let formats = find(POINT_FORMATS).and_then(|data| Wire::new(data).vector8());
    let mut text = String::with_capacity(512);
    decimal(&mut text, hello.legacy_version.0);
    let ciphers = hello.ciphers().map(|cipher| cipher.0).collect();
    for list in [ciphers, extensions, pairs(groups.unwrap_or_default())] {
        text.push(',');
        join(&mut text, list.into_iter().filter(|n| !is_grease(*n)));
    }
    text.push(',');
    join(&mut text, formats.unwrap_or_default().iter().map(|n| u16::from(*n)));
    // The separators of JA3 are dashes inside a list.
    hex(&Md5::digest(text.as_bytes()))
}

/// The JA4 fingerprint of a client that speaks over TCP, as in `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub fn ja4(hello: &ClientHello<'_>) -> String {
    let known = |n: &u16| !is_grease(*n);
    let mut ciphers: Vec<u16> = hello.ciphers().map(|cipher| cipher.0).filter(known).collect();
    let mut extensions: Vec<u16> = hello.extensions().map(|(kind, _)| kind).filter(known).collect();
    let named = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let version = hello.versions().map(|version| version.0).filter(known).max();
    let version = match version.unwrap_or(hello.legacy_version.0) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let (first, last) = hello.alpn().next().map_or(('0', '0'), ends);
    let counts = [ciphers.len(), extensions.len()].map(|count| count.min(99));
    let mut out = format!("t{version}{named}{:02}{:02}{first}{last}", counts[0], counts[1]);
    ciphers.sort_unstable();
    extensions.sort_unstable();
    // Of these two it says elsewhere what there is.
    extensions.retain(|kind| !matches!(*kind, SERVER_NAME | ALPN));
    let sets = [listed(&ciphers), listed(&extensions) + &signature_algorithms(hello)];
    for (set, empty) in sets.into_iter().zip([ciphers.is_empty(), extensions.is_empty()]) {
        out.push('_');
        if empty {
            out.push_str("000000000000");
        } else {
            out.push_str(&hex(&Sha256::digest(set.as_bytes()))[..12]);
        }
    }
    out
}

/// In the order of preference, behind an underscore; nothing when there are none.
fn signature_algorithms(hello: &ClientHello<'_>) -> String {
    let mut extensions = hello.extensions();
    let data = extensions.find(|(kind, _)| *kind == SIGNATURE_ALGORITHMS).map(|(_, data)| data);
    let list = pairs(data.and_then(|data| Wire::new(data).vector16()).unwrap_or_default());
    let list: Vec<u16> = list.into_iter().filter(|n| !is_grease(*n)).collect();
    if list.is_empty() { String::new() } else { format!("_{}", listed(&list)) }
}

/// The first and last character of a protocol's name; of its hexadecimal digits when either is neither
/// letter nor digit.
fn ends(protocol: &[u8]) -> (char, char) {
    let (Some(&first), Some(&last)) = (protocol.first(), protocol.last()) else {
        return ('0', '0');
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return (char::from(first), char::from(last));
    }
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    (digit(first >> 4), digit(last & 15))
}

fn listed(numbers: &[u16]) -> String {
    let mut out = String::with_capacity(numbers.len() * 5);
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        for byte in number.to_be_bytes() {
            push_hex(&mut out, byte);
        }
    }
    out
}

fn join(text: &mut String, numbers: impl Iterator<Item = u16>) {
    for (index, number) in numbers.enumerate() {
        if index > 0 {
            text.push('-');
        }
        decimal(text, number);
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut out, *byte);
    }
    out
}

/// By hand, like the next: a third of a handshake's cost went into the machinery of `write!`.
fn push_hex(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 15] {
        out.push(char::from(DIGITS[usize::from(nibble)]));
    }
}

fn decimal(out: &mut String, number: u16) {
    let mut divisor = 10_000;
    while divisor > 1 && number < divisor {
        divisor /= 10;
    }
    while divisor > 0 {
        out.push(char::from(DIGITS[usize::from(number / divisor % 10)]));
        divisor /= 10;
    }
}

fn pairs(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect()
}

/// `0x?a?a` with both halves alike (RFC 8701 §2).
fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello with these suites and extensions.
    fn hello(ciphers: &[u16], extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend((ciphers.len() as u16 * 2).to_be_bytes());
        body.extend(ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()));
        body.extend([1, 0]);
        let mut block = Vec::new();
        for (kind, data) in extensions {
            block.extend(kind.to_be_bytes());
            block.extend((data.len() as u16).to_be_bytes());
            block.extend(*data);
        }
        body.extend((block.len() as u16).to_be_bytes());
        body.extend(block);
        body
    }

    #[test]
    fn ja4_of_the_specification_s_example() {
        // The hello of Chrome that the specification walks through, with the extensions' contents left out
        // where they do not count.
        let ciphers = [
            0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ];
        let algorithms = [
            0, 16, 0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08, 0x05, 0x05, 0x01, 0x08,
            0x06, 0x06, 0x01,
        ];
        let extensions: [(u16, &[u8]); 18] = [
            (0x1a1a, &[]),
            (0x001b, &[]),
            (0x0000, &[]),
            (0x0033, &[]),
            (0x0010, &[0, 12, 2, b'h', b'2', 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1']),
            (0x4469, &[]),
            (0x0017, &[]),
            (0x002d, &[]),
            (0x000d, &algorithms),
            (0x0005, &[]),
            (0x0023, &[]),
            (0x0012, &[]),
            (0x002b, &[6, 0x0a, 0x0a, 3, 4, 3, 3]),
            (0xff01, &[]),
            (0x000b, &[]),
            (0x000a, &[]),
            (0x0015, &[]),
            (0x2a2a, &[]),
        ];
        let body = hello(&ciphers, &extensions);
        let parsed = ClientHello::parse(&body).expect("a hello");
        assert_eq!(ja4(&parsed), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn a_bare_hello_has_fingerprints_too() {
        let body = hello(&[], &[]);
        let parsed = ClientHello::parse(&body).expect("a hello");
        assert_eq!(ja4(&parsed), "t12i000000_000000000000_000000000000");
        assert_eq!(ja3(&parsed), hex(&Md5::digest(b"771,,,,")));
    }

    #[test]
    fn a_protocol_that_is_no_text_is_told_by_its_digits() {
        assert_eq!(ends(b"h2"), ('h', '2'));
        assert_eq!(ends(b"x"), ('x', 'x'));
        assert_eq!(ends(&[0xab, 0xcd]), ('a', 'd'));
        assert_eq!(ends(&[b'h', 0xcd]), ('6', 'd'));
        assert_eq!(ends(&[]), ('0', '0'));
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in (0..=u16::MAX).step_by(7).chain([9, 10, 99, 100, 9_999, 10_000, u16::MAX]) {
            let mut out = String::new();
            decimal(&mut out, number);
            assert_eq!(out, number.to_string());
            assert_eq!(listed(&[number]), format!("{number:04x}"));
        }
    }

    #[test]
    fn grease_is_known_and_its_neighbours_are_not() {
        assert!((0..16).all(|n| is_grease(n << 12 | 0x0a00 | n << 4 | 0x0a)));
        assert!(!is_grease(0x0a1a) && !is_grease(0x0a0b) && !is_grease(0x1301));
    }
}
