//! How unlikely a residual is, learned per series: the same threshold then means the same rate
//! of false alarms on a well-behaved series and on a wild one.

use crate::decay::Gains;
use crate::quantile::LogHistogram;

/// The distribution of standardised residuals, upper and lower side apart. Inside what was seen
/// it counts; beyond, a generalised Pareto tail fitted to the largest by the moment estimator
/// (Dekkers, Einmahl and de Haan 1989) goes on, so that twice as far is always stranger. Old
/// residuals fade by forward decay (Cormode et al. 2009): new ones weigh more instead.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Tail {
    up: LogHistogram,
    down: LogHistogram,
    weight: f32,
    /// What follows from the histograms, worked out anew every few values.
    age: u8,
    up_fit: Fit,
    down_fit: Fit,
}

/// A side's tail beyond a threshold, and how far out the usual reaches.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Fit {
    threshold: f64,
    /// Surprise at the threshold.
    counted: f64,
    shape: f64,
    scale: f64,
    reach: f64,
}

impl Tail {
    pub(crate) fn new() -> Self {
        let (up_fit, down_fit) = (Fit::default(), Fit::default());
        let (up, down) = (LogHistogram::default(), LogHistogram::default());
        Self { up, down, weight: 1.0, age: 0, up_fit, down_fit }
    }

    /// Learns a residual in scales. `share` below one teaches less: alarms do.
    pub(crate) fn learn(&mut self, z: f64, share: f32, gains: &Gains) {
        self.weight *= gains.growth as f32;
        if self.weight > MOST_WEIGHT {
            let factor = 1.0 / self.weight;
            self.up.rescale(factor);
            self.down.rescale(factor);
            self.weight = 1.0;
        }
        let side = if z >= 0.0 { &mut self.up } else { &mut self.down };
        side.add(z.abs(), share * self.weight);
        self.age += 1;
        // A young tail changes with every value.
        if self.age >= REFIT || self.up.total() + self.down.total() < YOUNG * f64::from(self.weight)
        {
            self.age = 0;
            (self.up_fit, self.down_fit) = (self.fit(&self.up), self.fit(&self.down));
        }
    }

    /// Surprise of a residual of `z` scales, in nats: minus the logarithm of the probability of
    /// one as far out on its side. Never more than a normal distribution would say: what the
    /// scale calls small is small, however rare.
    pub(crate) fn surprise(&self, z: f64) -> f64 {
        let (side, fit) =
            if z >= 0.0 { (&self.up, &self.up_fit) } else { (&self.down, &self.down_fit) };
        let z = z.abs();
        let beyond = if z <= fit.threshold { self.counted(side, z) } else { fit.beyond(z) };
        beyond.min(normal_surprise(z))
    }

    /// How many scales out the upper and lower side reach with the probability of one in 200
    /// each.
    pub(crate) fn reach(&self) -> (f64, f64) {
        (self.up_fit.reach, self.down_fit.reach)
    }

    /// Whether a restored tail can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.up_fit.is_sound()
            && self.down_fit.is_sound()
            && self.age < REFIT
            && self.up.is_sound()
            && self.down.is_sound()
            && self.weight > 0.0
            && self.weight <= 2.0 * MOST_WEIGHT
    }

    /// Surprise as counted, inside of what was seen.
    fn counted(&self, side: &LogHistogram, z: f64) -> f64 {
        let total = self.up.total() + self.down.total();
        // A few imagined residuals of a double-exponential keep a young tail modest.
        let prior = PRIOR * f64::from(self.weight);
        let p = (side.above(z) + prior * 0.5 * (-z).exp()) / (total + prior);
        -p.ln()
    }

    fn fit(&self, side: &LogHistogram) -> Fit {
        let unit = f64::from(self.weight);
        let total = self.up.total() + self.down.total();
        let excess = side.excess((TAIL_SHARE * total).max(LEAST_EXCESSES * unit));
        let threshold = excess.threshold;
        let (seen, imagined) = (excess.weight / unit, PRIOR_EXCESSES);
        let blend = |own: f64, prior: f64| (own * seen + prior * imagined) / (seen + imagined);
        let mean = blend(excess.log_mean, PRIOR_LOG_MEAN);
        let square = blend(excess.log_square, 2.0 * PRIOR_LOG_MEAN * PRIOR_LOG_MEAN);
        let lighter = 1.0 - 0.5 / (1.0 - (mean * mean / square).min(0.95));
        Fit {
            threshold,
            counted: self.counted(side, threshold),
            shape: (mean + lighter).clamp(0.0, 1.0),
            scale: threshold * mean * (1.0 - lighter.min(0.0)),
            reach: side.magnitude_with_above(INTERVAL_SHARE * total),
        }
    }
}

