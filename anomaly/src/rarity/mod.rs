//! How strange each value is, as one figure that ranks a whole corpus.
//!
//! Four looks at a value, each turned into a surprise (minus the decimal logarithm of how rarely
//! this series goes so far): the smoothed distance from a robust level, the distance from the same
//! time of day before, that together with the distance from a short-term forecast, and how new the
//! succession of movements is. The squares are summed with how far the value lies outside of
//! everything seen so far, as far as it stays there, and how long it has been the same, so that one
//! great surprise outweighs several small ones. What follows a peak is measured against it: an
//! episode is one peak and not a plateau.
//!
//! Where the constants come from is in the crate's README, with what they score.

#[cfg(feature = "serde")]
mod table;
mod usual;
mod surprise;
mod range;
mod run;
mod near;
mod day;
mod context;

use crate::sample::{Sample, UnixNanos};

use context::Context;
use day::Day;
use near::Near;
use range::Range;
use run::Run;
use surprise::Surprise;
use usual::{Quantum, Usual};

/// A streaming score: constant work, five kilobytes, no allocation after the first, no
/// look-ahead, no clock.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rarity {
    seen: u64,
    last: f64,
    quantum: Quantum,
    level: f64,
    distance: Usual,
    smoothed: f64,
    step: Usual,
    near: Near,
    day: Day,
    context: Context,
    range: Range,
    run: Run,
    surprises: [Surprise; 4],
    peak: f64,
}

/// What the looks at a value have in common.
struct Glance {
    at: Option<UnixNanos>,
    value: f64,
    moved: f64,
    /// The least that counts as a distance.
    floor: f64,
    /// Share of this value in a mean of a few days.
    share: f64,
    /// Share of this value in a mean of all.
    young: f64,
}

impl Default for Rarity {
    fn default() -> Self {
        Self::new()
    }
}

impl Rarity {
    /// A score that has seen nothing. Allocates.
    pub fn new() -> Self {
        Self {
            seen: 0,
            last: 0.0,
            quantum: Quantum::default(),
            level: 0.0,
            distance: Usual::default(),
            smoothed: 0.0,
            step: Usual::default(),
            near: Near::default(),
            day: Day::new(),
            context: Context::new(),
            range: Range::default(),
            run: Run::default(),
            surprises: [Surprise::default(); 4],
            peak: 0.0,
        }
    }

    /// Takes the next value, of which nobody knows when it was taken, and says how strange it is:
    /// from 0, as ever, towards 1. What is no number is no value. Without an instant there is no
    /// time of day: two of the four looks see less.
    pub fn observe(&mut self, value: f64) -> f64 {
        self.take(None, value)
    }

    /// Takes the next value with its instant and says how strange it is: from 0, as ever, towards
    /// 1. What is no number is no value.
    pub fn observe_at(&mut self, at: UnixNanos, value: f64) -> f64 {
        self.take(Some(at), value)
    }

    fn take(&mut self, at: Option<UnixNanos>, value: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        let value = value.clamp(-Sample::MOST, Sample::MOST);
        self.seen += 1;
        if self.seen == 1 {
            (self.level, self.last) = (value, value);
            self.near = Near::new(value);
            self.range = Range::new(value);
            self.run.strangeness(value, 1.0);
            return 0.0;
        }
        let moved = value - self.last;
        self.last = value;
        self.quantum.learn(moved.abs());
        let young = 1.0 / self.seen as f64;
        let share = SCALE_SHARE.max(young);
        let floor = self.quantum.floor(value);
        let looks = self.look(&Glance { at, value, moved, floor, share, young });
        let mut surprises = [0.0; 4];
        for ((surprise, own), look) in surprises.iter_mut().zip(&mut self.surprises).zip(looks) {
            *surprise = look.map_or(0.0, |look| own.of(look));
        }
        let lasting = surprises[0];
        let beyond = self.range.beyond(value, lasting);
        let stuck = self.run.strangeness(value, young);
        let mut strange = if self.seen > WARM { beyond + stuck } else { 0.0 };
        for (surprise, weight) in surprises.iter().zip(WEIGHTS) {
            strange += weight * surprise * surprise;
        }
        self.peak *= PEAK_KEPT;
        let standing_out = strange / (1.0 + PEAK_WEIGHT * self.peak);
        self.peak = self.peak.max(strange);
        standing_out / (standing_out + HALF)
    }

