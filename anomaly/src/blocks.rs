//! What is too slow for single values to show: drifts and changed noise, seen in blocks of values.

use crate::moments::{Persistence, Scale};
use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;
use crate::shift::{Cusum, Direction, Shift};

/// Means and spreads of blocks of 32 values, each against what the blocks before let expect. A
/// block averages noise away by a factor of six, and what is left of short-lived
/// autocorrelation; the blocks' own scale is learned, so that noise which remembers itself asks
/// for larger drifts.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Blocks {
    count: u32,
    noisy: u32,
    since: UnixNanos,
    ended: UnixNanos,
    sum: f64,
    deviations: f64,
    /// Blocks finished since the last start.
    finished: u32,
    level: f64,
    slope: f64,
    scale: Scale,
    persistence: Persistence,
    drift: Cusum,
    /// Where the series was when the evidence for a drift began.
    anchor: Anchor,
    spread: f64,
    spread_scale: f64,
    spread_persistence: Persistence,
    restless: Cusum,
    last_spread: f64,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Anchor {
    at: UnixNanos,
    level: f64,
    slope: f64,
    largest_step: f64,
    previous: f64,
}

/// A slow change found at the end of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Slow {
    /// Another slope; size in the unit of the series per second.
    Drift { onset: UnixNanos, direction: Direction, size: f64, ratio: f64 },
    /// Another noise; size is what the mean deviation gained, in scales.
    Spread { onset: UnixNanos, direction: Direction, size: f64, ratio: f64 },
}

