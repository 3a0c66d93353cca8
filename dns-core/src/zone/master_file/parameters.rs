//! Service parameters (RFC 9460 §2.1, appendix A; RFC 9461 and 9540 for two more keys).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;

use super::Mistake;
use super::fields::{Words, unescape};
use super::print;

pub(super) fn read(words: &mut Words<'_, '_>) -> Result<(), Mistake> {
    let mut found: Vec<(u16, Vec<u8>)> = Vec::new();
    while !words.left.is_empty() {
        let word = words.next(FORM)?;
        let (key, value) =
            word.text.split_once('=').map_or((word.text, None), |(k, v)| (k, Some(v)));
        let mut value = value.map(str::to_owned);
        // key="value": the quoted part is a word of its own that nothing separates from the key.
        if value.as_deref() == Some("") && words.left.first().is_some_and(|w| w.joined && w.quoted)
        {
            value = Some(words.next(FORM)?.text.to_owned());
        }
        let number =
            key_number(key).filter(|_| !word.quoted).ok_or_else(|| words.expected(FORM))?;
        let octets =
            encode(number, value.as_deref()).ok_or_else(|| words.expected(expectation(number)))?;
        found.push((number, octets));
    }
    found.sort_by_key(|(key, _)| *key);
    if found.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(words.expected("each service parameter once"));
    }
    if !is_consistent(&found) {
        return Err(words.expected("what mandatory names, once each and without mandatory itself"));
    }
    for (key, value) in found {
        let len = u16::try_from(value.len()).map_err(|_| words.expected(FORM))?;
        words.out.extend(key.to_be_bytes());
        words.out.extend(len.to_be_bytes());
        words.out.extend(value);
    }
    Ok(())
}

/// RFC 9460 §8 and §7.1.1: mandatory keys are there; no-default-alpn needs alpn.
fn is_consistent(found: &[(u16, Vec<u8>)]) -> bool {
    let has = |key| found.iter().any(|(k, _)| *k == key);
    let mandatory = found.iter().find(|(key, _)| *key == MANDATORY);
    let keys = mandatory.map_or(&[][..], |(_, value)| value).as_chunks::<2>().0;
    let keys: Vec<u16> = keys.iter().map(|key| u16::from_be_bytes(*key)).collect();
    keys.iter().all(|&key| key != MANDATORY && has(key))
        && keys.windows(2).all(|pair| pair[0] < pair[1])
        && (!has(NO_DEFAULT_ALPN) || has(ALPN))
}

fn key_number(text: &str) -> Option<u16> {
    if let Some((number, _)) = KEYS.iter().find(|(_, name)| *name == text) {
        return Some(*number);
    }
    let digits = text.strip_prefix("key")?;
    let canonical = digits == "0" || !digits.starts_with('0');
    digits.parse().ok().filter(|_| canonical && digits.bytes().all(|c| c.is_ascii_digit()))
}

fn encode(key: u16, value: Option<&str>) -> Option<Vec<u8>> {
    let items = || -> Option<Vec<Vec<u8>>> {
        let items = split(&unescape(value?)?);
        (items.iter().all(|item| !item.is_empty()) && !items.is_empty()).then_some(items)
    };
    Some(match key {
        MANDATORY => {
            let keys = items()?;
            let mut keys: Vec<u16> = keys
                .iter()
                .map(|key| key_number(std::str::from_utf8(key).ok()?))
                .collect::<Option<_>>()?;
            keys.sort_unstable();
            keys.iter().flat_map(|key| key.to_be_bytes()).collect()
        }
        ALPN => {
            let mut octets = Vec::new();
            for item in items()? {
                octets.push(u8::try_from(item.len()).ok()?);
                octets.extend(item);
            }
            octets
        }
        NO_DEFAULT_ALPN | OHTTP => match value {
            None | Some("") => Vec::new(),
            Some(_) => return None,
        },
        PORT => value?.parse::<u16>().ok()?.to_be_bytes().into(),
        IPV4HINT => addresses::<Ipv4Addr>(value?, |a| a.octets().into())?,
        IPV6HINT => addresses::<Ipv6Addr>(value?, |a| a.octets().into())?,
        ECH => BASE64.decode(value?.as_bytes()).ok().filter(|ech| !ech.is_empty())?,
        _ => unescape(value.unwrap_or(""))?,
    })
}

