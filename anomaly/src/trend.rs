//! Where the series is and where it is heading, apart from its season.

use crate::decay::Gains;
use crate::finite::unfaded;
use crate::moments::median_and_scale;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// A local level and a damped slope, moved by residuals that the caller has clipped: robust
/// Holt smoothing (Gelper, Fried and Croux 2010) with the damping of Gardner and McKenzie
/// (1985), and rates that follow elapsed time (Wright 1986).
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Trend {
    level: f64,
    slope: f64,
    seen: u32,
}

/// Room for the first values.
pub(crate) type First = [f64; FIRST];

impl Trend {
    /// Whether the first values are still being gathered.
    pub(crate) fn is_starting(&self) -> bool {
        (self.seen as usize) < FIRST
    }

    /// Takes one of the first values, to be kept in `first` until there are enough: the level is
    /// their median. Gives their scale then.
    ///
    /// # Panics
    /// When the trend is past its start.
    pub(crate) fn start(&mut self, value: f64, first: &mut First) -> Option<f64> {
        first[self.seen as usize] = value;
        self.seen += 1;
        let mut values = *first;
        let (median, scale) = median_and_scale(&mut values[..self.seen as usize]);
        self.level = median;
        (!self.is_starting()).then_some(scale)
    }

    /// The level expected after the elapsed time.
    pub(crate) fn forecast(&self, gains: &Gains) -> f64 {
        self.level + self.slope * gains.horizon
    }

    /// Moves to what the forecast and a clipped residual say, with this gain of the level.
    pub(crate) fn learn(&mut self, residual: f64, gain: f64, gains: &Gains) {
        self.level = self.forecast(gains) + gain * residual;
        self.slope = self.slope * gains.damping + gains.slope * residual;
        self.seen = self.seen.saturating_add(1);
    }

    /// Lets go of what faded away.
    pub(crate) fn tidy(&mut self) {
        (self.level, self.slope) = (unfaded(self.level), unfaded(self.slope));
    }

    /// The least gain of a trend this young: that of a plain mean.
    pub(crate) fn youth(&self) -> f64 {
        1.0 / (f64::from(self.seen) + 1.0)
    }

    /// Goes on from another level and slope per tick.
    pub(crate) fn adopt(&mut self, level: f64, slope: f64) {
        self.level = level;
        self.slope = slope;
    }

    /// Goes on from another level, without a slope.
    pub(crate) fn settle(&mut self, level: f64) {
        self.adopt(level, 0.0);
    }

    /// The level without any elapsed time.
    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    /// Values learned from.
    pub(crate) fn seen(&self) -> u32 {
        self.seen
    }

    /// Whether a restored trend can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        learnable(self.level) && learnable(self.slope)
    }
}

/// Values whose median and scale start a trend: three wild ones among them do no harm.
const FIRST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decay::{Memory, Span};

    fn gains() -> Gains {
        let span = Span::Samples(16.0);
        let mut gains = Gains::default();
        gains.refresh(1.0, 1.0, &Memory { level: span, slope: span, scale: span, tail: span });
        gains
    }

    #[test]
    fn three_wild_values_do_not_spoil_the_start() {
        let (mut trend, mut first) = (Trend::default(), First::default());
        for value in [5.0, 900.0, 5.1, 4.9, -700.0, 5.0, 800.0] {
            assert_eq!(trend.start(value, &mut first), None);
        }
        let scale = trend.start(5.05, &mut first).expect("the eighth value ends the start");
        assert!((trend.level() - 5.0).abs() < 0.1, "{}", trend.level());
        assert!(scale < 0.3, "{scale}");
    }

    #[test]
    fn follows_a_ramp() {
        let (mut trend, gains) = (Trend::default(), gains());
        let mut first = First::default();
        for i in 0..8 {
            trend.start(f64::from(i), &mut first);
        }
        for i in 8..400 {
            let residual = f64::from(i) - trend.forecast(&gains);
            trend.learn(residual, gains.level.max(trend.youth()), &gains);
        }
        assert!((trend.forecast(&gains) - 400.0).abs() < 5.0, "{}", trend.forecast(&gains));
        assert!(trend.slope > 0.8, "{}", trend.slope);
    }
}
