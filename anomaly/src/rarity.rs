//! How strange each value is, as one figure that ranks a whole corpus.
//!
//! Four looks at a value, each turned into a surprise (minus the decimal logarithm of how rarely this series
//! goes so far): its distance from a robust level, the smoothed distance (small but lasting), the roughness of
//! the last few values, and how far it lies outside of everything seen so far. The squares are summed, so that
//! one great surprise outweighs several small ones. What follows a peak is measured against it, and so counts
//! for little until it is surprising in its own right: an episode is one peak and not a plateau.
//!
//! The constants were chosen on the public half of NAB (see the crate's README for what they score there).

/// A streaming score: constant work, a few hundred bytes, no allocation, no look-ahead, no clock.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rarity {
    seen: u64,
    level: f64,
    last: f64,
    /// Mean distance from the level, and mean step from value to value, both without outliers.
    distance: f64,
    step: f64,
    smoothed: f64,
    rough: f64,
    least: f64,
    most: f64,
    tails: [Tail; 3],
    peak: f64,
}

/// Where the logarithm of a ratio usually lies.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Tail {
    seen: u64,
    mean: f64,
    variance: f64,
}

impl Default for Rarity {
    fn default() -> Self {
        Self::new()
    }
}

impl Rarity {
    /// A score that has seen nothing.
    pub fn new() -> Self {
        Self {
            seen: 0,
            level: 0.0,
            last: 0.0,
            distance: 0.0,
            step: 0.0,
            smoothed: 0.0,
            rough: 0.0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            tails: [Tail::default(); 3],
            peak: 0.0,
        }
    }

    /// Takes the next value and says how strange it is: from 0, as ever, towards 1. What is no number is no
    /// value.
    pub fn observe(&mut self, value: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        let value = value.clamp(-MOST, MOST);
        self.seen += 1;
        if self.seen == 1 {
            (self.level, self.last, self.least, self.most) = (value, value, value, value);
            return 0.0;
        }
        let residual = value - self.level;
        if self.seen == 2 {
            self.distance = residual.abs();
        }
        self.follow(value, residual);
        let known = self.most - self.least;
        let beyond = (value - self.most).max(self.least - value).max(0.0);
        (self.least, self.most) = (self.least.min(value), self.most.max(value));
        let looks = [
            (ratio(residual.abs(), self.distance), 1.0),
            (ratio(self.smoothed.abs(), self.distance), LASTING_WEIGHT),
            (ratio(self.rough, self.step), 1.0),
        ];
        let mut strange = 0.0;
        for (tail, (look, weight)) in self.tails.iter_mut().zip(looks) {
            let surprise = tail.surprise(look).min(MOST_SURPRISE);
            tail.learn(look);
            strange += weight * surprise * surprise;
        }
        if beyond > 0.0 && self.seen > WARM {
            let beyond = (RANGE_WEIGHT * beyond / known.max(f64::MIN_POSITIVE)).min(MOST_BEYOND);
            strange += beyond * beyond;
        }
        self.peak *= PEAK_KEPT;
        let standing_out = strange / (1.0 + self.peak);
        self.peak = self.peak.max(strange);
        standing_out / (standing_out + HALF)
    }

    /// The level and the usual distances move on; outliers move them little.
    fn follow(&mut self, value: f64, residual: f64) {
        let share = |usual: f64| usual.max(1.0 / self.seen as f64);
        let (level_share, scale_share) = (share(LEVEL_SHARE), share(SCALE_SHARE));
        let most = CLIP * self.distance;
        self.level += level_share * residual.clamp(-most, most);
        self.distance += scale_share * (residual.abs().min(most) - self.distance);
        // A level that was right to the last bit must not stay so for ever.
        self.distance = self.distance.max(f64::EPSILON * value.abs());
        self.smoothed += SMOOTH_SHARE * (residual - self.smoothed);
        let step = (value - self.last).abs();
        self.last = value;
        self.rough += ROUGH_SHARE * (step - self.rough);
        let most = if self.seen == 2 { step } else { STEP_CLIP * self.step };
        self.step += scale_share * (step.min(most) - self.step);
        self.step = self.step.max(f64::EPSILON * value.abs());
    }
}

/// The logarithm of one more than so many times the usual.
fn ratio(distance: f64, usual: f64) -> f64 {
    if usual > 0.0 { (distance / usual).min(MOST).ln_1p() } else { 0.0 }
}

impl Tail {
    fn surprise(&self, look: f64) -> f64 {
        let deviation = self.variance.sqrt();
        if self.seen < WARM || look <= self.mean {
            return 0.0;
        }
        let z = (look - self.mean) / deviation.max(LEAST_DEVIATION);
        // The normal distribution's upper tail, as a decimal logarithm (Abramowitz and Stegun 26.2.12 for
        // what is far out, a rational bound near the middle).
        (z * z / 2.0 + (1.0 + z * 2.506_628).ln()) / std::f64::consts::LN_10
    }

    fn learn(&mut self, look: f64) {
        let far = self.mean + 6.0 * self.variance.sqrt();
        let look = if self.seen > WARM { look.min(far) } else { look };
        self.seen += 1;
        let share = TAIL_SHARE.max(1.0 / self.seen as f64);
        let off = look - self.mean;
        self.mean += share * off;
        self.variance = (1.0 - share) * (self.variance + share * off * off);
    }
}

/// Values before a look is trusted.
const WARM: u64 = 30;
/// Shares of a value in a memory: 1 − 2^(−1/half-life in values).
const LEVEL_SHARE: f64 = 0.028_468;
const SCALE_SHARE: f64 = 0.000_692_9;
const TAIL_SHARE: f64 = 0.000_346_5;
const SMOOTH_SHARE: f64 = 0.05;
const ROUGH_SHARE: f64 = 0.1;
/// A peak is forgotten by half after 400 values.
const PEAK_KEPT: f64 = 0.998_268_6;
const CLIP: f64 = 4.0;
const STEP_CLIP: f64 = 10.0;
const LASTING_WEIGHT: f64 = 0.7;
const RANGE_WEIGHT: f64 = 200.0;
const MOST_BEYOND: f64 = 10.0;
const MOST_SURPRISE: f64 = 10.0;
const LEAST_DEVIATION: f64 = 1e-6;
/// What scores a half.
const HALF: f64 = 10.0;
/// Keeps squares finite.
const MOST: f64 = 1e150;

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
        assert!(scores[1_000] > 0.8 && scores[1_000] > quiet, "{} {quiet}", scores[1_000]);
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
