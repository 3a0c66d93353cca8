//! A small histogram with logarithmic bins: quantiles of relative accuracy in constant space
//! (the idea of DDSketch, Masson, Rim and Lee 2019, with the range fixed beforehand).

use crate::finite::smaller;

/// Counts magnitudes: one bin below 1, thirty from 1 to 32 in sixths of an octave, one above.
/// 64 bytes: weights are small integers, and whoever adds halves them all when one is full.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct LogHistogram {
    bins: [u16; BINS],
}

impl LogHistogram {
    /// Adds a magnitude with a weight. False when its bin has no room for that.
    #[must_use]
    pub(crate) fn add(&mut self, magnitude: f32, weight: u16) -> bool {
        let bin = &mut self.bins[bin(magnitude)];
        let sum = bin.checked_add(weight);
        *bin = sum.unwrap_or(*bin);
        sum.is_some()
    }

    /// Halves every weight, to make room. The odd unit of a bin goes to the one below: nothing is
    /// lost, of the few far out least of all.
    pub(crate) fn halve(&mut self) {
        let mut odd = 0;
        for weight in self.bins.iter_mut().rev() {
            let both = u32::from(*weight) + odd;
            *weight = (both / 2) as u16;
            odd = both % 2;
        }
    }

    /// The weight of all magnitudes.
    pub(crate) fn total(&self) -> u32 {
        self.bins.iter().copied().map(u32::from).sum()
    }

    /// The weight at or above a magnitude, linear inside a bin.
    pub(crate) fn above(&self, magnitude: f64) -> f64 {
        let at = bin(magnitude as f32);
        let counted =
            |(other, weight): (usize, &u16)| if other > at { u32::from(*weight) } else { 0 };
        let higher: u32 = self.bins.iter().enumerate().map(counted).sum();
        let inside = if at + 1 == BINS {
            smaller(EDGES[at] / magnitude, 1.0)
        } else {
            ((EDGES[at + 1] - magnitude) * PER_WIDTH[at]).clamp(0.0, 1.0)
        };
        f64::from(higher) + inside * f64::from(self.bins[at])
    }

    /// The weight at or above 1, and above each half octave from there.
    pub(crate) fn above_half_octaves<const N: usize>(&self) -> [u32; N] {
        std::array::from_fn(|half| {
            let from = 1 + half * PER_OCTAVE as usize / 2;
            self.bins[from..].iter().copied().map(u32::from).sum()
        })
    }

