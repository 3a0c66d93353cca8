//! How far is far: mean magnitudes that one wild value cannot move far.

/// A mean magnitude, each clipped at a few times what it is.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Usual {
    mean: f64,
}

impl Usual {
    /// The mean, or the floor when that is more. Never zero.
    pub(super) fn or(self, floor: f64) -> f64 {
        self.mean.max(floor).max(f64::MIN_POSITIVE)
    }

    /// Learns a magnitude, and gives back what of it counts.
    pub(super) fn learn(&mut self, magnitude: f64, most: f64, share: f64) -> f64 {
        let counts = if self.mean == 0.0 { magnitude } else { magnitude.min(most) };
        self.mean += share * (counts - self.mean);
        counts
    }
}

/// The step the series usually takes when it moves at all: what is flat or counted in whole
/// numbers has a scale too.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Quantum {
    step: f64,
}

impl Quantum {
    /// Learns how far the value moved.
    pub(super) fn learn(&mut self, moved: f64) {
        if moved > 0.0 {
            let most = if self.step > 0.0 { 4.0 * self.step } else { moved };
            self.step += (moved.min(most) - self.step) / 64.0;
        }
    }

    /// Half of it, or what a computed float can tell apart from `value`.
    pub(super) fn floor(self, value: f64) -> f64 {
        (0.5 * self.step).max(1e-9 * value.abs())
    }
}
