//! How wrong forecasts turn out to be, by how far they look ahead.

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// Forecasts under way, one for each of eight distances (1, 4, 16 … 16,384 usual spacings), and
/// what those before them taught: how far the level drifts in that time, and within which
/// distance nine in ten values were found. The distance follows by stochastic approximation
/// (Robbins and Monro 1951; for forecasts Gibbs and Candès 2021), so that it holds what it says
/// whatever the series is like. A distance is touched when its forecast is due: one value in four
/// touches the second, one in sixteen the third.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Horizons {
    /// When the forecast of each distance is due.
    due: [Option<UnixNanos>; DISTANCES],
    /// How many distances, from the shortest on, speak for themselves.
    tested: u8,
    /// Whether a season took part.
    seasonal: bool,
    distances: [Distance; DISTANCES],
}

#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Distance {
    /// The level when the forecast was made, and the value it expects.
    level: f64,
    expected: f64,
    /// What the level gains in this time, and by how much that differs.
    drift: f64,
    drift_size: f64,
    /// Mean distance between forecast and value, in scales.
    size: f64,
    /// Logarithm of how much more than a normal's share of that nine in ten values keep to.
    adjusted: f32,
    resolved: u32,
}

/// What a model knows when it forecasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) at: UnixNanos,
    /// Usual seconds between values.
    pub(crate) spacing: f64,
    /// The level without season.
    pub(crate) level: f64,
    pub(crate) scale: f64,
    /// Whether a season takes part.
    pub(crate) seasonal: bool,
}

impl Horizons {
    pub(crate) fn new() -> Self {
        let mut distances = [Distance::default(); DISTANCES];
        for (distance, ticks) in distances.iter_mut().zip(TICKS) {
            // As a level that follows a random walk by a fiftieth a tick would have it.
            distance.size = MEAN_OF_NORMAL * (1.0 + ticks / 2500.0).sqrt();
        }
        Self { due: [None; DISTANCES], tested: 0, seasonal: false, distances }
    }

    /// Takes a value: forecasts that are due are compared with it, and new ones made.
    /// `season` is the season's part at an instant, `carried` what the last residual lets expect
    /// so many ticks ahead.
    pub(crate) fn observe(
        &mut self,
        value: f64,
        now: &Standing,
        season: impl Fn(UnixNanos) -> f64,
        carried: impl Fn(f64) -> f64,
    ) {
        if now.seasonal != self.seasonal {
            // What was learned without the season does not hold with it.
            *self = Self { seasonal: now.seasonal, ..Self::new() };
        }
        let mut farthest = None;
        for (at, ticks) in TICKS.into_iter().enumerate() {
            if let Some(due) = self.due[at] {
                if now.at < due {
                    continue;
                }
                // What came long after it was due says nothing about this distance.
                if now.at.seconds_since(due) <= LATE * ticks.max(2.0) * now.spacing {
                    self.distances[at].resolve(value, now);
                    farthest = Some(at);
                }
            }
            let seconds = (ticks * now.spacing).clamp(1e-9, MOST_SECONDS);
            let due = now.at.after(std::time::Duration::from_secs_f64(seconds));
            self.due[at] = Some(due);
            self.distances[at].expected =
                now.level + self.drift(ticks) + season(due) + carried(ticks);
            self.distances[at].level = now.level;
        }
        if farthest.is_some_and(|at| at + 1 >= usize::from(self.tested)) {
            self.extend();
        }
    }

    /// What the level gains in so many ticks.
    pub(crate) fn drift(&self, ticks: f64) -> f64 {
        let drift = |distance: &Distance| distance.trusted();
        match self.between(ticks) {
            Between::Before(first) => drift(first) * ticks / TICKS[0],
            Between::Within(low, high, part) => {
                drift(low) + part.linear * (drift(high) - drift(low))
            }
            Between::Beyond(last, times) => drift(last) * times,
        }
    }

    /// Within which distance nine in ten values are found so many ticks ahead, in scales.
    pub(crate) fn reach(&self, ticks: f64) -> f64 {
        match self.between(ticks) {
            Between::Before(first) => first.reach().exp(),
            Between::Within(low, high, part) => {
                let (low, high) = (low.reach(), high.reach());
                (low + part.logarithmic * (high - low)).exp()
            }
            // A random walk's errors grow with the square root, an unknown slope's with the time.
            Between::Beyond(last, times) => last.reach().exp() * times,
        }
    }

