//! Zones behind a time of day: numbers, and the letters people write.

use super::bytes::{two_digits, word_end};

/// What a sender says about its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Nothing, or letters that stand for more than one offset: the policy knows.
    Unsaid,
    /// Seconds east of UTC.
    East(i32),
    /// Letters that RFC 5322 §4.3 defines and other parts of the world use differently: a policy
    /// that names an offset goes before.
    Disputed(i32),
}

impl Zone {
    /// Seconds east of UTC, where the policy says `policy`.
    pub(super) fn offset(self, policy: i32) -> i32 {
        match self {
            Self::East(seconds) => seconds,
            Self::Disputed(seconds) if policy == 0 => seconds,
            Self::Unsaid | Self::Disputed(_) => policy,
        }
    }
}

/// `Z`, `±hh:mm`, `±hhmm` or `±hh` at the start of `input`, and what follows it.
pub(super) fn numeric(input: &[u8]) -> Option<(Zone, &[u8])> {
    let (sign, rest) = match input {
        [b'Z' | b'z', rest @ ..] => return ends(rest).then_some((Zone::East(0), rest)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two_digits(rest)?;
    let (minutes, rest) = match rest {
        [b':', after @ ..] => two_digits(after)?,
        [b'0'..=b'9', ..] => two_digits(rest)?,
        _ => (0, rest),
    };
    let inside = hours < 24 && minutes < 60 && ends(rest);
    inside.then_some((Zone::East(sign * (hours * 3600 + minutes * 60) as i32), rest))
}

/// A zone by its letters, such as `UTC` or `EDT`, or `TZ-6` (RFC 3164 §5.4, example 4), and what
/// follows it.
pub(super) fn lettered(input: &[u8]) -> Option<(Zone, &[u8])> {
    let (word, rest) = input.split_at(word_end(input));
    let word = word.strip_suffix(b":").unwrap_or(word);
    let rest = if input.get(word.len()) == Some(&b':') { &input[word.len()..] } else { rest };
    if let Some(hours) = word.strip_prefix(b"TZ") {
        let (sign, digits) = hours.split_first()?;
        let number = match digits {
            [one @ b'0'..=b'9'] => i32::from(one - b'0'),
            [b'0'..=b'2', b'0'..=b'9'] => two_digits(digits)?.0 as i32,
            _ => return None,
        };
        let sign = match sign {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        return Some((Zone::East(sign * number * 3600), rest));
    }
    let known = NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    known.map(|&(_, zone)| (zone, rest))
}

/// Whether a time may end here.
pub(super) fn ends(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b' ' | b':' | b'\t'))
}

const fn hours(hours: i32) -> Zone {
    Zone::East(hours * 3600)
}

/// RFC 5322 §4.3 for North America; elsewhere those that mean one offset only.
const NAMES: [(&str, Zone); 25] = [
    ("UTC", hours(0)),
    ("GMT", hours(0)),
    ("UT", hours(0)),
    ("Z", hours(0)),
    ("EST", Zone::Disputed(-5 * 3600)),
    ("EDT", hours(-4)),
    ("CST", Zone::Disputed(-6 * 3600)),
    ("CDT", hours(-5)),
    ("MST", Zone::Disputed(-7 * 3600)),
    ("MDT", hours(-6)),
    ("PST", Zone::Disputed(-8 * 3600)),
    ("PDT", hours(-7)),
    ("WET", hours(0)),
    ("WEST", hours(1)),
    ("CET", hours(1)),
    ("CEST", hours(2)),
    ("EET", hours(2)),
    ("EEST", hours(3)),
    ("MSK", hours(3)),
    ("HKT", hours(8)),
    ("JST", hours(9)),
    ("AEST", hours(10)),
    ("AEDT", hours(11)),
    ("NZST", hours(12)),
    ("NZDT", hours(13)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, seconds) in
            [("Z", 0), ("+00:00", 0), ("-0330", -12_600), ("+02", 7200), ("-23:59", -86_340)]
        {
            assert_eq!(numeric(text.as_bytes()), Some((Zone::East(seconds), &b""[..])), "{text}");
        }
        for bad in ["", "+", "+1", "+24:00", "+01:60", "+01:5", "+01:000", "Zulu", "02:00"] {
            assert_eq!(numeric(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn letters() {
        assert_eq!(lettered(b"utc: x"), Some((hours(0), &b": x"[..])));
        assert_eq!(lettered(b"EDT host"), Some((hours(-4), &b" host"[..])));
        assert_eq!(lettered(b"TZ-6 host"), Some((hours(-6), &b" host"[..])));
        assert_eq!(lettered(b"TZ host"), None);
        assert_eq!(lettered(b"mymachine"), None);
        let disputed = lettered(b"CST").unwrap().0;
        assert_eq!((disputed.offset(0), disputed.offset(8 * 3600)), (-6 * 3600, 8 * 3600));
    }
}
