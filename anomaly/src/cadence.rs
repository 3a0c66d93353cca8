//! When samples come: their usual spacing, and those that come late or twice.

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
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Cadence {
    last_value: Option<UnixNanos>,
    spacing: f64,
    intervals: u32,
}

impl Cadence {
    /// Places a sample, missing or not, against the last value.
    pub(crate) fn arrival(&self, at: UnixNanos) -> Arrival {
        match self.last_value {
            Some(last) if at == last => Arrival::Duplicate,
            Some(last) if at < last => Arrival::Late,
            _ => Arrival::InOrder,
        }
    }

    /// Takes the instant of a value: seconds since the value before it, none for the first.
    /// One gap moves the usual spacing by little: it counts as two spacings at most.
    pub(crate) fn value_at(&mut self, at: UnixNanos) -> Option<f64> {
        let previous = self.last_value.replace(at)?;
        let seconds = at.since(previous).as_secs_f64().max(1e-9);
        self.intervals = self.intervals.saturating_add(1);
        if self.intervals == 1 {
            self.spacing = seconds;
        } else {
            let gain = (1.0 / f64::from(self.intervals)).max(1.0 / LONGEST_MEMORY);
            self.spacing += gain * (seconds.min(2.0 * self.spacing) - self.spacing);
        }
        Some(seconds)
    }

    /// The instant of the last value.
    pub(crate) fn last_value(&self) -> Option<UnixNanos> {
        self.last_value
    }

    /// Usual seconds between values; one second until two have been seen.
    pub(crate) fn spacing(&self) -> f64 {
        if self.intervals == 0 { 1.0 } else { self.spacing }
    }

    /// How many values a week brings.
    pub(crate) fn per_week(&self) -> f64 {
        7.0 * 86_400.0 / self.spacing()
    }

    /// Whether a restored cadence can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        learnable(self.spacing) && (self.intervals == 0 || self.spacing > 0.0)
    }
}

const LONGEST_MEMORY: f64 = 64.0;

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
