//! A change that stays: evidence of a shifted level summed over values.

use std::hint::select_unpredictable;

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// Which way a series moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Direction {
    /// Above what was expected.
    Up,
    /// Below what was expected.
    Down,
}

impl Direction {
    /// The direction of a residual.
    pub(crate) fn of(residual: f64) -> Self {
        if residual < 0.0 { Self::Down } else { Self::Up }
    }

    /// A residual, positive when it goes this way.
    pub(crate) fn along(self, residual: f64) -> f64 {
        match self {
            Self::Up => residual,
            Self::Down => -residual,
        }
    }

    /// `up` or `down`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Two-sided CUSUM (Page 1954) over normal deviates, each clipped so that no single value
/// decides alone. A shift below one scale leaves no evidence. Of each pair the first is up.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Cusum {
    sums: [f32; 2],
    peaks: [f32; 2],
    residuals: [f32; 2],
    counts: [u32; 2],
    onsets: [UnixNanos; 2],
}

/// The evidence for a shift.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    pub(crate) direction: Direction,
    /// The value the evidence starts with.
    pub(crate) onset: UnixNanos,
    /// Mean residual since the onset, in the unit of the series.
    pub(crate) size: f64,
    /// Evidence over what is needed: one and more is a shift.
    pub(crate) ratio: f32,
}

impl Cusum {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a value: its signed normal deviate and its residual. The stronger side's evidence over
    /// `limit`, what is needed: at one and more there is a [`Cusum::shift`].
    pub(crate) fn observe(
        &mut self,
        at: UnixNanos,
        deviate: f32,
        residual: f64,
        limit: f32,
    ) -> f32 {
        let (residual, most) = (residual as f32, MOST_LIMITS * limit);
        // Multiplied and selected, not branched for: nobody can foretell a noise.
        for (side, deviate) in [deviate, -deviate].into_iter().enumerate() {
            let sum = self.sums[side] + (deviate.clamp(-CLIP, CLIP) - ALLOWANCE);
            let sum = larger(if sum < most { sum } else { most }, 0.0);
            let (peak, goes_on) = (self.peaks[side], u32::from(sum > 0.0));
            // What went before an outweighing deviate was noise: the change begins there.
            let begins = deviate > OUTWEIGHS * peak;
            let (kept, evident) = (f32::from(!begins), goes_on as f32);
            self.sums[side] = sum;
            self.peaks[side] = larger(peak, deviate) * evident;
            self.residuals[side] = (self.residuals[side] * kept + residual) * evident;
            self.counts[side] =
                (self.counts[side] * u32::from(!begins)).saturating_add(1) * goes_on;
            self.onsets[side] = select_unpredictable(begins, at, self.onsets[side]);
        }
        larger(self.sums[0], self.sums[1]) / limit
    }

    /// The shift there is this much evidence for.
    pub(crate) fn shift(&self, ratio: f32) -> Shift {
        let side = usize::from(self.sums[0] < self.sums[1]);
        let direction = if side == 0 { Direction::Up } else { Direction::Down };
        let size = f64::from(self.residuals[side]) / f64::from(self.counts[side].max(1));
        Shift { direction, onset: self.onsets[side], size, ratio }
    }

    /// Forgets all evidence.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Whether restored sums can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = [self.sums, self.peaks, self.residuals];
        numbers.as_flattened().iter().all(|v| learnable(f64::from(*v)))
    }
}

fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The evidence needed for one false shift in `values` independent normal values, by Siegmund's
/// approximation of the run length (1985).
pub(crate) fn limit_for(values: f64) -> f64 {
    let allowance = f64::from(ALLOWANCE);
    let needed = (2.0 * allowance * allowance * values).ln() / (2.0 * allowance) - 1.166;
    needed.clamp(4.0, 12.0)
}

/// Half the shift looked for: two scales.
const ALLOWANCE: f32 = 1.0;
const CLIP: f32 = 4.0;
/// A deviate that many times larger than any before it begins the change.
const OUTWEIGHS: f32 = 2.0;
/// Evidence kept while a shift lasts, in limits.
const MOST_LIMITS: f32 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_onset_the_way_and_the_size() {
        let mut cusum = Cusum::new();
        for i in 0..100 {
            assert!(cusum.observe(UnixNanos::new(i), 0.5, 1.0, 6.0) < 1.0);
        }
        let ratio = (100..110)
            .map(|i| cusum.observe(UnixNanos::new(i), -3.0, -7.0, 6.0))
            .find(|ratio| *ratio >= 1.0)
            .expect("three deviates a value are a shift");
        let shift = cusum.shift(ratio);
        assert_eq!(shift.direction, Direction::Down);
        assert_eq!(shift.onset, UnixNanos::new(100));
        assert_eq!(shift.size, -7.0);
    }

    #[test]
    fn one_value_never_decides() {
        let limit = limit_for(0.0) as f32;
        assert!(Cusum::new().observe(UnixNanos::new(0), 1e9, 1e9, limit) < 1.0);
    }

    #[test]
    fn a_shift_below_one_scale_is_none() {
        let mut cusum = Cusum::new();
        for i in 0..10_000 {
            assert_eq!(cusum.observe(UnixNanos::new(i), 0.99, 0.99, 3.0), 0.0);
        }
    }
}
