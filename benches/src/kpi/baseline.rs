//! The field: what one would write first.

/// A score of the next value; NaN is a missing one.
pub trait Score {
    /// How strange the value is.
    fn score(&mut self, value: f64) -> f64;
}

/// A residual in robust deviations: the mean absolute residual of a day, outliers clipped.
#[derive(Debug, Clone, Default)]
struct Deviation {
    mean: f64,
    seen: u64,
    step: f64,
    last: f64,
}

impl Deviation {
    fn scaled(&mut self, residual: f64, value: f64) -> f64 {
        // Half of the usual move: what is flat or counted in whole numbers has a scale too.
        let step = (value - self.last).abs();
        self.last = value;
        if step > 0.0 {
            self.step +=
                (step.min(if self.step > 0.0 { 4.0 * self.step } else { step }) - self.step) / 64.0;
        }
        let floor = (0.5 * self.step).max(1e-6 * value.abs());
        let size = residual.abs();
        let usual = self.mean.max(floor).max(1e-9);
        self.seen += 1;
        let share = (1.0 / self.seen as f64).max(1.0 / 1440.0);
        let most = if self.seen < 30 { f64::MAX } else { 4.0 * usual };
        self.mean += share * (size.min(most) - self.mean);
        size / usual
    }
}

/// Exponentially weighted mean and variance.
#[derive(Debug, Clone, Default)]
pub struct ZScore {
    mean: f64,
    variance: f64,
    seen: u64,
}

impl Score for ZScore {
    fn score(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        self.seen += 1;
        let off = value - self.mean;
        let score = off.abs() / self.variance.sqrt().max(1e-9);
        let share = (1.0 / self.seen as f64).max(1.0 / 720.0);
        self.mean += share * off;
        self.variance = (1.0 - share) * (self.variance + share * off * off);
        if self.seen > 60 { score } else { 0.0 }
    }
}

/// Robust Holt smoothing: level and slope follow clipped residuals.
#[derive(Debug, Clone, Default)]
pub struct Holt {
    level: f64,
    slope: f64,
    deviation: Deviation,
}

impl Score for Holt {
    fn score(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        if self.deviation.seen == 0 {
            self.level = value;
        }
        let expected = self.level + self.slope;
        let residual = value - expected;
        let usual = self.deviation.mean.max(1e-9);
        let score = self.deviation.scaled(residual, value);
        let clipped = residual.clamp(-4.0 * usual, 4.0 * usual);
        self.level = expected + 0.3 * clipped;
        self.slope = 0.98 * self.slope + 0.02 * 0.3 * clipped;
        score
    }
}

/// Robust Holt-Winters: additive season of a day in 288 slots of five minutes.
#[derive(Debug, Clone)]
pub struct HoltWinters {
    level: f64,
    season: Vec<f64>,
    minute: usize,
    deviation: Deviation,
}

impl Default for HoltWinters {
    fn default() -> Self {
        Self { level: 0.0, season: vec![f64::NAN; 288], minute: 0, deviation: Deviation::default() }
    }
}

impl Score for HoltWinters {
    fn score(&mut self, value: f64) -> f64 {
        let slot = self.minute % 1440 / 5;
        self.minute += 1;
        if value.is_nan() {
            return 0.0;
        }
        if self.deviation.seen == 0 {
            self.level = value;
        }
        if self.season[slot].is_nan() {
            self.season[slot] = value - self.level;
        }
        let expected = self.level + self.season[slot];
        let residual = value - expected;
        let usual = self.deviation.mean.max(1e-9);
        let score = self.deviation.scaled(residual, value);
        let clipped = residual.clamp(-4.0 * usual, 4.0 * usual);
        self.level += 0.1 * clipped;
        self.season[slot] += 0.05 * clipped;
        if self.minute > 1500 { score } else { 0.0 }
    }
}

/// The difference to the value before.
#[derive(Debug, Clone, Default)]
pub struct Lag {
    last: f64,
    deviation: Deviation,
}

impl Score for Lag {
    fn score(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            return 0.0;
        }
        let step = value - self.last;
        self.last = value;
        self.deviation.scaled(step, value)
    }
}
