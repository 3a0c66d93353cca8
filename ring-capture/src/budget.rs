//! Token buckets by key, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// In the long run, a second.
    pub per_second: f64,
    /// At once, after a pause.
    pub burst: u32,
}

/// A bucket for each key.
#[derive(Debug)]
pub(crate) struct Budgets<K> {
    rate: Rate,
    buckets: HashMap<K, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at_ns: u64,
}

impl<K: Eq + Hash> Budgets<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: HashMap::new() }
    }

    /// Takes a token of this key, if there is one.
    pub(crate) fn take(&mut self, key: K, now_ns: u64) -> bool {
        let rate = self.rate;
        if self.buckets.len() >= MOST_KEYS && !self.buckets.contains_key(&key) {
            // A full bucket is as good as none.
            self.buckets.retain(|_, bucket| bucket.refilled(rate, now_ns) < f64::from(rate.burst));
            if self.buckets.len() >= MOST_KEYS {
                return false;
            }
        }
        let fresh = Bucket { tokens: f64::from(rate.burst), at_ns: now_ns };
        let bucket = self.buckets.entry(key).or_insert(fresh);
        let tokens = bucket.refilled(rate, now_ns);
        let granted = tokens >= 1.0;
        let tokens = if granted { tokens - 1.0 } else { tokens };
        *bucket = Bucket { tokens, at_ns: now_ns.max(bucket.at_ns) };
        granted
    }
}

impl Bucket {
    fn refilled(self, rate: Rate, now_ns: u64) -> f64 {
        let elapsed = now_ns.saturating_sub(self.at_ns) as f64 / 1e9;
        (self.tokens + elapsed * rate.per_second).min(f64::from(rate.burst))
    }
}

/// As many networks as may be in trouble at once; about 128 KiB.
const MOST_KEYS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_then_the_rate() {
        let mut budgets = Budgets::new(Rate { per_second: 2.0, burst: 3 });
        let granted =
            |budgets: &mut Budgets<_>, at| (0..10).filter(|_| budgets.take("a", at)).count();
        assert_eq!(granted(&mut budgets, SECOND), 3);
        assert_eq!(granted(&mut budgets, SECOND), 0);
        assert_eq!(granted(&mut budgets, 2 * SECOND), 2);
        assert_eq!(granted(&mut budgets, 100 * SECOND), 3, "no more than the burst");
        assert!(budgets.take("b", 2 * SECOND), "each key has its own");
        assert!(!budgets.take("a", SECOND), "time that goes back gives nothing");
    }

    #[test]
    fn keys_are_bounded_and_full_buckets_make_room() {
        let mut budgets = Budgets::new(Rate { per_second: 1.0, burst: 1 });
        assert!((0..MOST_KEYS).all(|key| budgets.take(key, SECOND)));
        assert!(!budgets.take(MOST_KEYS, SECOND));
        assert!(budgets.take(MOST_KEYS, 3 * SECOND));
        assert_eq!(budgets.buckets.len(), 1);
    }
}
