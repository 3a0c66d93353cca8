//! One series, watched.

use std::sync::Arc;

use crate::cadence::Arrival;
use crate::config::Config;
use crate::finite::smaller;
use crate::flatline::Flatline;
use crate::forecast::Forecast;
use crate::sample::{Sample, UnixNanos};
use crate::shift::Direction;
use crate::signal::{Kind, Observation, Signal, State};
use crate::watch::{Arrived, Evidence, Stats, Watch};

/// A streaming detector: constant work and no allocation per sample, no clock.
///
/// A series takes 1,048 bytes, side by side; a season's profile, forecasts and the search for a
/// season come on top, allocated when the detector is made ([`Detector::size_bytes`] counts all). An
/// ordinary value touches at most 784 of them, 13 lines of a cache: what blocks of 32 values are
/// usually like stands at the end and is touched by one value in 32. Little branches on the noise
/// of the series, rates are worked out anew when the spacing changes by more than a hundredth, and
/// logarithms are taken for residuals past 2.8 scales, at the end of a block, and once in 64
/// values.
///
/// Samples come in the order of their instants. One at the instant of the last value, or earlier,
/// is counted, answered with the expectation alone and teaches nothing. A missing sample does not
/// stand in the way of a value that comes after it with an earlier instant.
#[derive(Debug, Clone)]
pub struct Detector {
    pub(crate) config: Arc<Config>,
    pub(crate) watch: Watch,
    pub(crate) absent: bool,
}

impl Detector {
    /// A detector that has seen nothing. Detectors may share a configuration. Allocates the
    /// season's profile, and nothing later.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let watch = Watch::new(&config);
        Self { config, watch, absent: false }
    }

    /// Takes the next sample and says what it makes of it.
    pub fn observe(&mut self, sample: Sample) -> Observation {
        let Sample { at, .. } = sample;
        match self.watch.model.cadence.arrival(at) {
            Arrival::Duplicate => self.watch.stats.duplicate += 1,
            Arrival::Late => self.watch.stats.late += 1,
            Arrival::InOrder => {
                return match sample.present() {
                    Some(value) => self.value(at, value),
                    None => self.nothing(at),
                };
            }
        }
        unjudged(&self.config, &self.watch, at, sample.present().unwrap_or(f64::NAN))
    }

    /// Learning or watching.
    pub fn state(&self) -> State {
        state(&self.config, &self.watch)
    }

    /// Whether at this instant the series has been without a value for longer than
    /// [`Config::missing_after`] allows.
    pub fn is_silent_at(&self, now: UnixNanos) -> bool {
        let last = self.watch.model.cadence.last_value();
        self.config.missing_after.zip(last).is_some_and(|(allowed, last)| now.since(last) > allowed)
    }

    /// When the last value was taken.
    pub fn last_value(&self) -> Option<UnixNanos> {
        self.watch.model.cadence.last_value()
    }

    /// The memory it takes, season and forecasts included, without the configuration, which
    /// detectors may share.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.watch.heap_bytes()
    }

    /// What was seen and said so far.
    pub fn stats(&self) -> Stats {
        self.watch.stats
    }

    fn value(&mut self, at: UnixNanos, value: f64) -> Observation {
        self.absent = false;
        let Self { config, watch, .. } = self;
        watch.stats.values += 1;
        let state = state(config, watch);
        let model = &mut watch.model;
        model.arrive(at, config);
        let flat = model.flat.get_or_insert_with(|| Flatline::new(at, value));
        let change = flat.observe(at, value);
        let outside = config.outside(value);
        if model.trend.is_starting() && outside == 0.0 {
            // What was expected before this value taught anything; of the first one itself.
            let first = model.trend.seen() == 0;
            let before = (!first).then(|| unjudged(config, watch, at, value));
            let model = &mut watch.model;
            model.scale.first_move(change);
            model.start(value);
            watch.alarm = None;
            let quiet = before.unwrap_or_else(|| unjudged(config, watch, at, value));
            return Observation { state, ..quiet };
        }
        let mut forecast = model.forecast(at, config);
        let (lower, upper) = model.interval(&forecast);
        let mut said = Observation {
            at,
            seen: value,
            expected: forecast.expected,
            lower,
            upper,
            score: 0.0,
            judged: state == State::Ready,
            signal: None,
            state,
        };
        if watch.alarm.as_ref().is_none_or(|alarm| alarm.kind == Kind::Spike) {
            model.reconsider(&mut forecast, value);
        }
        let arrived = Arrived { at, value, change, forecast };
        if outside != 0.0 {
            watch.out_of_range(&arrived, outside);
            said.judged = true;
            conclude(watch, &mut said, 1.0, 0.0);
            return said;
        }
        model.scale.first_move(change);
        if state == State::Ready {
            let evidence: Evidence = watch.weigh(config, &arrived);
            watch.judge(config, &arrived, &evidence);
            conclude(watch, &mut said, evidence.ratio(), arrived.forecast.carried);
        } else {
            watch.alarm = None;
            watch.warm(config, &arrived);
        }
        if watch.horizons.is_some() {
            watch.look_ahead(config, at, value);
        }
        said
    }

    /// A sample without a value: is the silence too long?
    fn nothing(&mut self, at: UnixNanos) -> Observation {
        self.watch.stats.missing += 1;
        let quiet = unjudged(&self.config, &self.watch, at, f64::NAN);
        let (Some(allowed), Some(last)) =
            (self.config.missing_after, self.watch.model.cadence.last_value())
        else {
            return quiet;
        };
        let silence = at.since(last);
        if silence <= allowed || quiet.state != State::Ready {
            return quiet;
        }
        self.watch.stats.alarms += u64::from(!self.absent);
        self.absent = true;
        let ratio = silence.as_secs_f64() / allowed.as_secs_f64().max(1e-9);
        let signal = Signal {
            kind: Kind::Missing,
            onset: last,
            at,
            direction: Direction::Down,
            size: silence.as_secs_f64(),
            confidence: 1.0 - 0.5 / ratio,
            expected: quiet.expected,
            lower: quiet.lower,
            upper: quiet.upper,
            seen: f64::NAN,
        };
        Observation { score: ratio / (1.0 + ratio), signal: Some(signal), ..quiet }
    }
}