/// The evidence that a drift or another noise needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needed {
    pub(crate) evidence: f64,
    pub(crate) floor: f64,
    /// The smallest change of the mean deviation that matters, in scales.
    pub(crate) deviation: f64,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        let start = UnixNanos::new(0);
        Self {
            count: 0,
            noisy: 0,
            since: start,
            ended: start,
            sum: 0.0,
            deviations: 0.0,
            finished: 0,
            level: 0.0,
            slope: 0.0,
            scale: Scale::default(),
            persistence: Persistence::default(),
            drift: Cusum::new(),
            anchor: Anchor { at: start, level: 0.0, slope: 0.0, largest_step: 0.0, previous: 0.0 },
            spread: 0.0,
            spread_scale: 0.0,
            spread_persistence: Persistence::default(),
            restless: Cusum::new(),
            last_spread: 0.0,
        }
    }

    /// Takes a value without its season and its outliers, and how many scales out it is, if that is
    /// noise. At the end of a block, what it says.
    pub(crate) fn observe(
        &mut self,
        at: UnixNanos,
        value: f64,
        deviation: Option<f64>,
        needed: Needed,
    ) -> Option<Slow> {
        if self.count == 0 {
            self.since = at;
        }
        self.count += 1;
        self.sum += value;
        if let Some(deviation) = deviation {
            self.deviations += deviation.abs().min(FAR);
            self.noisy += 1;
        }
        if self.count < BLOCK {
            return None;
        }
        let mean = self.sum / f64::from(self.count);
        let spread = (self.deviations / f64::from(self.noisy.max(1)) + LEAST_SPREAD).ln();
        let told = 2 * self.noisy >= self.count;
        (self.count, self.noisy, self.sum, self.deviations) = (0, 0, 0.0, 0.0);
        let block_seconds = at.since(self.ended).as_secs_f64().max(1e-9);
        self.ended = at;
        let drift = self.drift(at, mean, block_seconds, needed);
        let restless = if told { self.restless(spread, needed) } else { None };
        self.finished = self.finished.saturating_add(1);
        drift.or(restless)
    }

    /// Starts over from the next block's mean: the series has another level now.
    pub(crate) fn restart(&mut self) {
        let (spread, spread_scale) = (self.spread, self.spread_scale);
        let known = self.finished.min(WARM.saturating_sub(REST));
        *self = Self { scale: self.scale.clone(), spread, spread_scale, ..Self::new() };
        self.finished = known;
        self.anchor.previous = UNKNOWN;
    }

    /// Takes the noise of the last block for the usual one.
    pub(crate) fn adopt_spread(&mut self) {
        self.spread = self.last_spread;
        self.spread_persistence.interrupt(0.0);
        self.restless.reset();
    }

    /// Whether the noise of the last block was as usual.
    pub(crate) fn is_calm(&self) -> bool {
        (self.last_spread - self.spread).abs() < 2.0 * self.spread_scale.max(LEAST_SPREAD_SCALE)
    }

    fn drift(
        &mut self,
        at: UnixNanos,
        mean: f64,
        block_seconds: f64,
        needed: Needed,
    ) -> Option<Slow> {
        if self.finished == 0 || self.anchor.previous == UNKNOWN {
            (self.level, self.slope, self.anchor.previous) = (mean, 0.0, mean);
            return None;
        }
        let seen = f64::from(self.finished);
        let carried = self.persistence.carry(1.0);
        let expected = self.level + self.slope + carried;
        let residual = mean - expected;
        let step = mean - self.anchor.previous;
        self.scale.first_move(step);
        if self.finished == 1 {
            self.scale.start(residual.abs());
        }
        let scale = self.scale.floored(mean).max(needed.floor / FLOOR_SHARE);
        let ready = self.finished >= WARM;
        let shift = if ready {
            self.drift.observe(self.since, residual / scale, residual, needed.evidence)
        } else {
            Shift { direction: Direction::Up, onset: self.since, size: 0.0, ratio: 0.0 }
        };
        if shift.ratio <= 0.0 {
            let (level, slope) = (self.anchor.previous, self.slope);
            self.anchor =
                Anchor { at: self.since, level, slope, largest_step: 0.0, previous: level };
        }
        self.anchor.largest_step = self.anchor.largest_step.max(step.abs());
        self.anchor.previous = mean;
        let young = (2.0 / (seen + 1.0)).max(SCALE_GAIN);
        let clipped = residual.clamp(-CLIP * scale, CLIP * scale);
        self.scale.learn(residual, step, young, mean);
        self.persistence.learn(carried + clipped, scale, young);
        let gained = carried + clipped;
        self.level = self.level + self.slope + LEVEL_GAIN.max(1.0 / (seen + 1.0)) * gained;
        self.slope = SLOPE_KEPT * self.slope + SLOPE_GAIN * gained;
        if shift.ratio < 1.0 {
            return None;
        }
        self.drift.reset();
        let moved = mean - self.anchor.level;
        let seconds = at.since(self.anchor.at).as_secs_f64().max(1e-9);
        // One step that makes up most of the way is a shift, which is looked for elsewhere.
        let stepwise = self.anchor.largest_step > MOST_IN_ONE * moved.abs()
            || Direction::of(moved) != shift.direction;
        let size = moved / seconds - self.anchor.slope / block_seconds;
        (!stepwise).then_some(Slow::Drift {
            onset: shift.onset,
            direction: shift.direction,
            size,
            ratio: shift.ratio,
        })
    }

    fn restless(&mut self, spread: f64, needed: Needed) -> Option<Slow> {
        self.last_spread = spread;
        let seen = f64::from(self.finished);
        if self.finished == 0 {
            self.spread = spread;
            return None;
        }
        let usual = self.spread;
        let carried = self.spread_persistence.carry(1.0);
        let off = spread - usual - carried;
        let scale = self.spread_scale.max(LEAST_SPREAD_SCALE);
        let ready = self.finished >= WARM;
        let young = (1.0 / (seen + 1.0)).max(SPREAD_GAIN);
        let shift = if ready {
            self.restless.observe(self.since, off / scale, off, needed.evidence)
        } else {
            Shift { direction: Direction::Up, onset: self.since, size: 0.0, ratio: 0.0 }
        };
        let clipped = if ready { off.clamp(-CLIP * scale, CLIP * scale) } else { off };
        self.spread_persistence.learn(carried + clipped, scale, young);
        self.spread += young * (carried + clipped);
        self.spread_scale += young * (1.2533 * clipped.abs() - self.spread_scale);
        if shift.ratio < 1.0 {
            return None;
        }
        self.restless.reset();
        let size = spread.exp() - usual.exp();
        let matters = size.abs() > needed.deviation && shift.size.abs() >= LEAST_CHANGE;
        matters.then_some(Slow::Spread {
            onset: shift.onset,
            direction: shift.direction,
            size,
            ratio: shift.ratio,
        })
    }

    /// Whether restored blocks can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = [self.sum, self.deviations, self.level, self.slope, self.spread];
        self.count < BLOCK
            && self.noisy <= self.count
            && self.spread_scale >= 0.0
            && self.deviations >= 0.0
            && numbers.iter().chain([&self.spread_scale, &self.last_spread]).all(|v| learnable(*v))
            && [self.anchor.level, self.anchor.slope].iter().all(|v| learnable(*v))
            && self.scale.is_sound()
            && self.persistence.is_sound()
            && self.spread_persistence.is_sound()
            && self.drift.is_sound()
            && self.restless.is_sound()
    }
}

