//! When samples come: their usual spacing, and those that come late or twice.

use crate::finite::{larger, smaller};
use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// What the instant of a sample says about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrival {
    /// Later than every value before.
    InOrder,
    /// The instant of the last value.
    Duplicate,
    /// Before the last value.
    Late,
}

/// The usual spacing of the values of a series.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Cadence {
    last: UnixNanos,
    /// Usual seconds between values; one until two have been seen.
    spacing: f64,
    /// Nanoseconds to the next value that change nothing; zero for none.
    pace: i64,
    /// Values taken, counted to the length of the memory.
    values: u8,
}

impl Default for Cadence {
    fn default() -> Self {
        Self { last: UnixNanos::new(0), spacing: 1.0, pace: 0, values: 0 }
    }
}

impl Cadence {
    /// Places a sample, missing or not, against the last value.
    pub(crate) fn arrival(&self, at: UnixNanos) -> Arrival {
        if at > self.last || self.values == 0 {
            Arrival::InOrder
        } else if at == self.last {
            Arrival::Duplicate
        } else {
            Arrival::Late
        }
    }

    /// Takes the instant of a value that comes as regularly as those before it. False, and not
    /// taken, when it does not.
    pub(crate) fn keeps_pace(&mut self, at: UnixNanos) -> bool {
        let since = at.as_nanos().wrapping_sub(self.last.as_nanos());
        let keeps = self.pace != 0 && since == self.pace;
        self.last = if keeps { at } else { self.last };
        keeps
    }

    /// Takes the instant of a value: seconds since the value before it, none for the first.
    /// One gap moves the usual spacing by little: it counts as two spacings at most.
    pub(crate) fn value_at(&mut self, at: UnixNanos) -> Option<f64> {
        let previous = std::mem::replace(&mut self.last, at);
        let intervals = self.values;
        self.values = (intervals + 1).min(LONGEST_MEMORY + 1);
        if intervals == 0 {
            return None;
        }
        let seconds = larger(at.seconds_since(previous), 1e-9);
        self.pace = 0;
        if (seconds - self.spacing).abs() <= SAME * seconds {
            self.pace = at.as_nanos().saturating_sub(previous.as_nanos());
            self.spacing = seconds;
        } else if intervals == 1 {
            self.spacing = seconds;
        } else {
            let gain = 1.0 / f64::from(intervals.min(LONGEST_MEMORY));
            self.spacing += gain * (smaller(seconds, 2.0 * self.spacing) - self.spacing);
        }
        Some(seconds)
    }

    /// The instant of the last value.
    pub(crate) fn last_value(&self) -> Option<UnixNanos> {
        (self.values > 0).then_some(self.last)
    }

    /// Usual seconds between values; one second until two have been seen.
    pub(crate) fn spacing(&self) -> f64 {
        self.spacing
    }

    /// Whether a restored cadence can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        learnable(self.spacing) && self.spacing > 0.0 && self.values <= LONGEST_MEMORY + 1
    }
}

/// Intervals that the usual spacing is a mean of.
const LONGEST_MEMORY: u8 = 64;
/// Closer than that a spacing is the usual one.
const SAME: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gap_hardly_moves_the_spacing() {
        let mut cadence = Cadence::default();
        let second = 1_000_000_000;
        for i in 0..100 {
            cadence.value_at(UnixNanos::new(i * second));
        }
        assert_eq!(cadence.spacing(), 1.0);
        cadence.value_at(UnixNanos::new(100_000 * second));
        assert!((1.0..1.02).contains(&cadence.spacing()));
    }

    #[test]
    fn late_and_duplicate_are_told_apart() {
        let mut cadence = Cadence::default();
        assert_eq!(cadence.arrival(UnixNanos::new(5)), Arrival::InOrder);
        cadence.value_at(UnixNanos::new(5));
        assert_eq!(cadence.arrival(UnixNanos::new(5)), Arrival::Duplicate);
        assert_eq!(cadence.arrival(UnixNanos::new(4)), Arrival::Late);
        assert_eq!(cadence.arrival(UnixNanos::new(6)), Arrival::InOrder);
    }
}
