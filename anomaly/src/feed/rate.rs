//! From counters to rates.

use crate::sample::UnixNanos;

/// A counter as it was read last. What a reset swallowed is lost; what came since is counted, as
/// Prometheus counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counter {
    last: Option<(UnixNanos, f64)>,
}

impl Counter {
    /// Reads it again: the increase per second since it was read before. `None` the first time,
    /// when no time has passed, and when the value is no count.
    pub fn rate(&mut self, at: UnixNanos, value: f64) -> Option<f64> {
        if !(0.0..f64::INFINITY).contains(&value) {
            return None;
        }
        let Some((before, had)) = self.last else {
            self.last = Some((at, value));
            return None;
        };
        let seconds = at.since(before).as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        self.last = Some((at, value));
        Some(increase(had, value) / seconds)
    }
}

/// What a counter went up by.
pub(super) fn increase(had: f64, has: f64) -> f64 {
    if has >= had { has - had } else { has }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_no_dip() {
        let mut counter = Counter::default();
        let mut read =
            |second: i64, value| counter.rate(UnixNanos::new(second * 1_000_000_000), value);
        assert_eq!(read(0, 100.0), None);
        assert_eq!(read(10, 150.0), Some(5.0));
        assert_eq!(read(20, 30.0), Some(3.0), "restarted, thirty since");
        assert_eq!(read(20, 40.0), None, "the same instant");
        assert_eq!(read(15, 40.0), None, "earlier");
        assert_eq!([f64::NAN, f64::INFINITY, -1.0].map(|v| read(30, v)), [None; 3]);
        assert_eq!(read(40, 50.0), Some(1.0));
    }
}
