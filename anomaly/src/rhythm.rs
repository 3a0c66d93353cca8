//! Whether the season is still what it was: the last period against the learned profile.

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// How much of the learned season the values of the last whole period show: 1 when it is as ever, 0
/// when it is gone, below when it is upside down. It is the slope of a regression of the values on
/// the season, kept for quarters of a period, so that a change shows within one.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Rhythm {
    quarter: u8,
    current: Sums,
    past: [Sums; 3],
    began: [Option<UnixNanos>; 4],
    /// Judged quarters, and what they showed.
    seen: u32,
    mean: f64,
    spread: f64,
    /// Variance that the season usually leaves.
    usual_left: f64,
}

#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Sums {
    count: f64,
    season: f64,
    value: f64,
    product: f64,
    square: f64,
    value_square: f64,
}

/// The season is not what it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rewritten {
    /// Where the quarter that showed it begins.
    pub(crate) onset: UnixNanos,
    /// The share of the season that is left, less one.
    pub(crate) change: f64,
    /// Typical deviation of the season from its mean, in the unit of the series.
    pub(crate) amplitude: f64,
    /// Evidence over what is needed.
    pub(crate) ratio: f64,
}

impl Rhythm {
    /// Takes a value and the season's part of what was expected of it, `phase` of the way through
    /// the period. `value` is measured from anywhere fixed. At the end of a quarter, what it says.
    pub(crate) fn observe(
        &mut self,
        at: UnixNanos,
        phase: f64,
        value: f64,
        season: f64,
        scale: f64,
    ) -> Option<Rewritten> {
        let quarter = (phase * 4.0) as u8 % 4;
        let mut said = None;
        if self.began[0].is_none() {
            self.began[0] = Some(at);
            self.quarter = quarter;
        } else if quarter != self.quarter {
            said = self.turn(scale);
            self.past.rotate_right(1);
            self.began.rotate_right(1);
            self.past[0] = self.current;
            self.current = Sums::default();
            self.began[0] = Some(at);
            self.quarter = quarter;
        }
        self.current.add(value, season);
        said
    }

    /// Learns the season's present habits from the start.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    fn turn(&mut self, scale: f64) -> Option<Rewritten> {
        let onset = self.began[0]?;
        self.began[3]?;
        let mut all = self.current;
        self.past.iter().for_each(|sums| all.join(sums));
        let (shown, amplitude) = all.shown()?;
        self.seen = self.seen.saturating_add(1);
        let off = shown - self.mean;
        let usual = self.spread.max(LEAST_SPREAD);
        let needed = MANY_SPREADS * usual + LEAST_CHANGE;
        let visible = off.abs() * amplitude > VISIBLE * scale;
        if self.seen > WARM && off.abs() >= needed && visible && self.is_all_over(&all) {
            let ratio = off.abs() / needed;
            return Some(Rewritten { onset, change: off, amplitude, ratio });
        }
        // What may be the beginning of a change must not make it look usual.
        let off = if self.seen > WARM { off.clamp(-TRUSTED * usual, TRUSTED * usual) } else { off };
        let gain = (1.0 / f64::from(self.seen)).max(GAIN);
        let left = all.left(self.mean);
        let most = if self.seen > WARM { TRUSTED * self.usual_left } else { f64::INFINITY };
        self.usual_left += gain * (left.min(most) - self.usual_left);
        self.mean += gain * off;
        if self.seen > 1 {
            self.spread += gain * (off.abs() - self.spread);
        }
        None
    }

    /// Whether no half of the period is as ever: what an incident of some hours leaves is.
    fn is_all_over(&self, all: &Sums) -> bool {
        let [first, second, third] = self.past;
        let quarters = [self.current, first, second, third];
        let least = SHARE * (all.left(self.mean) - self.usual_left);
        (0..4).all(|at| {
            let mut half = quarters[at];
            half.join(&quarters[(at + 1) % 4]);
            half.left(self.mean) - self.usual_left >= least
        })
    }

    /// Whether a restored rhythm can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let own = [self.mean, self.spread, self.usual_left];
        self.quarter < 4 && own.iter().all(|v| learnable(*v))
    }
}

impl Sums {
    fn add(&mut self, value: f64, season: f64) {
        self.count += 1.0;
        self.season += season;
        self.value += value;
        self.product += value * season;
        self.square += season * season;
        self.value_square += value * value;
    }

    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.season += other.season;
        self.value += other.value;
        self.product += other.product;
        self.square += other.square;
        self.value_square += other.value_square;
    }

    /// The variance that so much of the season leaves.
    fn left(&self, share: f64) -> f64 {
        let (season, value) = (self.season / self.count, self.value / self.count);
        let of_season = self.square / self.count - season * season;
        let of_value = self.value_square / self.count - value * value;
        let both = self.product / self.count - season * value;
        let left = of_value - share * (2.0 * both - share * of_season);
        if left.is_finite() { left.max(0.0) } else { 0.0 }
    }

    /// Share of the season in the values, and the season's deviation.
    fn shown(&self) -> Option<(f64, f64)> {
        let (season, value) = (self.season / self.count, self.value / self.count);
        let variance = self.square / self.count - season * season;
        let shown = (self.product / self.count - season * value) / variance;
        (self.count >= LEAST_VALUES && variance > 0.0 && shown.is_finite())
            .then(|| (shown, variance.sqrt()))
    }
}

/// Quarters that make a habit before anything is said.
const WARM: u32 = 6;
const LEAST_VALUES: f64 = 16.0;
const GAIN: f64 = 1.0 / 16.0;
const MANY_SPREADS: f64 = 5.0;
/// In scales, the least that a change makes of the usual deviation of the season.
const VISIBLE: f64 = 0.35;
/// How much of what the season leaves unexplained must be in each half of the period: of a wave that
/// moved it is a fifth.
const SHARE: f64 = 0.05;
/// Spreads off that teach.
const TRUSTED: f64 = 2.0;
const LEAST_SPREAD: f64 = 0.01;
/// A tenth of the season more or less is no news.
const LEAST_CHANGE: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a wave whose height in each period of 100 values is given.
    fn watch(heights: &[f64]) -> Vec<(usize, f64)> {
        let mut rhythm = Rhythm::default();
        (0..heights.len() * 100)
            .filter_map(|i| {
                let phase = (i % 100) as f64 / 100.0;
                let season = (phase * std::f64::consts::TAU).sin();
                let (at, value) = (UnixNanos::new(i as i64), 50.0 + heights[i / 100] * season);
                let said = rhythm.observe(at, phase, value, season, 0.1)?;
                rhythm.restart();
                Some((i, said.change))
            })
            .collect()
    }

    #[test]
    fn half_the_season_is_told_and_the_same_is_not() {
        assert_eq!(watch(&[1.0; 12]), []);
        let mut heights = [1.0; 12];
        heights[8..].fill(0.5);
        let said = watch(&heights);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!((800..910).contains(&said[0].0), "{said:?}");
        assert!(said[0].1 < -0.1);
    }

    #[test]
    fn growth_of_the_level_is_no_change_of_season() {
        let mut rhythm = Rhythm::default();
        for i in 0..2_000 {
            let phase = f64::from(i % 100) / 100.0;
            let season = (phase * std::f64::consts::TAU).sin();
            let value = 0.001 * f64::from(i) + season;
            assert_eq!(rhythm.observe(UnixNanos::new(i.into()), phase, value, season, 0.1), None);
        }
    }
}
