//! A value that stays the same for longer than this series makes it.

use crate::flatline::Flatline;
use crate::sample::UnixNanos;

/// The run under way, and the longest that ended.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Run {
    flat: Option<Flatline>,
    surprise: f64,
    habit: f64,
}

impl Run {
    /// How strange it is that the value is the same as before, squared, for runs that this series
    /// does not make.
    pub(super) fn strangeness(&mut self, value: f64, young: f64) -> f64 {
        let Some(flat) = &mut self.flat else {
            self.flat = Some(Flatline::new(UnixNanos::new(0), value));
            return 0.0;
        };
        flat.observe(UnixNanos::new(0), value);
        let surprise = flat.surprise();
        flat.learn(SHARE.max(young) as f32);
        self.habit *= HABIT_KEPT;
        if surprise < self.surprise {
            // What a quiet night brings every day is a habit.
            self.habit = self.habit.max(self.surprise);
        }
        self.surprise = surprise;
        if surprise < LEAST.max(2.0 * self.habit) {
            return 0.0;
        }
        (WEIGHT * surprise).min(MOST).powi(2)
    }
}

const SHARE: f64 = 1.0 / 2048.0;
/// Nats of surprise at a run before it counts.
const LEAST: f64 = 20.0;
/// A run is remembered by half after ten thousand values.
const HABIT_KEPT: f64 = 0.999_930_7;
const WEIGHT: f64 = 0.12;
const MOST: f64 = 6.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_long_run_is_strange_and_the_third_a_habit() {
        let mut run = Run::default();
        let mut most = [0.0_f64; 3];
        for i in 0..6_000_u32 {
            let (round, within) = (i / 2_000, i % 2_000);
            let value = if within < 1_900 { f64::from(i % 7) } else { -1.0 };
            let strange = run.strangeness(value, 1.0 / f64::from(i + 1));
            most[round as usize] = most[round as usize].max(strange);
        }
        assert!(most[0] > 20.0 && most[2] == 0.0, "{most:?}");
    }
}