    fn look(&mut self, glance: &Glance) -> [Option<f64>; 4] {
        let Glance { at, value, moved, floor, share, young } = *glance;
        let restless = at.map_or(1.0, |at| self.day.restlessness(at));
        // Where it is against a slow level.
        let residual = value - self.level;
        let most = CLIP * self.distance.or(floor);
        self.level += LEVEL_SHARE.max(young) * residual.clamp(-most, most);
        self.distance.learn(residual.abs(), most, share);
        let usual = self.distance.or(floor);
        let farthest = FARTHEST * usual;
        self.smoothed += SMOOTH_SHARE * (residual.clamp(-farthest, farthest) - self.smoothed);
        let lasting = self.smoothed.abs() / usual / restless;
        // How it moves.
        self.step.learn(moved.abs(), STEP_CLIP * self.step.or(floor), share);
        let steps = moved / self.step.or(floor);
        let novelty = (self.seen > YOUNG).then(|| self.context.novelty(residual / usual, steps));
        // Against what the last few let expect, and the same time of the days before.
        let near = self.near.look(value, floor, share, restless);
        if let Some(at) = at {
            self.day.stir(at, near.magnitude, young);
        }
        let daily = at.map(|at| (self.day.distance(at, value, floor, share) / restless).ln_1p());
        let near = near.distance.ln_1p();
        let both = daily.map_or(near, |daily| (near * daily).sqrt());
        [Some(lasting.ln_1p()), daily, Some(both), novelty]
    }
}

/// Values before what is outside of all of them counts.
const WARM: u64 = 100;
/// Values whose usual distances are their own.
const YOUNG: u64 = 8;
/// Shares of a value in a memory: 1 − 2^(−1/half-life in values).
const LEVEL_SHARE: f64 = 0.0167;
const SCALE_SHARE: f64 = 0.000_3;
const SMOOTH_SHARE: f64 = 0.11;
/// A peak is forgotten by half after 34 values.
const PEAK_KEPT: f64 = 0.98;
const PEAK_WEIGHT: f64 = 0.05;
const CLIP: f64 = 2.5;
const STEP_CLIP: f64 = 10.0;
const FARTHEST: f64 = 30.0;
/// Of the looks, in their order.
const WEIGHTS: [f64; 4] = [0.75, 0.25, 0.1, 0.15];
/// What scores a half.
const HALF: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise without a pattern, by a linear congruence.
    fn noise(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 40) as f64 / (1 << 24) as f64 - 0.5
    }

    fn scores(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut rarity = Rarity::new();
        values.into_iter().map(|value| rarity.observe(value)).collect()
    }

    #[test]
    fn a_spike_and_a_shift_stand_out_once() {
        let mut state = 7;
        let mut values: Vec<f64> = (0..3_000).map(|_| 10.0 + noise(&mut state)).collect();
        values[1_000] += 30.0;
        values[2_000..].iter_mut().for_each(|value| *value += 8.0);
        let scores = scores(values);
        let quiet = scores[200..1_000].iter().copied().fold(0.0, f64::max);
        assert!(scores[1_000] > 0.7 && scores[1_000] > quiet, "{} {quiet}", scores[1_000]);
        let shift = scores[2_000..2_020].iter().copied().fold(0.0, f64::max);
        let between = scores[1_100..2_000].iter().copied().fold(0.0, f64::max);
        assert!(shift > 3.0 * between, "{shift} {between}");
        let after = scores[2_100..].iter().copied().fold(0.0, f64::max);
        assert!(after < shift, "the new level is soon as ever: {after} {shift}");
    }

    #[test]
    fn records_of_noise_rank_below_what_happened() {
        let mut state = 11;
        // The sum of three: tails, so that new records come for long.
        let mut values: Vec<f64> = (0..20_000)
            .map(|_| (noise(&mut state) + noise(&mut state) + noise(&mut state)) * 2.0 + 50.0)
            .collect();
        values[12_000..12_030].iter_mut().for_each(|value| *value -= 8.0);
        values[16_000] += 12.0;
        let scores = scores(values);
        let most = |from: usize, to: usize| scores[from..to].iter().copied().fold(0.0, f64::max);
        let quiet = most(100, 12_000);
        assert!(most(12_000, 12_030) > 4.0 * quiet, "{} {quiet}", most(12_000, 12_030));
        assert!(most(16_000, 16_001) > 2.0 * quiet, "{} {quiet}", most(16_000, 16_001));
    }

    #[test]
    fn unit_and_offset_do_not_matter() {
        let values = |scale: f64, offset: f64| {
            let mut state = 3;
            (0..2_000).map(move |i| {
                let jump = if i == 1_500 { 9.0 } else { 0.0 };
                (noise(&mut state) + jump) * scale + offset
            })
        };
        let plain = scores(values(1.0, 0.0));
        for (scale, offset) in [(1_024.0, 0.0), (-1.0, 0.0), (1.0, 64.0)] {
            for (a, b) in plain.iter().zip(scores(values(scale, offset))) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }
    }

    #[test]
    fn nothing_makes_it_infinite() {
        let mut state = 1;
        let wild = [0.0, f64::NAN, f64::MAX, f64::MIN, f64::INFINITY, 1e-300, 5.0];
        for score in scores((0..10_000).map(|i| wild[i % 7] * (1.0 + noise(&mut state)))) {
            assert!((0.0..=1.0).contains(&score), "{score}");
        }
        assert!(scores([4.0; 1_000]).iter().all(|score| *score == 0.0));
    }
}
