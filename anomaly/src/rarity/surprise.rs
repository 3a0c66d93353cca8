//! Where a look usually lies, and how far beyond it is now.

/// Mean and variance of a look at a series. Looks are logarithms, so that a tail far out keeps
/// its magnitude.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Surprise {
    seen: u32,
    mean: f64,
    variance: f64,
}

impl Surprise {
    /// Minus the decimal logarithm of how rarely a look is this far above its mean, as a normal
    /// distribution has it; then learns the look.
    pub(super) fn of(&mut self, look: f64) -> f64 {
        let surprise = if self.seen < WARM { 0.0 } else { self.beyond(look).min(MOST) };
        let far = self.mean + 6.0 * self.variance.sqrt();
        let taught = if self.seen > WARM { look.min(far.max(1e-9)) } else { look };
        self.seen = self.seen.saturating_add(1);
        let share = (1.0 / f64::from(self.seen)).max(SHARE);
        let off = taught - self.mean;
        self.mean += share * off;
        self.variance = (1.0 - share) * (self.variance + share * off * off);
        surprise
    }

    /// The deviation is never taken for less than a given one: a series whose looks are all alike
    /// is not astonished by the first that differs a little.
    fn beyond(&self, look: f64) -> f64 {
        let deviation = (self.variance + LEAST_DEVIATION * LEAST_DEVIATION).sqrt();
        let z = (look - self.mean) / deviation;
        if z <= 0.0 {
            return 0.0;
        }
        // The normal's upper tail (after Abramowitz and Stegun 26.2.12).
        (z * z / 2.0 + (1.0 + z * 2.506_628).ln()) / std::f64::consts::LN_10
    }
}

/// Looks before one can surprise.
const WARM: u32 = 100;
/// Memory: half after fourteen thousand values.
const SHARE: f64 = 5e-5;
const LEAST_DEVIATION: f64 = 0.35;
const MOST: f64 = 16.0;
