//! Address prefixes, `[!]family:address/prefix` (RFC 3123 §5).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Mistake;
use super::fields::Words;

pub(super) fn read(words: &mut Words<'_, '_>) -> Result<(), Mistake> {
    while !words.left.is_empty() {
        let word = words.next(FORM)?;
        let item = prefix(word.text).ok_or_else(|| words.expected(FORM))?;
        words.out.extend(item);
    }
    Ok(())
}

fn prefix(text: &str) -> Option<Vec<u8>> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(text) => (0x80, text),
        None => (0, text),
    };
    let (family, rest) = text.split_once(':')?;
    let (address, length) = rest.split_once('/')?;
    let (family, most, mut octets) = match family {
        "1" => (1, 32, address.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
        "2" => (2, 128, address.parse::<Ipv6Addr>().ok()?.octets().to_vec()),
        _ => return None,
    };
    let length: u8 = length.parse().ok().filter(|length| *length <= most)?;
    while octets.last() == Some(&0) {
        octets.pop();
    }
    let mut item = vec![0, family, length, negated | octets.len() as u8];
    item.extend(octets);
    Some(item)
}

/// Writes one item in front of `rest` and returns how many octets it took.
pub(super) fn write(rest: &[u8], out: &mut String) -> usize {
    use std::fmt::Write as _;
    let len = usize::from(rest[3] & 0x7f);
    let octets = &rest[4..4 + len];
    out.push_str(if rest[3] & 0x80 == 0 { "" } else { "!" });
    let _ = if rest[1] == 1 {
        let mut address = [0; 4];
        address[..len].copy_from_slice(octets);
        write!(out, "1:{}/{}", Ipv4Addr::from(address), rest[2])
    } else {
        let mut address = [0; 16];
        address[..len].copy_from_slice(octets);
        write!(out, "2:{}/{}", Ipv6Addr::from(address), rest[2])
    };
    4 + len
}

const FORM: &str = "prefixes as 1:10.0.0.0/8 or !2:2001:db8::/32";
