//! A season over another one: on trial first, and part of what is expected once it has explained a
//! period that it was not learned from.

use std::time::Duration;

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;
use crate::season::{Profile, Season};

/// A season, and whether it takes part.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Layer {
    period: Duration,
    profile: Profile,
    /// On trial: it is learned, and takes no part.
    trial: Option<Trial>,
}

/// A season on trial: a period to gather it, one to judge it by, one more to learn, and so on.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Trial {
    /// When the period under way began, and the value before this one.
    began: Option<UnixNanos>,
    last: Option<UnixNanos>,
    /// What values and the season have been of late: a trend follows what is slower, so that only
    /// what is not counts, and series that wander do not look alike.
    of_values: f64,
    of_season: f64,
    /// What is left with the season, and all there is without.
    with: Spread,
    without: Spread,
    count: u32,
    judged: u8,
    learns: bool,
}

impl Trial {
    /// Takes a value of a period, and what the season says of it.
    fn judge(&mut self, at: UnixNanos, period: Duration, value: f64, season: f64) {
        let elapsed = self.last.map_or(Duration::MAX, |last| at.since(last));
        let gain = 1.0 - (-RECENT * elapsed.as_secs_f64() / period.as_secs_f64()).exp();
        let (value_off, season_off) = (value - self.of_values, season - self.of_season);
        self.of_values += gain * value_off;
        self.of_season += gain * season_off;
        // The first value is where both start from.
        if self.last.replace(at).is_some() {
            self.without.add(value_off);
            self.with.add(value_off - season_off);
            self.count += 1;
        }
    }

    #[cfg(feature = "serde")]
    fn is_sound(&self) -> bool {
        let Self { of_values, of_season, with, without, .. } = *self;
        let sums = [with.sum, with.square, without.sum, without.square];
        sums.iter().chain(&[of_values, of_season]).all(|v| learnable(*v))
    }
}

/// Sums about the mean: steady growth is no season.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Spread {
    sum: f64,
    square: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.square += value * value;
    }

    fn of(self, count: u32) -> f64 {
        self.square - self.sum * self.sum / f64::from(count.max(1))
    }
}

impl Layer {
    /// On trial.
    pub(crate) fn new(period: Duration, slots: u16) -> Self {
        let profile = Profile::new(Season::new(period, slots));
        Self { period, profile, trial: Some(Trial::default()) }
    }

    /// Its period.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// Whether it takes no part yet.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Whether it was not judged yet.
    pub(crate) fn is_untried(&self) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.judged == 0)
    }

    /// Its part at an instant of local time, and how far apart its slots are there; nothing while
    /// on trial.
    pub(crate) fn offset(&self, at: UnixNanos) -> (f64, f64) {
        if self.is_on_trial() { (0.0, 0.0) } else { self.profile.offset(self.profile.phase(at)) }
    }

    /// Learns from a value without the other seasons' parts, and from the innovation when that can
    /// be trusted. Whether the trial was passed, when it ends.
    pub(crate) fn learn(
        &mut self,
        at: UnixNanos,
        value: f64,
        innovation: Option<f64>,
    ) -> Option<bool> {
        if self.is_on_trial() {
            return self.try_on(at, value);
        }
        if let Some(innovation) = innovation {
            self.profile.learn(at, self.profile.phase(at), value, innovation);
        }
        None
    }

    /// Bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.profile.heap_bytes()
    }

    /// Whether a restored one can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self, most_slots: u16) -> bool {
        self.trial.as_ref().is_none_or(Trial::is_sound) && self.profile.is_found(most_slots)
    }

    /// Learns from a value while on trial; once a period is over, whether it explained enough of
    /// it, or too little too often.
    fn try_on(&mut self, at: UnixNanos, value: f64) -> Option<bool> {
        let trial = self.trial.as_mut()?;
        if self.profile.is_gathering() {
            self.profile.learn(at, self.profile.phase(at), value, 0.0);
            return None;
        }
        let began = *trial.began.get_or_insert(at);
        let season = self.profile.offset(self.profile.phase(at)).0;
        if at.since(began) < self.period || (!trial.learns && trial.count < LEAST_VALUES) {
            trial.judge(at, self.period, value, season);
            if trial.learns {
                let left = (value - trial.of_values) - (season - trial.of_season);
                self.profile.learn(at, self.profile.phase(at), value, left);
            }
            return None;
        }
        let (learns, judged) = (!trial.learns, trial.judged + u8::from(!trial.learns));
        let (with, without) = (trial.with.of(trial.count), trial.without.of(trial.count));
        if learns && with <= (1.0 - LEAST_GAIN) * without {
            self.trial = None;
            return Some(true);
        }
        *trial = Trial { judged, learns, ..Trial::default() };
        (judged >= MOST_TRIALS).then_some(false)
    }
}

/// Values that a season is judged by at the least, a whole period in any case.
const LEAST_VALUES: u32 = 128;
/// What a season must explain of a period that it was not learned from.
const LEAST_GAIN: f64 = 0.2;
/// Periods in which it may show that.
const MOST_TRIALS: u8 = 3;
/// How much shorter than the period is what of late means.
const RECENT: f64 = 16.0;
