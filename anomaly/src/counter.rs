//! Counters as rates: what grows until its process starts over.

use crate::sample::{Sample, UnixNanos};

/// Turns the samples of a counter into its rate per second. A counter that fell was reset: what it
/// counted since then is its value, so the rate is the least that can have been. The first sample,
/// and one that is late, a duplicate or missing, has no rate.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counter {
    last: Option<(UnixNanos, f64)>,
    resets: u64,
}

impl Counter {
    /// A counter not read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rate at the sample's instant, missing when there is none. Never negative.
    pub fn rate(&mut self, sample: Sample) -> Sample {
        let Sample { at, .. } = sample;
        let Some(count) = sample.present().filter(|count| *count >= 0.0) else {
            return Sample::missing(at);
        };
        let Some((before, counted)) = self.last else {
            self.last = Some((at, count));
            return Sample::missing(at);
        };
        let seconds = at.since(before).as_secs_f64();
        if seconds <= 0.0 {
            return Sample::missing(at);
        }
        self.last = Some((at, count));
        let fell = count < counted;
        self.resets += u64::from(fell);
        Sample::new(at, if fell { count } else { count - counted } / seconds)
    }

    /// How often it started over.
    pub fn resets(&self) -> u64 {
        self.resets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(samples: &[(i64, f64)]) -> (Vec<f64>, u64) {
        let mut counter = Counter::new();
        let at = |second: i64| UnixNanos::new(second * 1_000_000_000);
        let rates = samples.iter().map(|&(s, v)| counter.rate(Sample::new(at(s), v)).value);
        (rates.collect(), counter.resets())
    }

    #[test]
    fn a_reset_counts_from_nothing() {
        let (rates, resets) = rates(&[(0, 100.0), (10, 200.0), (20, 50.0), (30, 80.0)]);
        assert!(rates[0].is_nan());
        assert_eq!((&rates[1..], resets), ([10.0, 5.0, 3.0].as_slice(), 1));
    }

    #[test]
    fn late_duplicate_and_missing_readings_have_no_rate() {
        let (rates, resets) = rates(&[
            (0, 1.0),
            (10, 2.0),
            (10, 9.0),
            (5, 1.5),
            (20, f64::NAN),
            (20, 4.0),
            (30, -1.0),
        ]);
        let there: Vec<bool> = rates.iter().map(|rate| !rate.is_nan()).collect();
        assert_eq!(there, [false, true, false, false, false, true, false]);
        assert_eq!((rates[5], resets), (0.2, 0));
    }
}
