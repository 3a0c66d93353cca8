//! Forgetting by half-life, in time rather than in observations, so that a gap or a burst of
//! samples weighs what it should.

#[cfg(feature = "serde")]
use crate::sample::learnable;
use std::time::Duration;

/// How long a memory lasts: the age at which an observation counts half.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Span {
    /// That many times the usual spacing of the series, whatever the spacing turns out to be.
    Samples(f64),
    /// A fixed time.
    Time(Duration),
}

impl Span {
    /// The span in ticks, one tick being the usual spacing in seconds. At least one tick.
    pub(crate) fn ticks(self, spacing: f64) -> f64 {
        match self {
            Self::Samples(samples) => samples,
            Self::Time(time) => time.as_secs_f64() / spacing,
        }
        .clamp(1.0, MOST_TICKS)
    }
}

/// The four memories of a detector.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Memory {
    pub(crate) level: Span,
    pub(crate) slope: Span,
    pub(crate) scale: Span,
    pub(crate) tail: Span,
}

/// The learning rates that follow from the time since the last value. Regular series have the
/// same rates every time, so they are kept until that time, or the usual one, changes by more
/// than a hundredth: rates need to be no more exact than that, and the jitter of a scrape is
/// below it.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Gains {
    seconds: f32,
    spacing: f32,
    /// Time since the last value, in ticks.
    pub(crate) ticks: f32,
    pub(crate) level: f64,
    /// Already divided by the ticks: what a clipped residual adds to the slope per tick.
    pub(crate) slope: f64,
    /// What is left of the slope after the elapsed ticks (a damped trend).
    pub(crate) damping: f64,
    /// How many ticks' worth of slope the elapsed ticks add.
    pub(crate) horizon: f64,
    pub(crate) scale: f32,
    /// How much wider than a step's the interval after the elapsed ticks is: a level that moves
    /// by its gain each tick wanders that far.
    pub(crate) widening: f64,
    /// What a new observation weighs against the one before it (forward decay).
    pub(crate) growth: f32,
}

impl Default for Gains {
    /// Those of a first value: nothing is forgotten, and no interval is wider.
    fn default() -> Self {
        Self {
            seconds: 0.0,
            spacing: 0.0,
            ticks: 0.0,
            level: 0.0,
            slope: 0.0,
            damping: 0.0,
            horizon: 0.0,
            scale: 0.0,
            widening: 1.0,
            growth: 1.0,
        }
    }
}

impl Gains {
    /// Whether these are the rates after `seconds` without a value on a series usually `spacing`
    /// seconds apart.
    pub(crate) fn hold(&self, seconds: f64, spacing: f64) -> bool {
        near(seconds, self.seconds, SAME_TIME) && near(spacing, self.spacing, SAME_TIME)
    }

    /// The rates after `seconds` without a value on a series usually `spacing` seconds apart.
    pub(crate) fn refresh(&mut self, seconds: f64, spacing: f64, memory: &Memory) {
        let elapsed = (seconds / spacing).clamp(LEAST_TICKS, MOST_TICKS);
        let ticks = if (elapsed - 1.0).abs() <= SAME_TIME { 1.0 } else { elapsed };
        let slope_life = memory.slope.ticks(spacing);
        let damped_life = slope_life * DAMPING_LIVES;
        let damped = gain(ticks, damped_life);
        let level_life = memory.level.ticks(spacing);
        let level = gain(ticks, level_life);
        let step = gain(1.0, level_life);
        let slope = gain(ticks, slope_life);
        *self = Self {
            seconds: seconds as f32,
            spacing: spacing as f32,
            ticks: ticks as f32,
            level,
            slope: level * slope / ticks,
            damping: 1.0 - damped,
            horizon: damped * damped_life / std::f64::consts::LN_2,
            scale: gain(ticks, memory.scale.ticks(spacing)) as f32,
            widening: (1.0 + (ticks - 1.0).max(0.0) * step * step).sqrt(),
            growth: (ticks.min(MOST_GROWTH) / memory.tail.ticks(spacing)).exp2() as f32,
        };
    }

    /// Whether restored rates can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let rates = [self.level, self.slope, self.damping, self.horizon, self.widening];
        let others = [self.seconds, self.spacing, self.ticks, self.scale, self.growth];
        rates.iter().all(|rate| learnable(*rate) && *rate >= 0.0)
            && others.iter().all(|v| learnable(f64::from(*v)) && *v >= 0.0)
            && self.growth <= MOST_GROWTH.exp2() as f32
            && self.widening >= 1.0
    }
}

/// Whether a duration is still the one kept, to within a share of that.
pub(crate) fn near(now: f64, kept: f32, share: f64) -> bool {
    let kept = f64::from(kept);
    (now - kept).abs() <= share * kept
}

/// The weight of a new observation against everything before it.
pub(crate) fn gain(ticks: f64, half_life: f64) -> f64 {
    let x = ticks / half_life * std::f64::consts::LN_2;
    if x < SHORT {
        // The first four terms: as exact as the rates are kept.
        return x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0)));
    }
    -(-x).exp_m1()
}

/// A slope is forgotten that many times slower than it is learned: enough that a gap does not
/// run away with it, and a steady ramp keeps eight ninths of its slope.
const DAMPING_LIVES: f64 = 8.0;
/// Rates are worked out anew when a duration has changed by that share.
const SAME_TIME: f64 = 1.0 / 100.0;
/// Below that many lives a series in four terms is exact to seven digits.
const SHORT: f64 = 1.0 / 16.0;
const LEAST_TICKS: f64 = 1e-6;
const MOST_TICKS: f64 = 1e6;
/// A gap forgets at most that many ticks of tail: its shape does not change by itself.
const MOST_GROWTH: f64 = 16.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_half_steps_forget_as_much_as_one_step() {
        let (half, whole) = (gain(2.0, 5.0), gain(4.0, 5.0));
        assert!(((1.0 - half) * (1.0 - half) - (1.0 - whole)).abs() < 1e-12);
        assert!((gain(5.0, 5.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn time_and_samples_name_the_same_span() {
        assert_eq!(Span::Samples(40.0).ticks(0.25), 40.0);
        assert_eq!(Span::Time(Duration::from_secs(10)).ticks(0.25), 40.0);
        assert_eq!(Span::Time(Duration::ZERO).ticks(0.25), 1.0);
    }
}
