//! Times to live: whole seconds, as RFC 2181 §8 reads them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// Seconds for which a record may be kept: `0..=2³¹−1` (RFC 2181 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

impl Ttl {
    /// Use once, keep nothing.
    pub const ZERO: Ttl = Ttl(0);
    /// The largest value the wire can carry: 2³¹ − 1 seconds.
    pub const MAX: Ttl = Ttl(0x7fff_ffff);
    /// One minute.
    pub const MINUTE: Ttl = Ttl(60);
    /// One hour.
    pub const HOUR: Ttl = Ttl(3_600);
    /// One day.
    pub const DAY: Ttl = Ttl(86_400);

    /// A number of seconds; anything above [`Ttl::MAX`] becomes it.
    pub const fn from_secs(secs: u32) -> Ttl {
        if secs > Ttl::MAX.0 { Ttl::MAX } else { Ttl(secs) }
    }

    /// The field as it stands in a message: a value with the top bit set counts as zero
    /// (RFC 2181 §8). RFC 8767 would read it as very long and cap it; between the two, not keeping what
    /// nobody sends in earnest is the safe side.
    pub const fn from_wire(field: u32) -> Ttl {
        if field > Ttl::MAX.0 { Ttl::ZERO } else { Ttl(field) }
    }

    /// Whole seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// The same as a [`Duration`].
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    /// What is left after `age`; fractions of a second of age do not count, and never below zero.
    #[must_use]
    pub fn after(self, age: Duration) -> Ttl {
        Ttl(u32::try_from(age.as_secs()).map_or(0, |age| self.0.saturating_sub(age)))
    }

    /// Held between `least` and `most`; `most` wins when they cross.
    #[must_use]
    pub fn clamp_between(self, least: Ttl, most: Ttl) -> Ttl {
        self.max(least).min(most)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// Why a text is not a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TtlError {
    /// Neither digits nor digits with one of the units `s m h d w`.
    #[error("not a time to live: write seconds, or digits with s, m, h, d or w as in 1h30m")]
    Syntax,
    /// Above 2³¹ − 1 seconds (RFC 2181 §8).
    #[error("a time to live above 2147483647 seconds")]
    Overflow,
}

impl TtlError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            TtlError::Syntax => "syntax",
            TtlError::Overflow => "overflow",
        }
    }
}

impl FromStr for Ttl {
    type Err = TtlError;

    /// Seconds (`3600`) or the units every server's master files use (`1h30m`, `2W`).
    fn from_str(text: &str) -> Result<Ttl, TtlError> {
        let (mut total, mut number) = (0u64, None::<u64>);
        for c in text.bytes() {
            if c.is_ascii_digit() {
                let grown = number.unwrap_or(0) * 10 + u64::from(c - b'0');
                if grown > u64::from(Ttl::MAX.0) {
                    return Err(TtlError::Overflow);
                }
                number = Some(grown);
                continue;
            }
            let unit = match c.to_ascii_lowercase() {
                b's' => 1,
                b'm' => 60,
                b'h' => 3_600,
                b'd' => 86_400,
                b'w' => 604_800,
                _ => return Err(TtlError::Syntax),
            };
            total += number.take().ok_or(TtlError::Syntax)? * unit;
            if total > u64::from(Ttl::MAX.0) {
                return Err(TtlError::Overflow);
            }
        }
        if text.is_empty() {
            return Err(TtlError::Syntax);
        }
        match u32::try_from(total + number.unwrap_or(0)) {
            Ok(secs) if secs <= Ttl::MAX.0 => Ok(Ttl(secs)),
            _ => Err(TtlError::Overflow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_top_bit_counts_as_zero_on_the_wire() {
        assert_eq!(Ttl::from_wire(0x8000_0000), Ttl::ZERO);
        assert_eq!(Ttl::from_wire(0x7fff_ffff), Ttl::MAX);
        assert_eq!(Ttl::from_secs(u32::MAX), Ttl::MAX);
    }

    #[test]
    fn ages_by_whole_seconds_and_stops_at_zero() {
        let ttl = Ttl::from_secs(10);
        assert_eq!(ttl.after(Duration::from_millis(999)), ttl);
        assert_eq!(ttl.after(Duration::from_millis(1_001)), Ttl::from_secs(9));
        assert_eq!(ttl.after(Duration::from_secs(u64::MAX)), Ttl::ZERO);
    }

    #[test]
    fn reads_seconds_and_units() {
        assert_eq!("3600".parse(), Ok(Ttl::HOUR));
        assert_eq!("1h30m".parse(), Ok(Ttl::from_secs(5_400)));
        assert_eq!("2W".parse(), Ok(Ttl::from_secs(1_209_600)));
        assert_eq!("1m1".parse(), Ok(Ttl::from_secs(61)));
        for (text, why) in [
            ("", TtlError::Syntax),
            ("h", TtlError::Syntax),
            ("1hh", TtlError::Syntax),
            ("-1", TtlError::Syntax),
            ("2147483648", TtlError::Overflow),
            ("99999999999999999999", TtlError::Overflow),
            ("4000w", TtlError::Overflow),
        ] {
            assert_eq!(text.parse::<Ttl>(), Err(why), "{text}");
        }
    }
}
