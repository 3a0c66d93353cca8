//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waiting times that double from `least` to `most`, each between half and all of itself so that
/// many who failed together do not return together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first. Default 100 ms.
    pub least: Duration,
    /// The longest. Default 30 s.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { least: Duration::from_millis(100), most: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait after `failures` in a row, at least one. `jitter` is a random number.
    pub fn after(&self, failures: u32, jitter: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.least.saturating_mul(1 << doublings).min(self.most);
        whole.mul_f64(0.5 + (jitter >> 11) as f64 / (1_u64 << 54) as f64)
    }
}

/// A number nobody can foresee, good enough for jitter.
pub(super) fn jitter() -> u64 {
    // Each state has keys of its own.
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { least: Duration::from_secs(1), most: Duration::from_secs(10) };
        let waits = [1, 2, 3, 4, 5, u32::MAX].map(|n| backoff.after(n, u64::MAX).as_secs_f64());
        for (wait, expected) in waits.into_iter().zip([1.0, 2.0, 4.0, 8.0, 10.0, 10.0]) {
            assert!((wait - expected).abs() < 1e-6, "{wait} {expected}");
        }
        assert_eq!(backoff.after(1, 0), Duration::from_millis(500));
    }
}