const BLOCK: u32 = 32;
/// Blocks that make a scale before anything is said, and those to wait after a shift.
const WARM: u32 = 12;
const REST: u32 = 4;
/// Deviations past that many scales count as that many.
const FAR: f64 = 8.0;
const CLIP: f64 = 3.0;
const LEVEL_GAIN: f64 = 0.25;
const SLOPE_GAIN: f64 = 0.05;
const SLOPE_KEPT: f64 = 0.95;
const SCALE_GAIN: f64 = 1.0 / 64.0;
const SPREAD_GAIN: f64 = 1.0 / 64.0;
/// A drift must move a block by that share of the smallest change that matters.
const FLOOR_SHARE: f64 = 4.0;
/// What no block's mean can be.
const UNKNOWN: f64 = f64::MAX;
const MOST_IN_ONE: f64 = 0.6;
/// Keeps the logarithm of no spread finite.
const LEAST_SPREAD: f64 = 1e-3;
/// Mean deviations of 32 normal values differ by a tenth.
const LEAST_SPREAD_SCALE: f64 = 0.1;
/// Noise half as large again, or two thirds, is worth saying.
const LEAST_CHANGE: f64 = 0.4;

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Needed = Needed { evidence: 5.0, floor: 0.0, deviation: 0.0 };

    fn noise(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((*state >> 40) as f64 / (1 << 24) as f64 - 0.5) * 3.464
    }

    /// Slow changes of a series with one value a second.
    fn watch(length: i64, change: impl Fn(i64, f64) -> f64) -> Vec<Slow> {
        let (mut blocks, mut state) = (Blocks::new(), 9);
        (0..length)
            .filter_map(|i| {
                let plain = noise(&mut state);
                let value = change(i, plain);
                let at = UnixNanos::new(i * 1_000_000_000);
                // A step is soon expected: then it is no deviation.
                let deviation = if (value - plain - 4.0).abs() < 1e-9 { plain } else { value };
                blocks.observe(at, value, Some(deviation), NEEDED)
            })
            .collect()
    }

    #[test]
    fn steady_noise_is_steady() {
        assert_eq!(watch(20_000, |_, noise| 5.0 + noise), []);
    }

    #[test]
    fn a_drift_too_slow_for_single_values_is_seen() {
        let ramp = |i: i64, noise: f64| noise + 0.02 * (i - 6_400).max(0) as f64;
        let found = watch(7_400, ramp);
        let Some(Slow::Drift { onset, direction, size, .. }) = found.first() else {
            panic!("{found:?}")
        };
        let onset = onset.as_nanos() / 1_000_000_000;
        assert!((6_000..6_500).contains(&onset), "{onset}");
        assert_eq!(*direction, Direction::Up);
        assert!((0.003..0.03).contains(size), "{size}");
    }

    #[test]
    fn a_step_is_no_drift() {
        let found = watch(7_400, |i, noise| noise + if i >= 6_400 { 4.0 } else { 0.0 });
        assert_eq!(found, []);
    }

    #[test]
    fn other_noise_is_told_both_ways() {
        for (factor, way) in [(3.0, Direction::Up), (0.2, Direction::Down)] {
            let found = watch(7_400, |i, noise| noise * if i >= 6_400 { factor } else { 1.0 });
            let Some(Slow::Spread { direction, size, .. }) = found.first() else {
                panic!("{factor}: {found:?}")
            };
            assert_eq!(*direction, way);
            // Uniform noise deviates by 0.87 of its standard deviation on average.
            let gained = 0.87 * (factor - 1.0);
            assert!((size / gained - 1.0).abs() < 0.3, "{size} {gained}");
        }
    }
}
