//! A small histogram with logarithmic bins: quantiles of relative accuracy in constant space
//! (the idea of DDSketch, Masson, Rim and Lee 2019, with the range fixed beforehand).

/// Counts magnitudes: one bin below 1, thirty from 1 to 32 in sixths of an octave, one above.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct LogHistogram {
    bins: [f32; BINS],
    total: f32,
}

impl LogHistogram {
    /// Adds a magnitude with a weight.
    pub(crate) fn add(&mut self, magnitude: f64, weight: f32) {
        self.bins[bin(magnitude)] += weight;
        self.total += weight;
    }

    /// Multiplies every weight, to keep growing weights in range.
    pub(crate) fn rescale(&mut self, factor: f32) {
        for weight in &mut self.bins {
            *weight *= factor;
        }
        self.total = self.bins.iter().sum();
    }

    /// The weight of all magnitudes.
    pub(crate) fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// The weight at or above a magnitude, linear inside a bin.
    pub(crate) fn above(&self, magnitude: f64) -> f64 {
        let at = bin(magnitude);
        let higher: f32 = self.bins[at + 1..].iter().sum();
        let inside = if at + 1 == BINS {
            (edge(at) / magnitude).min(1.0)
        } else {
            let low = if at == 0 { 0.0 } else { edge(at) };
            ((edge(at + 1) - magnitude) / (edge(at + 1) - low)).clamp(0.0, 1.0)
        };
        f64::from(higher) + inside * f64::from(self.bins[at])
    }

    /// The magnitude with about `weight` at or above it.
    pub(crate) fn magnitude_with_above(&self, weight: f64) -> f64 {
        let mut higher = 0.0;
        for at in (0..BINS).rev() {
            let here = f64::from(self.bins[at]);
            if higher + here >= weight && here > 0.0 {
                let low = if at == 0 { 0.0 } else { edge(at) };
                let high = edge(at + 1);
                return high - (high - low) * ((weight - higher) / here).clamp(0.0, 1.0);
            }
            higher += here;
        }
        0.0
    }

    /// The largest few: the lowest bin edge (at least 1) with no less than `weight` above it,
    /// that weight, and the first two moments of the logarithm of the magnitude over that edge.
    pub(crate) fn excess(&self, weight: f64) -> Excess {
        let (mut above, mut first, mut second) = (0.0, 0.0, 0.0);
        let mut at = BINS;
        while at > 1 && above < weight {
            at -= 1;
            let here = f64::from(self.bins[at]);
            let log = LOG_WIDTH * (at as f64 - 0.5);
            above += here;
            first += here * log;
            second += here * log * log;
        }
        let threshold = edge(at);
        let base = threshold.ln();
        if above <= 0.0 {
            return Excess { threshold, weight: 0.0, log_mean: 0.0, log_square: 0.0 };
        }
        let (mean, square) = (first / above, second / above);
        Excess {
            threshold,
            weight: above,
            log_mean: mean - base,
            log_square: square - 2.0 * base * mean + base * base,
        }
    }

    /// Whether a restored histogram can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        (0.0..=MOST_WEIGHT).contains(&self.total)
            && self.bins.iter().all(|weight| (0.0..=MOST_WEIGHT).contains(weight))
    }
}

/// See [`LogHistogram::excess`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Excess {
    pub(crate) threshold: f64,
    pub(crate) weight: f64,
    pub(crate) log_mean: f64,
    pub(crate) log_square: f64,
}

fn bin(magnitude: f64) -> usize {
    if magnitude < 1.0 { 0 } else { (1 + (magnitude.log2() * PER_OCTAVE) as usize).min(BINS - 1) }
}

/// The lower edge of a bin past the first.
fn edge(bin: usize) -> f64 {
    ((bin as f64 - 1.0) / PER_OCTAVE).exp2()
}

const BINS: usize = 32;
/// Far above what growing weights reach before they are scaled back.
#[cfg(feature = "serde")]
const MOST_WEIGHT: f32 = 1e25;
const PER_OCTAVE: f64 = 6.0;
/// A bin's width in natural logarithms.
const LOG_WIDTH: f64 = std::f64::consts::LN_2 / PER_OCTAVE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bin() {
        let mut histogram = LogHistogram::default();
        for i in 0..10_000 {
            histogram.add(f64::from(i) / 1000.0, 1.0);
        }
        for x in [0.5, 1.5, 3.0, 7.0, 9.0] {
            let above = histogram.above(x);
            assert!((above / ((10.0 - x) * 1000.0) - 1.0).abs() < 0.13, "{x}: {above}");
            assert!((histogram.magnitude_with_above(above) / x - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn edges_bound_their_bins() {
        for at in 1..BINS {
            assert_eq!(bin(edge(at) * 1.0001), at);
        }
        assert_eq!(bin(f64::MAX), BINS - 1);
    }

    #[test]
    fn the_excess_of_a_power_law_has_its_exponent() {
        // Magnitudes with P(X > x) = x^-4: the mean logarithm over any threshold is 1/4.
        let mut histogram = LogHistogram::default();
        for i in 0..100_000 {
            histogram.add(((f64::from(i) + 0.5) / 1e5).powf(-0.25), 1.0);
        }
        let excess = histogram.excess(5_000.0);
        assert!((excess.log_mean - 0.25).abs() < 0.02, "{}", excess.log_mean);
        assert!((excess.log_square - 0.125).abs() < 0.02, "{}", excess.log_square);
    }
}