    fn between(&self, ticks: f64) -> Between<'_> {
        let above = TICKS.iter().position(|own| *own >= ticks);
        match above {
            Some(0) => Between::Before(&self.distances[0]),
            Some(high) => {
                let (from, to) = (TICKS[high - 1], TICKS[high]);
                let part = Part {
                    linear: (ticks - from) / (to - from),
                    logarithmic: (ticks / from).ln() / (to / from).ln(),
                };
                self.within(high, part)
            }
            None => {
                // Beyond the farthest distance that was ever tested.
                Between::Beyond(&self.distances[DISTANCES - 1], ticks / TICKS[DISTANCES - 1])
            }
        }
    }

    /// Between two distances; what was never tested goes on as the farthest that was.
    fn within(&self, high: usize, part: Part) -> Between<'_> {
        Between::Within(&self.distances[high - 1], &self.distances[high], part)
    }

    /// What no forecast has tested yet follows from the farthest that was.
    fn extend(&mut self) {
        let untested = self.distances.iter().position(|distance| distance.resolved < TESTED);
        self.tested = untested.unwrap_or(DISTANCES) as u8;
        if self.tested == 0 {
            return;
        }
        for at in 1..DISTANCES {
            let before = self.distances[at - 1];
            let distance = &mut self.distances[at];
            if distance.resolved < TESTED {
                let times = TICKS[at] / TICKS[at - 1];
                distance.drift = before.trusted() * times;
                distance.drift_size = before.drift_size * times;
                distance.size = before.size * times.sqrt();
                distance.adjusted = before.adjusted;
            }
        }
    }

    /// Whether restored horizons can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.distances.iter().all(|distance| {
            let Distance { level, expected, drift, drift_size, size, adjusted, .. } = *distance;
            learnable(level)
                && learnable(expected)
                && learnable(drift)
                && learnable(drift_size)
                && drift_size >= 0.0
                && (LEAST_SIZE..=MOST_SIZE).contains(&size)
                && adjusted.abs() <= MOST_ADJUSTED
        })
    }
}

impl Distance {
    fn resolve(&mut self, value: f64, now: &Standing) {
        self.resolved = self.resolved.saturating_add(1);
        let seen = f64::from(self.resolved);
        let error = (value - self.expected).abs() / now.scale;
        let wide = self.size * NINE_IN_TEN / MEAN_OF_NORMAL * f64::from(self.adjusted).exp();
        let outside = if error > wide { 1.0 } else { 0.0 };
        let adjusted = self.adjusted + STEP * (outside - (1.0 - COVERED as f32));
        self.adjusted = adjusted.clamp(-MOST_ADJUSTED, MOST_ADJUSTED);
        let most = if self.resolved < 4 { f64::MAX } else { 8.0 * self.size };
        let share = (1.0 / (seen + 1.0)).max(SIZE_SHARE);
        self.size += share * (error.min(most) - self.size);
        self.size = self.size.clamp(LEAST_SIZE, MOST_SIZE);
        let gained = now.level - self.level;
        let share = (1.0 / seen).max(DRIFT_SHARE);
        let most = if seen < 4.0 { f64::MAX } else { 3.0 * self.drift_size + now.scale };
        let clipped = gained.clamp(-most, most);
        self.drift_size += share * (clipped.abs() - self.drift_size);
        self.drift += share * (clipped - self.drift);
    }

    /// Logarithm of the distance, in scales, that nine in ten values keep to.
    fn reach(&self) -> f64 {
        (self.size * NINE_IN_TEN / MEAN_OF_NORMAL).ln() + f64::from(self.adjusted)
    }

    /// The drift, as far as it stands out of its own ups and downs.
    fn trusted(&self) -> f64 {
        let share = if self.drift_size > 0.0 { self.drift.abs() / self.drift_size } else { 0.0 };
        self.drift * ((share - 0.25) / 0.5).clamp(0.0, 1.0)
    }
}

/// Where a distance lies among those tested.
enum Between<'a> {
    Before(&'a Distance),
    Within(&'a Distance, &'a Distance, Part),
    Beyond(&'a Distance, f64),
}

/// How far on the way from one distance to the next.
#[derive(Clone, Copy)]
struct Part {
    linear: f64,
    logarithmic: f64,
}

const DISTANCES: usize = 8;
const TICKS: [f64; DISTANCES] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16_384.0];
/// What `reach` covers.
pub(crate) const COVERED: f64 = 0.9;
/// Ninety per cent of a normal, in standard deviations.
pub(crate) const NINE_IN_TEN: f64 = 1.644_85;
const STEP: f32 = 0.05;
const DRIFT_SHARE: f64 = 1.0 / 16.0;
/// Forecasts compared before a distance speaks for itself.
const TESTED: u32 = 3;
const LATE: f64 = 0.5;
const SIZE_SHARE: f64 = 1.0 / 128.0;
const LEAST_SIZE: f64 = 1e-9;
const MOST_SIZE: f64 = 1e30;
const MOST_ADJUSTED: f32 = 3.0;
/// Mean magnitude of a standard normal.
const MEAN_OF_NORMAL: f64 = 0.797_88;
const MOST_SECONDS: f64 = 1e9;
