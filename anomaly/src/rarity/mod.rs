//! How strange each value is, as one figure that ranks a whole corpus.
//!
//! Five looks at a value, each turned into a surprise (minus the decimal logarithm of how rarely
//! this series goes so far): the smoothed distance from a robust level, the roughness of the last
//! values, the distance from the same time of day before, that together with the distance from a
//! short-term forecast, and how new the succession of movements is. The squares are summed with
//! how far the value lies outside of everything seen so far, and how long it has been the same, so that one great surprise outweighs
//! several small ones. What follows a peak is measured against it: an episode is one peak and not a
//! plateau.
//!
//! Where the constants come from is in the crate's README, with what they score.

mod usual;
mod surprise;
mod day;
mod context;

use crate::flatline::Flatline;
use crate::sample::{Sample, UnixNanos};

use context::Context;
use day::Day;
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
    rough: f64,
    /// Robust Holt: a fast level and its slope.
    near: f64,
    slope: f64,
    near_distance: Usual,
    day: Day,
    context: Context,
    least: f64,
    most: f64,
    surprises: [Surprise; 5],
    flat: Option<Flatline>,
    /// Surprise of the run under way, and of the longest one that ended.
    run: f64,
    habit: f64,
    peak: f64,
    unrest: f64,
}

/// What the looks at a value have in common.
struct Glance {
    at: Option<UnixNanos>,
    value: f64,
    moved: f64,
    floor: f64,
    /// Share of this value in a mean of a few days.
    share: f64,
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
            rough: 0.0,
            near: 0.0,
            slope: 0.0,
            near_distance: Usual::default(),
            day: Day::new(),
            context: Context::new(),
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            surprises: [Surprise::default(); 5],
            flat: None,
            run: 0.0,
            habit: 0.0,
            peak: 0.0,
            unrest: 0.0,
        }
    }

    /// Takes the next value, of which nobody knows when it was taken, and says how strange it is:
    /// from 0, as ever, towards 1. What is no number is no value. Without an instant there is no
    /// time of day: two of the five looks are not taken.
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
            (self.level, self.near, self.last) = (value, value, value);
            (self.least, self.most) = (value, value);
            return 0.0;
        }
        let moved = value - self.last;
        self.last = value;
        self.quantum.learn(moved.abs());
        let floor = self.quantum.floor(value);
        let share = SCALE_SHARE.max(1.0 / self.seen as f64);
        let glance = Glance { at, value, moved, floor, share };
        let looks = self.look(&glance);
        let mut strange = self.beyond(value) + self.stuck(at, value);
        for ((surprise, look), weight) in self.surprises.iter_mut().zip(looks).zip(WEIGHTS) {
            strange += look.map_or(0.0, |look| weight * surprise.of(look).powi(2));
        }
        // A peak is held against what follows for long where nothing else happens, and soon
        // forgotten where much does.
        self.unrest += UNREST_SHARE * (strange.min(MOST_UNREST) - self.unrest);
        self.peak *= if self.unrest < CALM { PEAK_KEPT_IN_CALM } else { PEAK_KEPT };
        let standing_out = strange / (1.0 + PEAK_WEIGHT * self.peak);
        self.peak = self.peak.max(strange);
        standing_out / (standing_out + HALF)
    }

    fn look(&mut self, glance: &Glance) -> [Option<f64>; 5] {
        let Glance { at, value, moved, floor, share } = *glance;
        let restless = at.map_or(1.0, |at| self.day.restlessness(at));
        // Where it is against a slow level.
        let residual = value - self.level;
        let usual = self.distance.or(floor);
        let most = CLIP * usual;
        let level_share = LEVEL_SHARE.max(1.0 / self.seen as f64);
        self.level += level_share * residual.clamp(-most, most);
        self.distance.learn(residual.abs(), most, share);
        let usual = self.distance.or(floor);
        let place = residual / usual;
        let farthest = FARTHEST * usual;
        self.smoothed += SMOOTH_SHARE * (residual.clamp(-farthest, farthest) - self.smoothed);
        let lasting = self.smoothed.abs() / usual / restless;
        // How it moves.
        self.rough += ROUGH_SHARE * (moved.abs() - self.rough);
        let usual_step = self.step.or(floor);
        let rough = self.rough / usual_step;
        self.step.learn(moved.abs(), STEP_CLIP * usual_step, share);
        let usual_step = self.step.or(floor);
        let novelty = (self.seen > YOUNG).then(|| self.context.novelty(place, moved / usual_step));
        let near = self.forecast(glance, restless);
        let daily = at.map(|at| self.day.distance(at, value, floor, share));
        [
            Some(lasting.ln_1p()),
            Some(rough.ln_1p()),
            daily.map(|daily| (daily / restless).ln_1p()),
            daily.map(|daily| (near.ln_1p() * daily.ln_1p()).sqrt()),
            novelty,
        ]
    }

    /// How many usual distances the value is from what the last few let expect.
    fn forecast(&mut self, glance: &Glance, restless: f64) -> f64 {
        let Glance { at, value, floor, share, .. } = *glance;
        let expected = self.near + self.slope;
        let residual = value - expected;
        let usual = self.near_distance.or(floor);
        let most = CLIP * usual;
        let distance = residual.abs() / (self.near_distance.or(0.0) * restless).max(floor);
        if let Some(at) = at {
            self.day.stir(at, residual.abs().min(4.0 * usual), 1.0 / self.seen as f64);
        }
        self.near_distance.learn(residual.abs(), most, share);
        let clipped = residual.clamp(-most, most);
        self.near = expected + NEAR_SHARE * clipped;
        self.slope = (1.0 - SLOPE_SHARE) * self.slope + SLOPE_SHARE * NEAR_SHARE * clipped;
        distance
    }

    /// How strange it is that the value is the same as before, squared, for runs that this series
    /// does not make.
    fn stuck(&mut self, at: Option<UnixNanos>, value: f64) -> f64 {
        let at = at.unwrap_or(UnixNanos::new(0));
        let flat = self.flat.get_or_insert_with(|| Flatline::new(at, value));
        flat.observe(at, value);
        let surprise = flat.surprise();
        flat.learn((1.0 / self.seen as f64).max(FLAT_SHARE) as f32);
        self.habit *= HABIT_KEPT;
        if surprise < self.run {
            // What a quiet night brings every day is a habit.
            self.habit = self.habit.max(self.run);
        }
        self.run = surprise;
        if surprise < LEAST_FLAT.max(2.0 * self.habit) || self.seen <= WARM {
            return 0.0;
        }
        (FLAT_WEIGHT * surprise).min(MOST_FLAT).powi(2)
    }

    /// How far the value is outside of everything seen so far, squared.
    fn beyond(&mut self, value: f64) -> f64 {
        let known = self.most - self.least;
        let beyond = (value - self.most).max(self.least - value).max(0.0);
        (self.least, self.most) = (self.least.min(value), self.most.max(value));
        if beyond == 0.0 || self.seen <= WARM {
            return 0.0;
        }
        (RANGE_WEIGHT * beyond / known.max(f64::MIN_POSITIVE)).min(MOST_BEYOND).powi(2)
    }
}

