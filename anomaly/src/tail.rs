//! How unlikely a residual is, learned per series: the same threshold then means the same rate
//! of false alarms on a well-behaved series and on a wild one.

use std::hint::select_unpredictable;

use crate::decay::Gains;
use crate::finite::smaller;
use crate::quantile::{LogHistogram, octave};

/// The distribution of standardised residuals, upper and lower side apart. Inside what was seen
/// it counts; beyond, a generalised Pareto tail fitted to the largest by the moment estimator
/// (Dekkers, Einmahl and de Haan 1989) goes on, so that twice as far is always stranger. Old
/// residuals fade by forward decay (Cormode et al. 2009): new ones weigh more instead, until
/// everything is halved.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Tail {
    /// Weight of a residual of now.
    weight: f32,
    /// What of the weight of those before did not make a whole unit: it goes to the next.
    owed: f32,
    /// The weight of all.
    total: u32,
    /// What follows from the histograms, worked out anew every few values.
    age: u8,
    fits: [Fit; 2],
    sides: [LogHistogram; 2],
}

/// A side's tail beyond a threshold, and how far out the usual reaches.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Fit {
    threshold: f32,
    /// Surprise at the threshold.
    counted: f32,
    shape: f32,
    scale: f32,
    reach: f32,
    /// At 1, √2, 2 and √8.
    near: [Strange; NEAR.len()],
}

/// How strange a residual is.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Strange {
    /// Minus the logarithm of the probability of one as far out on its side, in nats.
    pub(crate) surprise: f32,
    /// The magnitude of the normal deviate as surprising as that.
    pub(crate) deviate: f32,
}

/// Which of two, up or down.
fn side(z: f32) -> usize {
    usize::from(z < 0.0)
}

impl Tail {
    pub(crate) fn new() -> Self {
        let (fits, sides) = (<[Fit; 2]>::default(), <[LogHistogram; 2]>::default());
        Self { weight: LEAST_WEIGHT, owed: 0.0, total: 0, age: 0, fits, sides }
    }

    /// Learns a residual in scales. `share` below one teaches less: alarms do.
    pub(crate) fn learn(&mut self, z: f32, share: f32, gains: &Gains) {
        self.weight *= gains.growth;
        while self.weight >= 2.0 * LEAST_WEIGHT {
            self.halve();
        }
        let due = self.owed + share * self.weight;
        let units = due as u16;
        self.owed = due - f32::from(units);
        while !self.sides[side(z)].add(z.abs(), units) {
            self.halve();
        }
        self.total += u32::from(units);
        self.age += 1;
        // A young tail changes soon.
        let (known, news) = (self.total as f32, f32::from(self.age) * self.weight);
        if self.age >= REFIT || known < YOUNG * self.weight && NEWS * news >= known {
            self.refit();
        }
    }

    #[inline(never)]
    fn refit(&mut self) {
        self.age = 0;
        self.fits = [self.fit(&self.sides[0]), self.fit(&self.sides[1])];
    }

    fn halve(&mut self) {
        self.sides.iter_mut().for_each(LogHistogram::halve);
        self.total = self.sides.iter().map(LogHistogram::total).sum();
        // A burst outlasts the memory only so far.
        self.weight = (0.5 * self.weight).max(1.0);
    }

    /// How strange a residual of `z` scales is. Never more than a normal distribution would say:
    /// what the scale calls small is small, however rare.
    pub(crate) fn strange(&self, z: f32) -> Strange {
        let (magnitude, square) = (z.abs(), z * z);
        if square < FAR { self.fits[side(z)].near(magnitude, square) } else { self.far(z) }
    }

    fn far(&self, z: f32) -> Strange {
        let (at, z) = (side(z), f64::from(z.abs()));
        let fit = &self.fits[at];
        let within = z <= f64::from(fit.threshold);
        let beyond = if within { self.counted(&self.sides[at], z) } else { fit.beyond(z) };
        Strange::of(smaller(beyond, normal_surprise(z)))
    }

    /// How many scales out the upper and lower side reach with the probability of one in 200
    /// each.
    pub(crate) fn reach(&self) -> (f64, f64) {
        (f64::from(self.fits[0].reach), f64::from(self.fits[1].reach))
    }

    /// Whether a restored tail can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.fits.iter().all(Fit::is_sound)
            && self.age < REFIT
            && self.total == self.sides.iter().map(LogHistogram::total).sum::<u32>()
            && (1.0..=2.0 * LEAST_WEIGHT).contains(&self.weight)
            && (0.0..1.0).contains(&self.owed)
    }

    /// Surprise as counted, inside of what was seen.
    fn counted(&self, side: &LogHistogram, z: f64) -> f64 {
        // A few imagined residuals of a double-exponential keep a young tail modest.
        let prior = PRIOR * f64::from(self.weight);
        let p = (side.above(z) + prior * 0.5 * (-z).exp()) / (f64::from(self.total) + prior);
        -p.ln()
    }

    /// What surprise is at most residuals, so that these need no logarithms.
    fn near(&self, side: &LogHistogram) -> [Strange; NEAR.len()] {
        let above: [u32; NEAR.len()] = side.above_half_octaves();
        let prior = PRIOR * f64::from(self.weight);
        let total = f64::from(self.total) + prior;
        std::array::from_fn(|at| {
            let Near { double_exponential, normal } = NEAR[at];
            let p = (f64::from(above[at]) + prior * double_exponential) / total;
            Strange::of(smaller(-p.ln(), normal))
        })
    }

    fn fit(&self, side: &LogHistogram) -> Fit {
        let unit = f64::from(self.weight);
        let total = f64::from(self.total);
        let excess = side.excess((TAIL_SHARE * total).max(LEAST_EXCESSES * unit));
        let threshold = excess.threshold;
        let (seen, imagined) = (excess.weight / unit, PRIOR_EXCESSES);
        let blend = |own: f64, prior: f64| (own * seen + prior * imagined) / (seen + imagined);
        let mean = blend(excess.log_mean, PRIOR_LOG_MEAN);
        let square = blend(excess.log_square, 2.0 * PRIOR_LOG_MEAN * PRIOR_LOG_MEAN);
        let lighter = 1.0 - 0.5 / (1.0 - (mean * mean / square).min(0.95));
        Fit {
            threshold: threshold as f32,
            counted: self.counted(side, threshold) as f32,
            shape: (mean + lighter).clamp(0.0, 1.0) as f32,
            scale: (threshold * mean * (1.0 - lighter.min(0.0))) as f32,
            reach: side.magnitude_with_above(INTERVAL_SHARE * total) as f32,
            near: self.near(side),
        }
    }
}

