//! Zones behind a time of day: numbers, and the letters people write.

use super::bytes::{short_number, two_digits};

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
/// follows it. RFC 5322 §4.3 defines those of North America; of the others, those that mean one
/// offset only.
pub(super) fn lettered(input: &[u8]) -> Option<(Zone, &[u8])> {
    if let Some(hours) = input.strip_prefix(b"TZ") {
        return signed_hours(hours);
    }
    let length = input.iter().take(5).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (word, rest) = input.split_at(length);
    if !ends(rest) {
        return None;
    }
    let zone = match *word {
        [a, b, c] => match &[a, b, c].map(|letter| letter.to_ascii_uppercase()) {
            b"UTC" | b"GMT" | b"WET" => hours(0),
            b"EST" => disputed(-5),
            b"EDT" => hours(-4),
            b"CST" => disputed(-6),
            b"CDT" => hours(-5),
            b"MST" => disputed(-7),
            b"MDT" => hours(-6),
            b"PST" => disputed(-8),
            b"PDT" => hours(-7),
            b"CET" => hours(1),
            b"EET" => hours(2),
            b"MSK" => hours(3),
            b"HKT" => hours(8),
            b"JST" => hours(9),
            _ => return None,
        },
        [a, b, c, d] => match &[a, b, c, d].map(|letter| letter.to_ascii_uppercase()) {
            b"WEST" => hours(1),
            b"CEST" => hours(2),
            b"EEST" => hours(3),
            b"AEST" => hours(10),
            b"AEDT" => hours(11),
            b"NZST" => hours(12),
            b"NZDT" => hours(13),
            _ => return None,
        },
        _ => return None,
    };
    Some((zone, rest))
}

/// `-6` or `+10`.
fn signed_hours(input: &[u8]) -> Option<(Zone, &[u8])> {
    let (sign, rest) = match input {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (number, rest) = short_number(rest)?;
    (number < 24 && ends(rest)).then_some((hours(sign * number as i32), rest))
}

/// Whether a time may end here.
pub(super) fn ends(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b' ' | b':' | b'\t'))
}

fn hours(hours: i32) -> Zone {
    Zone::East(hours * 3600)
}

fn disputed(hours: i32) -> Zone {
    Zone::Disputed(hours * 3600)
}

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