/// Values before what is outside of all of them counts.
const WARM: u64 = 100;
/// Values whose usual distances are their own.
const YOUNG: u64 = 8;
/// Shares of a value in a memory: 1 − 2^(−1/half-life in values).
const LEVEL_SHARE: f64 = 0.01656;
const SCALE_SHARE: f64 = 0.000_161;
const SMOOTH_SHARE: f64 = 0.109;
const ROUGH_SHARE: f64 = 0.03;
const NEAR_SHARE: f64 = 0.33;
const SLOPE_SHARE: f64 = 0.03;
/// A peak is forgotten by half after 31 values, or after 400.
const PEAK_KEPT: f64 = 0.9781;
const PEAK_KEPT_IN_CALM: f64 = 0.998_268;
/// Strangeness on average, up to which a series is calm.
const CALM: f64 = 0.876;
const UNREST_SHARE: f64 = 0.02;
const MOST_UNREST: f64 = 20.0;
const PEAK_WEIGHT: f64 = 0.0964;
const CLIP: f64 = 2.07;
const STEP_CLIP: f64 = 10.0;
const FARTHEST: f64 = 29.0;
/// Of the looks, in their order.
const WEIGHTS: [f64; 5] = [0.756, 1.04, 0.225, 0.083, 0.229];
const FLAT_SHARE: f64 = 1.0 / 2048.0;
/// Nats of surprise at a run before it counts.
const LEAST_FLAT: f64 = 20.0;
/// A run is remembered by half after ten thousand values.
const HABIT_KEPT: f64 = 0.999_930_7;
const FLAT_WEIGHT: f64 = 0.1;
const MOST_FLAT: f64 = 8.0;
const RANGE_WEIGHT: f64 = 159.0;
const MOST_BEYOND: f64 = 12.0;
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
