//! What the last few values let expect.

use super::usual::Usual;

/// Robust Holt smoothing: a fast level and its slope follow clipped residuals (Gelper, Fried and
/// Croux 2010).
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Near {
    level: f64,
    slope: f64,
    usual: Usual,
}

/// How far a value is from what was expected.
pub(super) struct Seen {
    /// In usual distances.
    pub(super) distance: f64,
    /// In the series' own unit, of a wild value not all.
    pub(super) magnitude: f64,
}

impl Near {
    pub(super) fn new(value: f64) -> Self {
        Self { level: value, ..Self::default() }
    }

    /// Looks at a value and follows it, where distances are `restless` times the usual ones.
    pub(super) fn look(&mut self, value: f64, floor: f64, share: f64, restless: f64) -> Seen {
        let expected = self.level + self.slope;
        let residual = value - expected;
        let usual = self.usual.or(floor);
        let most = CLIP * usual;
        let distance = residual.abs() / (self.usual.or(0.0) * restless).max(floor);
        self.usual.learn(residual.abs(), most, share);
        let clipped = residual.clamp(-most, most);
        self.level = expected + LEVEL_SHARE * clipped;
        self.slope = (1.0 - SLOPE_SHARE) * self.slope + SLOPE_SHARE * LEVEL_SHARE * clipped;
        Seen { distance, magnitude: residual.abs().min(4.0 * usual) }
    }
}

const LEVEL_SHARE: f64 = 0.33;
const SLOPE_SHARE: f64 = 0.03;
const CLIP: f64 = 2.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_is_far_and_moves_little() {
        let mut near = Near::new(0.0);
        for i in 0..1_000 {
            near.look(f64::from(i % 2), 0.1, 0.01, 1.0);
        }
        assert!(near.look(100.0, 0.1, 0.01, 1.0).distance > 50.0);
        assert!(near.look(0.5, 0.1, 0.01, 1.0).distance < 3.0);
    }
}
