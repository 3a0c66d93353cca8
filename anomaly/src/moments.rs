//! Location and scale that one wild value cannot move far.

use crate::finite::{larger, smaller, unfaded};
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// The scale of one-step residuals: a decayed mean of absolute residuals, each clipped at three
/// scales (a Huber-type scale), and the smallest step the series is known to take, which keeps
/// flat and quantised series from having no scale at all.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Scale {
    /// What was expected on average where `spread` was learned.
    place: f64,
    growth: Growth,
    spread: f32,
    step: f32,
}

/// How the size of residuals goes with what was expected: requests scatter more when there are
/// more of them. Slow moments of both.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Growth {
    place: f64,
    variance: f64,
    covariance: f64,
    size: f32,
    /// What a size gains where one more is expected.
    slope: f32,
    /// Residuals seen, counted to the length of the memory.
    seen: u16,
}

impl Growth {
    fn learn(&mut self, place: f64, size: f64) {
        let gain = if self.seen < GROWTH_MEMORY {
            self.seen += 1;
            1.0 / f64::from(self.seen)
        } else {
            GROWTH_GAIN
        };
        let usual = f64::from(self.size);
        let (off, size_off) = (place - self.place, size - usual);
        self.place += gain * off;
        let usual = usual + gain * size_off;
        self.size = usual as f32;
        self.variance = (1.0 - gain) * (self.variance + gain * off * off);
        self.covariance = (1.0 - gain) * (self.covariance + gain * off * size_off);
        // Moves no larger than the noise say nothing.
        let noise = 4.0 * usual;
        self.slope =
            (self.covariance / larger(self.variance + noise * noise, f64::MIN_POSITIVE)) as f32;
    }
}

impl Scale {
    /// Starts over from a first estimate of the scale.
    pub(crate) fn start(&mut self, spread: f64) {
        self.spread = spread as f32;
    }

    /// Takes the present spread for that of this level.
    pub(crate) fn settle(&mut self, level: f64) {
        self.place = level;
    }

    /// Sees how far the value moved from the one before it, before it is judged. The first move
    /// of a series that never moved is an event, but not an infinite one: an eighth of it
    /// becomes the step.
    pub(crate) fn first_move(&mut self, change: f64) {
        if self.step == 0.0 {
            self.step = (change.abs() / FIRST_STEPS) as f32;
        }
    }

    /// Learns from the residual and the move of an ordinary value. `here` is the scale where
    /// `magnitude` was expected, as [`Scale::at`] gives it.
    pub(crate) fn learn(
        &mut self,
        residual: f64,
        change: f64,
        gain: f32,
        magnitude: f64,
        here: f64,
    ) {
        let size = MEAN_TO_SCALE * smaller(residual.abs(), CLIP * here);
        self.growth.learn(magnitude, size);
        self.place += f64::from(gain) * (magnitude - self.place);
        self.spread += gain * (size as f32 - self.spread);
        if change != 0.0 {
            let (moved, most) = (change.abs() as f32, 4.0 * self.step);
            let moved = if moved < most { moved } else { most };
            self.step += STEP_GAIN * (moved - self.step);
        }
    }

    /// Lets go of what faded away.
    pub(crate) fn tidy(&mut self) {
        let Growth { size, variance, covariance, .. } = &mut self.growth;
        for size in [&mut self.spread, &mut *size] {
            *size = unfaded(f64::from(*size)) as f32;
        }
        if *size == 0.0 {
            (*variance, *covariance) = (0.0, 0.0);
        }
    }

    /// The scale where `expected` is expected, floor included.
    pub(crate) fn at(&self, expected: f64) -> f64 {
        let spread = f64::from(self.spread);
        let gained = f64::from(self.growth.slope) * (expected - self.place);
        let gained = smaller(larger(gained, -0.5 * spread), spread);
        larger(spread + gained, self.least(expected))
    }

    fn least(&self, magnitude: f64) -> f64 {
        let least = larger(RESOLUTION * magnitude.abs(), 0.5 * f64::from(self.step));
        larger(least, f64::MIN_POSITIVE)
    }

    /// The scale with the automatic floor: half a step, or what a float can tell apart from
    /// `magnitude`. Always above zero.
    pub(crate) fn floored(&self, magnitude: f64) -> f64 {
        larger(f64::from(self.spread), self.least(magnitude))
    }

    /// Whether a restored scale can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let Growth { place, variance, covariance, size, slope, seen } = self.growth;
        let sizes = [self.spread, self.step, size];
        sizes.iter().all(|v| learnable(f64::from(*v)) && *v >= 0.0)
            && [self.place, place, covariance, f64::from(slope)].iter().all(|v| learnable(*v))
            && learnable(variance)
            && variance >= 0.0
            && seen <= GROWTH_MEMORY
    }
}

/// How much of a residual is left in the next one: lag-one autocorrelation of clipped
/// standardised residuals. Forecasting with it (as Taylor 2003 does for Holt-Winters) leaves
/// errors near independence, which the change detectors need.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Persistence {
    previous: f32,
    /// How far the last value was from the trend, when it was too strange to go on from.
    detour: f32,
    product: f32,
    square: f32,
    /// Lag-one autocorrelation, 0…0.95.
    correlation: f32,
}

