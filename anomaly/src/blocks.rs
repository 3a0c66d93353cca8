//! What is too slow for single values to show: drifts and changed noise, seen in blocks of values.

use crate::finite::larger;
use crate::moments::{Persistence, Scale};
use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;
use crate::shift::{Cusum, Direction};

/// Means and spreads of blocks of 32 values, each against what the blocks before let expect. A
/// block averages noise away by a factor of six, and what is left of short-lived
/// autocorrelation; the blocks' own scale is learned, so that noise which remembers itself asks
/// for larger drifts.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Blocks {
    since: UnixNanos,
    sum: f64,
    deviations: f32,
    count: u8,
    noisy: u8,
}

/// What blocks are usually like: touched at the end of each, not by every value.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Habits {
    ended: UnixNanos,
    level: f64,
    slope: f64,
    /// Where the series was when the evidence for a drift began.
    anchor: Anchor,
    scale: Scale,
    drift: Cusum,
    restless: Cusum,
    persistence: Persistence,
    spread_persistence: Persistence,
    spread: f32,
    spread_scale: f32,
    last_spread: f32,
    /// Blocks finished since the last start, counted to where nothing depends on it.
    finished: u16,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Anchor {
    at: UnixNanos,
    level: f64,
    previous: f64,
    slope: f32,
    largest_step: f32,
}

/// A block that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    since: UnixNanos,
    ended: UnixNanos,
    mean: f64,
    /// Logarithm of the mean deviation, when enough of the values told.
    spread: Option<f64>,
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
    pub(crate) evidence: f32,
    pub(crate) floor: f64,
    /// The smallest change of the mean deviation that matters, in scales.
    pub(crate) deviation: f64,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self { since: UnixNanos::new(0), sum: 0.0, deviations: 0.0, count: 0, noisy: 0 }
    }

    /// Takes a value without its season and its outliers, and how many scales out it is, if that is
    /// noise. True when the block is full.
    pub(crate) fn add(&mut self, at: UnixNanos, value: f64, deviation: Option<f32>) -> bool {
        if self.count == 0 {
            self.since = at;
        }
        self.count += 1;
        self.sum += value;
        if let Some(deviation) = deviation {
            self.deviations += deviation.abs().min(FAR);
            self.noisy += 1;
        }
        self.count >= BLOCK
    }

    /// Ends the block with the value at this instant, and begins another.
    pub(crate) fn end(&mut self, at: UnixNanos) -> Block {
        let Self { since, sum, deviations, count, noisy } = std::mem::replace(self, Self::new());
        let deviation = f64::from(deviations) / f64::from(noisy.max(1));
        let spread = (2 * noisy >= count).then(|| (deviation + LEAST_SPREAD).ln());
        Block { since, ended: at, mean: sum / f64::from(count), spread }
    }

    /// Whether a restored block can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.count < BLOCK
            && self.noisy <= self.count
            && learnable(self.sum)
            && (0.0..=1e3).contains(&self.deviations)
    }
}

impl Habits {
    pub(crate) fn new() -> Self {
        let start = UnixNanos::new(0);
        Self {
            ended: start,
            level: 0.0,
            slope: 0.0,
            anchor: Anchor { at: start, level: 0.0, previous: 0.0, slope: 0.0, largest_step: 0.0 },
            scale: Scale::default(),
            drift: Cusum::new(),
            restless: Cusum::new(),
            persistence: Persistence::default(),
            spread_persistence: Persistence::default(),
            spread: 0.0,
            spread_scale: 0.0,
            last_spread: 0.0,
            finished: 0,
        }
    }

    /// Takes a block, and says what it shows.
    pub(crate) fn observe(&mut self, block: &Block, needed: Needed) -> Option<Slow> {
        let seconds = larger(block.ended.seconds_since(self.ended), 1e-9);
        self.ended = block.ended;
        let drift = self.drift(block, seconds, needed);
        let restless = block.spread.and_then(|spread| self.restless(block.since, spread, needed));
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
        let off = f64::from(self.last_spread - self.spread);
        off.abs() < 2.0 * larger(f64::from(self.spread_scale), LEAST_SPREAD_SCALE)
    }