/// Learning or watching.
fn state(config: &Config, watch: &Watch) -> State {
    let (have, need) = (watch.model.trend.seen(), config.learning);
    if have < need { State::Warming { have, need } } else { State::Ready }
}

/// Puts in the alarm and the score.
fn conclude(watch: &Watch, said: &mut Observation, ratio: f64, carried: f64) {
    let score = ratio / (1.0 + ratio);
    let Some(alarm) = &watch.alarm else {
        said.score = smaller(score, MOST_QUIET);
        return;
    };
    let past = (alarm.ratio().max(ratio) - 1.0).max(0.0) * f64::from(watch.model.limits.surprise());
    said.score = score.max(0.5);
    said.signal = Some(Signal {
        kind: alarm.kind,
        onset: alarm.onset,
        at: said.at,
        direction: alarm.direction,
        size: alarm.size,
        confidence: 1.0 - 0.5 * (-past).exp(),
        // What a change carries over from its own first values was not expected before it.
        expected: said.expected - carried,
        lower: said.lower - carried,
        upper: said.upper - carried,
        seen: said.seen,
    });
}

/// The expectation alone.
fn unjudged(config: &Config, watch: &Watch, at: UnixNanos, seen: f64) -> Observation {
    let forecast = watch.model.outlook(at, config);
    let (lower, upper) = watch.model.interval(&forecast);
    let Forecast { expected, .. } = forecast;
    Observation {
        at,
        seen,
        expected,
        lower,
        upper,
        score: 0.0,
        judged: false,
        signal: None,
        state: state(config, watch),
    }
}

/// The highest score without a signal: just below a half.
const MOST_QUIET: f64 = 0.499_999;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::Habits;
    use crate::season::Season;

    /// What the documentation says: a reader counts on it for a million series.
    #[test]
    fn a_series_takes_a_kilobyte() {
        let bytes = |config: Config| Detector::new(config).size_bytes();
        assert_eq!(bytes(Config::default()), 1048);
        assert_eq!(bytes(Config::default().season(Season::week())), 2072);
        assert_eq!(size_of::<Habits>(), 264, "the part that a block touches, and a value does not");
    }
}
