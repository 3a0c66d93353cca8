//! A series that stopped moving.

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// Runs of exactly equal values, against how often the series repeats a value anyway.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Flatline {
    value: f64,
    since: UnixNanos,
    run: u32,
    repeats: f32,
}

impl Flatline {
    pub(crate) fn new(at: UnixNanos, value: f64) -> Self {
        Self { value, since: at, run: 0, repeats: FIRST_GUESS }
    }

    /// Takes the next value: how far it moved from the one before.
    pub(crate) fn observe(&mut self, at: UnixNanos, value: f64) -> f64 {
        let change = value - self.value;
        if change == 0.0 {
            self.run = self.run.saturating_add(1);
        } else {
            (self.value, self.since, self.run) = (value, at, 0);
        }
        change
    }

    /// Learns from an ordinary value whether this series repeats itself.
    pub(crate) fn learn(&mut self, gain: f32) {
        let repeated = if self.run > 0 { 1.0 } else { 0.0 };
        self.repeats = (self.repeats + gain * (repeated - self.repeats)).max(LEAST_REPEATS);
    }

    /// Surprise of the run so far, in nats; zero until it is long enough to speak of.
    pub(crate) fn surprise(&self) -> f64 {
        if self.run < LEAST_RUN {
            return 0.0;
        }
        f64::from(self.run) * -f64::from(self.repeats).clamp(1e-3, 1.0).ln()
    }

    /// When the value was first seen.
    pub(crate) fn since(&self) -> UnixNanos {
        self.since
    }

    /// Takes a lasting run for the new habit.
    pub(crate) fn adopt(&mut self) {
        self.repeats = 1.0;
    }

    /// Whether a restored run can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        learnable(self.value) && (0.0..=1.0).contains(&self.repeats)
    }
}

const LEAST_RUN: u32 = 8;
/// Rarer than that cannot be learned, nor does it matter.
const LEAST_REPEATS: f32 = 1e-6;
const FIRST_GUESS: f32 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl Iterator<Item = f64>) -> Flatline {
        let mut flat = Flatline::new(UnixNanos::new(0), -1.0);
        for (i, value) in values.enumerate() {
            flat.observe(UnixNanos::new(i as i64), value);
            flat.learn(0.01);
        }
        flat
    }

    #[test]
    fn a_run_surprises_only_a_series_that_moves() {
        let moving = after((0..500).map(f64::from).chain([7.0; 12]));
        let quantised = after((0..500).map(|i| f64::from(i / 10)).chain([7.0; 12]));
        let constant = after(std::iter::repeat_n(7.0, 2_000));
        assert!(moving.surprise() > 15.0, "{}", moving.surprise());
        assert!(quantised.surprise() < 5.0, "{}", quantised.surprise());
        assert!(constant.surprise() < 0.1, "{}", constant.surprise());
        assert_eq!(moving.since(), UnixNanos::new(500));
    }
}