    /// The magnitude with about `weight` at or above it.
    pub(crate) fn magnitude_with_above(&self, weight: f64) -> f64 {
        let (mut higher, most) = (0, weight.ceil() as u32);
        for at in (0..BINS).rev() {
            let here = u32::from(self.bins[at]);
            if higher + here >= most && here > 0 {
                let (low, high) = (EDGES[at], EDGES[at + 1]);
                let share = (weight - f64::from(higher)) / f64::from(here);
                return high - (high - low) * share.clamp(0.0, 1.0);
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
        let threshold = EDGES[at];
        let base = LOG_WIDTH * (at as f64 - 1.0);
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
}

/// See [`LogHistogram::excess`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Excess {
    pub(crate) threshold: f64,
    pub(crate) weight: f64,
    pub(crate) log_mean: f64,
    pub(crate) log_square: f64,
}

/// The bin of a magnitude: octaves are the exponent of the float; an eighth of what is left has at
/// most one edge in it.
fn bin(magnitude: f32) -> usize {
    let (octave, fraction) = octave(magnitude);
    let sixth = STARTS[(fraction.to_bits() >> (MANTISSA_BITS - 3)) as usize & 7];
    let next = i32::from(fraction >= SIXTHS[sixth as usize + 1] as f32);
    // Without a branch: nobody can foretell on which side of 1 a residual falls.
    (1 + octave * PER_OCTAVE + sixth + next).clamp(0, BINS as i32 - 1) as usize
}

/// A positive number as a power of two and what is left, 1…2.
pub(crate) fn octave(number: f32) -> (i32, f32) {
    let bits = number.to_bits();
    let octave = (bits >> MANTISSA_BITS) as i32 - EXPONENT_OF_ONE;
    (octave, f32::from_bits(bits & MANTISSA | ONE))
}

const BINS: usize = 32;
const PER_OCTAVE: i32 = 6;
/// Two to the power of 0, 1 … 6 sixths.
const SIXTHS: [f64; 7] = [
    1.0,
    1.122_462_048_309_373,
    1.259_921_049_894_873_2,
    std::f64::consts::SQRT_2,
    1.587_401_051_968_199_4,
    1.781_797_436_280_678_5,
    2.0,
];
/// The sixth that each eighth starts in: 1, 1.125, 1.25 …
const STARTS: [i32; 8] = [0, 1, 1, 2, 3, 4, 4, 5];
/// The lower edge of each bin, and the upper one of the last.
const EDGES: [f64; BINS + 1] = {
    let mut edges = [0.0; BINS + 1];
    let mut bin = 1;
    while bin <= BINS {
        let (octave, sixth) = ((bin - 1) / PER_OCTAVE as usize, (bin - 1) % PER_OCTAVE as usize);
        edges[bin] = SIXTHS[sixth] * (1_u32 << octave) as f64;
        bin += 1;
    }
    edges
};
const PER_WIDTH: [f64; BINS] = {
    let mut inverse = [0.0; BINS];
    let mut bin = 0;
    while bin < BINS {
        inverse[bin] = 1.0 / (EDGES[bin + 1] - EDGES[bin]);
        bin += 1;
    }
    inverse
};
/// A bin's width in natural logarithms.
const LOG_WIDTH: f64 = std::f64::consts::LN_2 / PER_OCTAVE as f64;
/// Binary32 (IEEE 754-2019, 3.4).
const MANTISSA_BITS: u32 = f32::MANTISSA_DIGITS - 1;
const MANTISSA: u32 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_OF_ONE: i32 = 127;
const ONE: u32 = (EXPONENT_OF_ONE as u32) << MANTISSA_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bin() {
        let mut histogram = LogHistogram::default();
        for i in 0..10_000 {
            assert!(histogram.add(i as f32 / 1000.0, 1));
        }
        for x in [0.5, 1.5, 3.0, 7.0, 9.0] {
            let above = histogram.above(x);
            assert!((above / ((10.0 - x) * 1000.0) - 1.0).abs() < 0.13, "{x}: {above}");
            assert!((histogram.magnitude_with_above(above) / x - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn edges_bound_their_bins() {
        for (at, edge) in EDGES.into_iter().enumerate().take(BINS).skip(1) {
            assert_eq!((bin(edge as f32), bin(edge as f32 * 0.9999)), (at, at - 1));
            let exact = ((at as f64 - 1.0) / 6.0).exp2();
            assert!((edge / exact - 1.0).abs() < 1e-15);
        }
        assert_eq!(bin(f32::MAX), BINS - 1);
    }

    #[test]
    fn a_full_bin_takes_no_more() {
        let mut histogram = LogHistogram::default();
        assert!(histogram.add(2.0, u16::MAX) && !histogram.add(2.0, 1));
        assert_eq!(histogram.total(), u32::from(u16::MAX));
        histogram.halve();
        assert!(histogram.add(2.0, 1));
        assert_eq!(histogram.total(), u32::from(u16::MAX / 2) + 1);
    }

    #[test]
    fn the_excess_of_a_power_law_has_its_exponent() {
        // Magnitudes with P(X > x) = x^-4: the mean logarithm over any threshold is 1/4.
        let mut histogram = LogHistogram::default();
        for i in 0..100_000 {
            assert!(histogram.add(((i as f32 + 0.5) / 1e5).powf(-0.25), 1));
        }
        let excess = histogram.excess(5_000.0);
        assert!((excess.log_mean - 0.25).abs() < 0.02, "{}", excess.log_mean);
        assert!((excess.log_square - 0.125).abs() < 0.02, "{}", excess.log_square);
    }
}
