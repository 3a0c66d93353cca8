//! Headers of `name=value` pairs, as FortiGate and Sophos firewalls write them.

use super::written::{Stamp, dated};
use super::zone::{Zone, lettered, numeric};

/// What the pairs say about time and sender. `None` when the text does not begin with the pairs
/// of such a header, or they hold no date and time.
pub(super) fn header(content: &[u8]) -> Option<(Stamp, Option<&str>)> {
    if !FIRST.iter().any(|name| content.starts_with(name)) {
        return None;
    }
    let (mut date, mut time, mut zone, mut host) = (None, None, Zone::Unsaid, None);
    let mut rest = content;
    for _ in 0..MOST_PAIRS {
        let Some((name, value, after)) = pair(rest) else { break };
        match name {
            b"date" => date = Some(value),
            b"time" => time = Some(value),
            b"tz" | b"timezone" => {
                zone = numeric(value).or_else(|| lettered(value)).map_or(zone, |(zone, _)| zone);
            }
            b"devname" | b"device_name" => host = std::str::from_utf8(value).ok(),
            _ => {}
        }
        rest = after;
    }
    Some((dated(date?, time?, zone)?, host.filter(|host| !host.is_empty())))
}

/// `name=value ` or `name="value" `, and what follows.
fn pair(input: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let near = &input[..input.len().min(LONGEST_PAIR)];
    let equals = memchr::memchr(b'=', near)?;
    let (name, value) = (&near[..equals], &input[equals + 1..]);
    let near = &near[equals + 1..];
    let (value, after) = match near.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = memchr::memchr(b'"', quoted)?;
            (&quoted[..end], &value[end + 2..])
        }
        None => value.split_at(memchr::memchr(b' ', near).unwrap_or(near.len())),
    };
    let named = !name.is_empty() && !name.contains(&b' ');
    named.then(|| (name, value, after.trim_ascii_start()))
}

/// The names that such headers begin with.
const FIRST: [&[u8]; 4] = [b"date=", b"device=", b"device_name=", b"logver="];
const MOST_PAIRS: usize = 16;
const LONGEST_PAIR: usize = 256;