impl Strange {
    fn of(surprise: f64) -> Self {
        Self { surprise: surprise as f32, deviate: normal_deviate(surprise) as f32 }
    }
}

impl Fit {
    /// How strange a residual of this magnitude and its square is, below [`FAR`]: between two that were counted it
    /// goes with the square. Within one scale nobody is surprised, and the deviate is that of a
    /// distribution a little lighter than a normal. Without a branch: nobody can foretell one.
    fn near(&self, magnitude: f32, square: f32) -> Strange {
        let (octave, fraction) = octave(square);
        let part = fraction - 1.0;
        let at = octave.clamp(0, NEAR.len() as i32 - 2) as usize;
        let (low, high) = (self.near[at], self.near[at + 1]);
        let surprise = low.surprise + part * (high.surprise - low.surprise);
        let deviate = low.deviate + part * (high.deviate - low.deviate);
        Strange {
            surprise: select_unpredictable(square < 1.0, 0.0, surprise),
            deviate: select_unpredictable(square < 1.0, WITHIN * magnitude, deviate),
        }
    }

    /// Surprise past the threshold.
    fn beyond(&self, z: f64) -> f64 {
        let [threshold, counted, shape, scale] =
            [self.threshold, self.counted, self.shape, self.scale].map(f64::from);
        let far = (z - threshold) / scale;
        counted + if shape < 1e-3 { far } else { (shape * far).ln_1p() / shape }
    }

    /// Whether a restored fit can be gone on with.
    #[cfg(feature = "serde")]
    fn is_sound(&self) -> bool {
        [self.threshold, self.counted, self.shape, self.scale, self.reach]
            .iter()
            .chain(self.near.iter().flat_map(|near| [&near.surprise, &near.deviate]))
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

/// At 1, √2, 2 and √8: how rarely a double-exponential goes so far, and a normal's surprise.
const NEAR: [Near; 4] = [
    Near { double_exponential: 0.183_940, normal: 1.841_554 },
    Near { double_exponential: 0.121_558, normal: 2.541_557 },
    Near { double_exponential: 0.067_668, normal: 3.780_738 },
    Near { double_exponential: 0.029_553, normal: 6.055_365 },
];
/// The square up to which surprise is told from these.
const FAR: f32 = 8.0;
/// What a residual within one scale counts for a shift.
const WITHIN: f32 = 0.8;

struct Near {
    double_exponential: f64,
    normal: f64,
}

const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
/// The tail is fitted to that share of all residuals, and to no fewer than these.
const TAIL_SHARE: f64 = 0.02;
const LEAST_EXCESSES: f64 = 8.0;
const PRIOR: f64 = 8.0;
/// Values between two fits, once there are that many; before, one in sixteen is news enough.
const REFIT: u8 = 64;
const YOUNG: f32 = 128.0;
const NEWS: f32 = 16.0;
/// What an interval leaves on either side.
const INTERVAL_SHARE: f64 = 0.005;
const PRIOR_EXCESSES: f64 = 5.0;
/// Mean log excess of a tail falling with the fourth power.
const PRIOR_LOG_MEAN: f64 = 0.25;
/// Of a residual when the weights were just halved. Units: sixteenths and less of a residual are
/// told apart, and a tail as long as its memory fits the bins unless nearly all of it is in one.
const LEAST_WEIGHT: f32 = 16.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decay::{Memory, Span};

    fn learned(residuals: impl Iterator<Item = f64>) -> Tail {
        let span = Span::Samples(1e5);
        let mut gains = Gains::default();
        gains.refresh(1.0, 1.0, &Memory { level: span, slope: span, scale: span, tail: span });
        let mut tail = Tail::new();
        residuals.for_each(|z| tail.learn(z as f32, 1.0, &gains));
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
            let (ours, truth) = (f64::from(tail.strange(z as f32).surprise), normal_surprise(z));
            assert!(ours <= truth + 1e-6 && ours > 0.65 * truth, "{z}: {ours} of {truth}");
        }
    }

    #[test]
    fn a_heavy_tail_is_less_surprised_and_never_saturates() {
        let heavy = learned((1..20_000).map(|i| (f64::from(i) / 20_000.0).powf(-0.5) - 0.9));
        let light = learned((1..20_000).map(|i| f64::from(i % 200) / 100.0));
        assert!(heavy.strange(20.0).surprise < 0.5 * light.strange(20.0).surprise);
        for tail in [heavy, light] {
            let far = [30.0, 60.0, 1e3, 1e6].map(|z| tail.strange(z).surprise);
            assert!(far.windows(2).all(|pair| pair[1] > pair[0]), "{far:?}");
        }
    }
}
