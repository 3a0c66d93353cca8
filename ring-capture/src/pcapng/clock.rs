//! The time of an interface's packets: `if_tsresol` and `if_tsoffset` to Unix nanoseconds.

/// How the ticks of one interface count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    tick: Tick,
    offset_ns: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// So many of them make a nanosecond.
    PerNanosecond(u128),
    /// 2^-n seconds.
    Binary(u8),
}

impl Default for Clock {
    /// Microseconds since the epoch, as for an interface that says nothing.
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl Clock {
    /// From the values of the two options: 10^-n seconds, or 2^-n when the highest bit is set, and
    /// the seconds to be added.
    pub(super) fn new(resolution: u8, offset_s: i64) -> Self {
        let exponent = resolution & 0x7f;
        let tick = match (resolution & 0x80 != 0, exponent) {
            (true, _) => Tick::Binary(exponent),
            (false, 0..=9) => Tick::Nanoseconds(10_u64.pow(u32::from(9 - exponent))),
            // 10^39 is past a u128, and past any count of ticks long before.
            (false, _) => Tick::PerNanosecond(10_u128.saturating_pow(u32::from(exponent - 9))),
        };
        Self { tick, offset_ns: i128::from(offset_s) * 1_000_000_000 }
    }

    /// Unix nanoseconds, rounded down; what lies before 1970 is 0, what lies after 2554 is the most
    /// that fits.
    pub(super) fn unix_ns(self, ticks: u64) -> u64 {
        let ns = match self.tick {
            Tick::Nanoseconds(each) => u128::from(ticks) * u128::from(each),
            Tick::PerNanosecond(many) => u128::from(ticks) / many,
            Tick::Binary(exponent) => (u128::from(ticks) * 1_000_000_000) >> exponent,
        };
        (ns as i128 + self.offset_ns).clamp(0, i128::from(u64::MAX)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten() {
        for (resolution, ticks, ns) in [
            (0, 7, 7_000_000_000),
            (3, 7, 7_000_000),
            (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
            (12, 1_999, 1),
            (28, u64::MAX, 1),
            (127, u64::MAX, 0),
        ] {
            assert_eq!(Clock::new(resolution, 0).unix_ns(ticks), ns, "10^-{resolution}");
        }
    }

    #[test]
    fn powers_of_two() {
        for (resolution, ticks, ns) in [
            (0, 3, 3_000_000_000),
            (1, 3, 1_500_000_000),
            (10, 1, 976_562),
            (32, 1 << 31, 500_000_000),
        ] {
            assert_eq!(Clock::new(0x80 | resolution, 0).unix_ns(ticks), ns, "2^-{resolution}");
        }
        assert_eq!(Clock::new(0xff, 0).unix_ns(u64::MAX), 0);
    }

    #[test]
    fn an_offset_moves_and_never_wraps() {
        assert_eq!(Clock::new(9, 2).unix_ns(5), 2_000_000_005);
        assert_eq!(Clock::new(9, -2).unix_ns(2_000_000_005), 5);
        assert_eq!(Clock::new(9, -2).unix_ns(5), 0);
        assert_eq!(Clock::new(0, i64::MAX).unix_ns(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(0, i64::MIN).unix_ns(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(9, i64::MIN).unix_ns(u64::MAX), 0);
    }
}