    fn drift(&mut self, block: &Block, block_seconds: f64, needed: Needed) -> Option<Slow> {
        let Block { since, ended: at, mean, .. } = *block;
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
        let ratio = if ready {
            self.drift.observe(since, (residual / scale) as f32, residual, needed.evidence)
        } else {
            0.0
        };
        if ratio <= 0.0 {
            let (level, slope) = (self.anchor.previous, self.slope as f32);
            self.anchor = Anchor { at: since, level, previous: level, slope, largest_step: 0.0 };
        }
        self.anchor.largest_step = self.anchor.largest_step.max(step.abs() as f32);
        self.anchor.previous = mean;
        let young = (2.0 / (seen + 1.0)).max(SCALE_GAIN);
        let clipped = residual.clamp(-CLIP * scale, CLIP * scale);
        let here = self.scale.at(mean);
        self.scale.learn(residual, step, young as f32, mean, here);
        self.persistence.learn(carried + clipped, 1.0 / scale, young as f32);
        let gained = carried + clipped;
        self.level = self.level + self.slope + LEVEL_GAIN.max(1.0 / (seen + 1.0)) * gained;
        self.slope = SLOPE_KEPT * self.slope + SLOPE_GAIN * gained;
        if ratio < 1.0 {
            return None;
        }
        let shift = self.drift.shift(ratio);
        self.drift.reset();
        let moved = mean - self.anchor.level;
        let seconds = larger(at.seconds_since(self.anchor.at), 1e-9);
        // One step that makes up most of the way is a shift, which is looked for elsewhere.
        let stepwise = f64::from(self.anchor.largest_step) > MOST_IN_ONE * moved.abs()
            || Direction::of(moved) != shift.direction;
        let size = moved / seconds - f64::from(self.anchor.slope) / block_seconds;
        (!stepwise).then_some(Slow::Drift {
            onset: shift.onset,
            direction: shift.direction,
            size,
            ratio: shift.ratio.into(),
        })
    }

    fn restless(&mut self, since: UnixNanos, spread: f64, needed: Needed) -> Option<Slow> {
        self.last_spread = spread as f32;
        let seen = f64::from(self.finished);
        if self.finished == 0 {
            self.spread = spread as f32;
            return None;
        }
        let (usual, usual_scale) = (f64::from(self.spread), f64::from(self.spread_scale));
        let carried = self.spread_persistence.carry(1.0);
        let off = spread - usual - carried;
        let scale = larger(usual_scale, LEAST_SPREAD_SCALE);
        let ready = self.finished >= WARM;
        let young = (1.0 / (seen + 1.0)).max(SPREAD_GAIN);
        let ratio = if ready {
            self.restless.observe(since, (off / scale) as f32, off, needed.evidence)
        } else {
            0.0
        };
        let clipped = if ready { off.clamp(-CLIP * scale, CLIP * scale) } else { off };
        self.spread_persistence.learn(carried + clipped, 1.0 / scale, young as f32);
        self.spread = (usual + young * (carried + clipped)) as f32;
        self.spread_scale = (usual_scale + young * (1.2533 * clipped.abs() - usual_scale)) as f32;
        if ratio < 1.0 {
            return None;
        }
        let shift = self.restless.shift(ratio);
        self.restless.reset();
        let size = spread.exp() - usual.exp();
        let matters = size.abs() > needed.deviation && shift.size.abs() >= LEAST_CHANGE;
        matters.then_some(Slow::Spread {
            onset: shift.onset,
            direction: shift.direction,
            size,
            ratio: shift.ratio.into(),
        })
    }

    /// Whether restored habits can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let Anchor { level, slope, largest_step, .. } = self.anchor;
        let spreads = [self.spread, self.spread_scale, self.last_spread, slope, largest_step];
        spreads.iter().all(|v| learnable(f64::from(*v)))
            && [self.level, self.slope, level].iter().all(|v| learnable(*v))
            && self.spread_scale >= 0.0
            && self.scale.is_sound()
            && self.persistence.is_sound()
            && self.spread_persistence.is_sound()
            && self.drift.is_sound()
            && self.restless.is_sound()
    }
}

const BLOCK: u8 = 32;
/// Blocks that make a scale before anything is said, and those to wait after a shift.
const WARM: u16 = 12;
const REST: u16 = 4;
/// Deviations past that many scales count as that many.
const FAR: f32 = 8.0;
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
        let (mut blocks, mut habits, mut state) = (Blocks::new(), Habits::new(), 9);
        (0..length)
            .filter_map(|i| {
                let plain = noise(&mut state);
                let value = change(i, plain);
                let at = UnixNanos::new(i * 1_000_000_000);
                // A step is soon expected: then it is no deviation.
                let deviation = if (value - plain - 4.0).abs() < 1e-9 { plain } else { value };
                let full = blocks.add(at, value, Some(deviation as f32));
                full.then(|| habits.observe(&blocks.end(at), NEEDED)).flatten()
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