fn addresses<T: std::str::FromStr>(value: &str, octets: impl Fn(T) -> Vec<u8>) -> Option<Vec<u8>> {
    let each = value.split(',').map(|address| address.parse().ok().map(&octets));
    Some(each.collect::<Option<Vec<_>>>()?.concat())
}

/// At commas, but for those behind a backslash (RFC 9460 A.1).
fn split(octets: &[u8]) -> Vec<Vec<u8>> {
    let (mut items, mut octets) = (vec![Vec::new()], octets.iter());
    while let Some(&octet) = octets.next() {
        let last = items.last_mut().expect("there is always one");
        match octet {
            b',' => items.push(Vec::new()),
            b'\\' => last.extend(octets.next()),
            _ => last.push(octet),
        }
    }
    items
}

/// The text of parameters in wire form, which has been checked for its shape; `None` when a value has not
/// the form of its key.
pub(super) fn write(mut rest: &[u8]) -> Option<String> {
    let mut text = String::new();
    while let Some((&[k1, k2, l1, l2], after)) = rest.split_first_chunk() {
        let (key, len) = (u16::from_be_bytes([k1, k2]), u16::from_be_bytes([l1, l2]));
        let (value, after) = after.split_at_checked(len as usize)?;
        rest = after;
        text.push(' ');
        key_text(&mut text, key);
        let shown = match key {
            MANDATORY => {
                let (keys, odd) = value.as_chunks::<2>();
                if keys.is_empty() || !odd.is_empty() {
                    return None;
                }
                let mut names = String::new();
                for key in keys {
                    names.push_str(if names.is_empty() { "" } else { "," });
                    key_text(&mut names, u16::from_be_bytes(*key));
                }
                names
            }
            ALPN => alpn_text(value)?,
            NO_DEFAULT_ALPN | OHTTP if value.is_empty() => continue,
            NO_DEFAULT_ALPN | OHTTP => return None,
            PORT => u16::from_be_bytes(value.try_into().ok()?).to_string(),
            IPV4HINT => {
                let (all, odd) = value.as_chunks::<4>();
                join(all.iter().map(|a| Ipv4Addr::from(*a).to_string()), odd)?
            }
            IPV6HINT => {
                let (all, odd) = value.as_chunks::<16>();
                join(all.iter().map(|a| Ipv6Addr::from(*a).to_string()), odd)?
            }
            ECH => BASE64.encode(value),
            _ if value.is_empty() => continue,
            _ => {
                text.push('=');
                print::quoted(&mut text, value);
                continue;
            }
        };
        let _ = write!(text, "={shown}");
    }
    Some(text)
}

fn join(items: impl Iterator<Item = String>, odd: &[u8]) -> Option<String> {
    let items: Vec<String> = items.collect();
    (odd.is_empty() && !items.is_empty()).then(|| items.join(","))
}

fn alpn_text(mut value: &[u8]) -> Option<String> {
    let mut list = Vec::new();
    while let Some((&len, rest)) = value.split_first() {
        let (item, rest) = rest.split_at_checked(len as usize)?;
        if item.is_empty() {
            return None;
        }
        list.extend(if list.is_empty() { &b""[..] } else { b"," });
        for &octet in item {
            list.extend(if matches!(octet, b',' | b'\\') { &b"\\"[..] } else { b"" });
            list.push(octet);
        }
        value = rest;
    }
    let mut text = String::new();
    print::quoted(&mut text, &list);
    (!list.is_empty()).then_some(text)
}

fn key_text(text: &mut String, key: u16) {
    match KEYS.iter().find(|(number, _)| *number == key) {
        Some((_, name)) => text.push_str(name),
        None => {
            let _ = write!(text, "key{key}");
        }
    }
}

const fn expectation(key: u16) -> &'static str {
    match key {
        MANDATORY => "mandatory=KEY,KEY",
        ALPN => "alpn=ID,ID with at most 255 octets each",
        NO_DEFAULT_ALPN | OHTTP => "no value behind this key",
        PORT => "port= and a number up to 65535",
        IPV4HINT => "ipv4hint= and addresses with commas between",
        IPV6HINT => "ipv6hint= and addresses with commas between",
        ECH => "ech= and octets in base 64",
        _ => FORM,
    }
}

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const OHTTP: u16 = 8;
const KEYS: &[(u16, &str)] = &[
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6HINT, "ipv6hint"),
    (7, "dohpath"),
    (OHTTP, "ohttp"),
];
const FORM: &str = "service parameters as alpn=h2,h3 port=443 key65000=\"text\"";