impl Fit {
    /// Surprise past the threshold.
    fn beyond(&self, z: f64) -> f64 {
        let far = (z - self.threshold) / self.scale;
        self.counted + if self.shape < 1e-3 { far } else { (self.shape * far).ln_1p() / self.shape }
    }

    /// Whether a restored fit can be gone on with.
    #[cfg(feature = "serde")]
    fn is_sound(&self) -> bool {
        [self.threshold, self.counted, self.shape, self.scale, self.reach]
            .iter()
            .all(|v| (0.0..=1e9).contains(v))
    }
}

/// Surprise of a standard normal past `z` ≥ 0 (Börjesson and Sundberg 1979, within 0.3 %).
pub(crate) fn normal_surprise(z: f64) -> f64 {
    0.5 * z * z + HALF_LN_TAU + (0.661 * z + 0.339 * (z * z + 5.51).sqrt()).ln()
}

/// The normal deviate as surprising as `surprise` (Abramowitz and Stegun 26.2.23); zero for
/// what is on the near side of the median.
pub(crate) fn normal_deviate(surprise: f64) -> f64 {
    let t = (2.0 * surprise.max(0.0)).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below).max(0.0)
}

const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
/// The tail is fitted to that share of all residuals, and to no fewer than these.
const TAIL_SHARE: f64 = 0.02;
const LEAST_EXCESSES: f64 = 8.0;
const PRIOR: f64 = 8.0;
/// Values between two fits, once there are that many.
const REFIT: u8 = 64;
const YOUNG: f64 = 128.0;
/// What an interval leaves on either side.
const INTERVAL_SHARE: f64 = 0.005;
const PRIOR_EXCESSES: f64 = 5.0;
/// Mean log excess of a tail falling with the fourth power.
const PRIOR_LOG_MEAN: f64 = 0.25;
/// Weights are scaled back before a float's precision is felt.
const MOST_WEIGHT: f32 = 1e12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decay::{Memory, Span};

    fn learned(residuals: impl Iterator<Item = f64>) -> Tail {
        let span = Span::Samples(1e5);
        let mut gains = Gains::default();
        gains.refresh(1.0, 1.0, &Memory { level: span, slope: span, scale: span, tail: span });
        let mut tail = Tail::new();
        residuals.for_each(|z| tail.learn(z, 1.0, &gains));
        tail
    }

    #[test]
    fn deviate_inverts_surprise() {
        for z in [0.5, 1.0, 2.0, 4.0, 8.0] {
            assert!((normal_deviate(normal_surprise(z)) - z).abs() < 0.01, "{z}");
        }
        assert_eq!(normal_deviate(0.0), 0.0);
    }

    #[test]
    fn a_normal_tail_is_extrapolated_like_one() {
        let quantile = |i: i32| normal_deviate(-((f64::from(i) + 0.5) / 40_000.0).ln());
        let tail = learned((0..20_000).flat_map(|i| [quantile(i), -quantile(i)]));
        for z in [2.0, 3.0, 4.0, 5.0] {
            let (ours, truth) = (tail.surprise(z), normal_surprise(z));
            assert!(ours <= truth + 1e-9 && ours > 0.65 * truth, "{z}: {ours} of {truth}");
        }
    }

    #[test]
    fn a_heavy_tail_is_less_surprised_and_never_saturates() {
        let heavy = learned((1..20_000).map(|i| (f64::from(i) / 20_000.0).powf(-0.5) - 0.9));
        let light = learned((1..20_000).map(|i| f64::from(i % 200) / 100.0));
        assert!(heavy.surprise(20.0) < 0.5 * light.surprise(20.0));
        for tail in [heavy, light] {
            let far: Vec<f64> = [30.0, 60.0, 1e3, 1e6].map(|z| tail.surprise(z)).into();
            assert!(far.windows(2).all(|pair| pair[1] > pair[0]), "{far:?}");
        }
    }
}
