//! A change that stays: evidence of a shifted level summed over values.

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
/// decides alone. A shift below one scale leaves no evidence.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Cusum {
    up: Side,
    down: Side,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Side {
    onset: UnixNanos,
    sum: f32,
    peak: f32,
    residuals: f32,
    count: u32,
}

/// The evidence for a shift.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    pub(crate) direction: Direction,
    /// The value the evidence starts with.
    pub(crate) onset: UnixNanos,
    /// Mean residual since the onset, in the unit of the series; zero while there is no shift.
    pub(crate) size: f64,
    /// Evidence over what is needed: one and more is a shift.
    pub(crate) ratio: f64,
}

impl Cusum {
    pub(crate) fn new() -> Self {
        Self { up: Side::new(), down: Side::new() }
    }

    /// Adds a value: its signed normal deviate and its residual. The stronger side's evidence.
    pub(crate) fn observe(
        &mut self,
        at: UnixNanos,
        deviate: f64,
        residual: f64,
        limit: f64,
    ) -> Shift {
        self.up.add(at, deviate, residual, limit);
        self.down.add(at, -deviate, residual, limit);
        let (direction, side) = if self.up.sum >= self.down.sum {
            (Direction::Up, &self.up)
        } else {
            (Direction::Down, &self.down)
        };
        let ratio = f64::from(side.sum) / limit;
        let mean = || f64::from(side.residuals) / f64::from(side.count.max(1));
        let size = if ratio >= 1.0 { mean() } else { 0.0 };
        Shift { direction, onset: side.onset, size, ratio }
    }

    /// Forgets all evidence.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Whether restored sums can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        [&self.up, &self.down].iter().all(|side| {
            let sums = [side.sum, side.peak, side.residuals];
            sums.iter().all(|v| learnable(f64::from(*v)))
        })
    }
}

impl Side {
    fn new() -> Self {
        Self { onset: UnixNanos::new(0), sum: 0.0, peak: 0.0, residuals: 0.0, count: 0 }
    }

    fn add(&mut self, at: UnixNanos, deviate: f64, residual: f64, limit: f64) {
        let (deviate, residual, most) =
            (deviate as f32, residual as f32, MOST_LIMITS * limit as f32);
        let sum = self.sum + (deviate.clamp(-CLIP, CLIP) - ALLOWANCE);
        let sum = if sum < most { sum } else { most };
        // What went before was noise: the change begins here.
        let begins = deviate > OUTWEIGHS * self.peak;
        // Selected, not branched for: nobody can foretell it.
        let goes_on = sum > 0.0;
        let peak = if self.peak > deviate { self.peak } else { deviate };
        let residuals = if begins { 0.0 } else { self.residuals } + residual;
        let count = if begins { 0 } else { self.count }.saturating_add(1);
        self.onset = if begins { at } else { self.onset };
        self.sum = if goes_on { sum } else { 0.0 };
        self.peak = if goes_on { peak } else { 0.0 };
        self.residuals = if goes_on { residuals } else { 0.0 };
        self.count = if goes_on { count } else { 0 };
    }
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
            let shift = cusum.observe(UnixNanos::new(i), 0.5, 1.0, 6.0);
            assert!(shift.ratio < 1.0);
        }
        let shift = (100..110)
            .map(|i| cusum.observe(UnixNanos::new(i), -3.0, -7.0, 6.0))
            .find(|shift| shift.ratio >= 1.0)
            .expect("three deviates a value are a shift");
        assert_eq!(shift.direction, Direction::Down);
        assert_eq!(shift.onset, UnixNanos::new(100));
        assert_eq!(shift.size, -7.0);
    }

    #[test]
    fn one_value_never_decides() {
        let shift = Cusum::new().observe(UnixNanos::new(0), 1e9, 1e9, limit_for(0.0));
        assert!(shift.ratio < 1.0);
    }

    #[test]
    fn a_shift_below_one_scale_is_none() {
        let mut cusum = Cusum::new();
        for i in 0..10_000 {
            assert_eq!(cusum.observe(UnixNanos::new(i), 0.99, 0.99, 3.0).ratio, 0.0);
        }
    }
}
