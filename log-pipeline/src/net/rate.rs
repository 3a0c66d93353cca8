//! How fast one source may send: a bucket each, in bounded memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second in the long run, at least one.
    pub per_second: u32,
    /// Messages at once after a pause, at least one.
    pub burst: u32,
}

/// The buckets of a listener. Sources are addresses, of IPv6 the first 64 bits: whoever has one
/// address of such a network has them all. A bucket is one number, the time at which it is full
/// again (GCRA, ITU-T I.371); full buckets need no memory.
#[derive(Debug)]
pub(super) struct Buckets {
    rate: Rate,
    full_at_ns: HashMap<IpAddr, u64>,
}

impl Buckets {
    pub(super) fn new(rate: Rate) -> Self {
        let rate = Rate { per_second: rate.per_second.max(1), burst: rate.burst.max(1) };
        Self { rate, full_at_ns: HashMap::new() }
    }

    /// Takes `count` messages of `source` off its bucket, into debt if need be, and says how long
    /// until it is out of debt.
    pub(super) fn charge(&mut self, now_ns: u64, source: IpAddr, count: u64) -> Duration {
        let (cost, most) = (count.saturating_mul(self.cost_ns()), self.most_ns());
        let full_at = self.bucket(now_ns, source);
        *full_at = (*full_at).max(now_ns).saturating_add(cost);
        Duration::from_nanos((*full_at - now_ns).saturating_sub(most))
    }

    /// Takes one message if the bucket has it.
    pub(super) fn take(&mut self, now_ns: u64, source: IpAddr) -> bool {
        let (cost, most) = (self.cost_ns(), self.most_ns());
        let full_at = self.bucket(now_ns, source);
        let after = (*full_at).max(now_ns) + cost;
        let fits = after - now_ns <= most;
        if fits {
            *full_at = after;
        }
        fits
    }

    fn cost_ns(&self) -> u64 {
        1_000_000_000 / u64::from(self.rate.per_second)
    }

    fn most_ns(&self) -> u64 {
        self.cost_ns() * u64::from(self.rate.burst)
    }

    fn bucket(&mut self, now_ns: u64, source: IpAddr) -> &mut u64 {
        let mut key = source_of(source);
        if self.full_at_ns.len() >= MOST_SOURCES && !self.full_at_ns.contains_key(&key) {
            self.full_at_ns.retain(|_, full_at| *full_at > now_ns);
            if self.full_at_ns.len() >= MOST_SOURCES {
                // Too many at a time: those that come late share one.
                key = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        self.full_at_ns.entry(key).or_insert(now_ns)
    }
}

fn source_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

const MOST_SOURCES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_burst_passes_then_the_rate() {
        let mut buckets = Buckets::new(Rate { per_second: 10, burst: 5 });
        let mut passed = |now| (0..100).filter(|_| buckets.take(now, v4(1))).count();
        assert_eq!(passed(SECOND), 5);
        assert_eq!(passed(SECOND), 0);
        assert_eq!(passed(SECOND + SECOND / 5), 2);
        assert_eq!(passed(9 * SECOND), 5);
    }

    #[test]
    fn debt_is_waited_for() {
        let mut buckets = Buckets::new(Rate { per_second: 10, burst: 5 });
        assert_eq!(buckets.charge(0, v4(1), 5), Duration::ZERO);
        assert_eq!(buckets.charge(0, v4(1), 10), Duration::from_secs(1));
        assert_eq!(buckets.charge(0, v4(2), 1), Duration::ZERO, "another source");
    }

    #[test]
    fn memory_is_bounded_and_a_network_is_one_source() {
        let mut buckets = Buckets::new(Rate { per_second: 1, burst: 1 });
        for number in 0..2 * MOST_SOURCES as u32 {
            buckets.take(1, v4(number));
        }
        assert!(buckets.full_at_ns.len() <= MOST_SOURCES + 1);
        assert!(!buckets.take(1, v4(u32::MAX)), "late comers share a bucket");
        assert!(buckets.take(3 * SECOND, v4(u32::MAX)));
        let (one, other) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        assert!(buckets.take(9 * SECOND, one) && !buckets.take(9 * SECOND, other));
    }
}