impl Persistence {
    /// What the last residual lets expect of this one, `ticks` later.
    pub(crate) fn carry(&self, ticks: f32) -> f64 {
        let kept = self.correlation();
        f64::from(self.previous * if ticks == 1.0 { kept } else { kept.powf(ticks) })
    }

    /// What to add to that when the last, strange value was an innovation of the series and not an
    /// outlier beside it.
    pub(crate) fn detour(&self) -> f64 {
        if self.detour == 0.0 || self.correlation() < REMEMBERS {
            return 0.0;
        }
        f64::from(self.correlation * (self.detour - self.previous))
    }

    /// Learns from an ordinary residual, already clipped by its forecaster. `per_unit` is how many
    /// scales one unit of it is.
    pub(crate) fn learn(&mut self, residual: f64, per_unit: f64, gain: f32) {
        let now = ((residual * per_unit) as f32).clamp(-WANDER, WANDER);
        let before = ((f64::from(self.previous) * per_unit) as f32).clamp(-WANDER, WANDER);
        self.product += gain * (now * before - self.product);
        self.square += gain * (now * now - self.square);
        // The added constant draws a young estimate towards none, and one of residuals far below
        // the scale's floor.
        self.correlation = (self.product / (self.square + 0.02)).clamp(0.0, 0.95);
        self.previous = residual as f32;
        self.detour = 0.0;
    }

    /// Lets go of what faded away.
    pub(crate) fn tidy(&mut self) {
        for number in [&mut self.previous, &mut self.product, &mut self.square] {
            *number = unfaded(f64::from(*number)) as f32;
        }
    }

    /// Carries a residual over without learning from it.
    pub(crate) fn hold(&mut self, residual: f64, detour: f64) {
        self.previous = residual as f32;
        self.detour = detour as f32;
    }

    /// Carries nothing over from a residual that was not ordinary.
    pub(crate) fn interrupt(&mut self, detour: f64) {
        (self.previous, self.detour) = (0.0, detour as f32);
    }

    /// Lag-one autocorrelation, 0…0.95.
    pub(crate) fn correlation(&self) -> f32 {
        self.correlation
    }

    /// Whether a restored state can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = [self.previous, self.product, self.square, self.detour];
        numbers.iter().all(|v| learnable(f64::from(*v)))
            && self.square >= 0.0
            && (0.0..=0.95).contains(&self.correlation)
    }
}

/// Median and scale (median absolute deviation, made consistent for a normal) of a few values;
/// sorts them in place.
///
/// # Panics
/// When there are none.
pub(crate) fn median_and_scale(values: &mut [f64]) -> (f64, f64) {
    let median = median(values);
    for value in values.iter_mut() {
        *value = (*value - median).abs();
    }
    (median, MAD_TO_SCALE * self::median(values))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

/// Mean absolute deviation of a normal is 0.798 of its standard deviation.
const MEAN_TO_SCALE: f64 = 1.253_314;
/// Median absolute deviation of a normal is 0.6745 of its standard deviation.
const MAD_TO_SCALE: f64 = 1.482_602;
/// Residuals past that many scales teach no more than that.
const CLIP: f64 = 3.0;
/// A persistent residual wanders farther than the scale of its innovations.
const WANDER: f32 = 8.0;
/// Correlation from which a strange value may be an innovation that lasts.
const REMEMBERS: f32 = 0.4;
/// Memory of a day and a half at one value a minute.
const GROWTH_MEMORY: u16 = 2048;
const GROWTH_GAIN: f64 = 1.0 / GROWTH_MEMORY as f64;
const FIRST_STEPS: f64 = 8.0;
const STEP_GAIN: f32 = 1.0 / 32.0;
/// Relative float noise of a value that was computed, not measured.
const RESOLUTION: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_moves_the_scale_by_three_scales_at_most() {
        let mut scale = Scale::default();
        scale.start(1.0);
        scale.first_move(1.0);
        let here = scale.at(0.0);
        scale.learn(1e9, 0.0, 0.1, 0.0, here);
        assert!(scale.floored(0.0) <= 0.9 + 0.1 * CLIP * MEAN_TO_SCALE + 1e-6);
    }

    #[test]
    fn a_flat_series_still_has_a_scale() {
        let mut scale = Scale::default();
        scale.start(0.0);
        assert!(scale.floored(5.0) > 0.0);
        scale.first_move(8.0);
        assert_eq!(scale.floored(5.0), 0.5);
    }

    #[test]
    fn persistence_finds_the_correlation() {
        let (mut persistence, mut value, mut seed) = (Persistence::default(), 0.0, 1_u64);
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (seed >> 33) as f64 / f64::from(1_u32 << 31) - 0.5;
            value = 0.7 * value + noise;
            persistence.learn(value, 2.5, 0.001);
        }
        assert!((persistence.correlation() - 0.7).abs() < 0.1, "{}", persistence.correlation());
    }

    #[test]
    fn median_of_even_and_odd() {
        assert_eq!(median_and_scale(&mut [3.0, 1.0, 2.0]).0, 2.0);
        assert_eq!(median_and_scale(&mut [4.0, 1.0, 2.0, 3.0]).0, 2.5);
    }
}
