//! One series, watched.

use std::sync::Arc;

use crate::alarm::{Alarm, Course};
use crate::cadence::Arrival;
use crate::config::Config;
use crate::flatline::Flatline;
use crate::model::{Forecast, MOST_Z, Model};
use crate::sample::{Sample, UnixNanos};
use crate::shift::Direction;
use crate::signal::{Kind, Observation, Signal, State};
use crate::tail::normal_deviate;

/// A streaming detector: constant work and no allocation per sample, no clock.
///
/// Samples come in the order of their instants. One at the instant of the last value, or earlier,
/// is counted, answered with the expectation alone and teaches nothing. A missing sample does not
/// stand in the way of a value that comes after it with an earlier instant.
#[derive(Debug, Clone)]
pub struct Detector {
    pub(crate) config: Arc<Config>,
    pub(crate) model: Model,
    pub(crate) alarm: Option<Alarm>,
    pub(crate) absent: bool,
    pub(crate) stats: Stats,
}

/// What a detector has seen and said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// Values taken.
    pub values: u64,
    /// Samples without a value.
    pub missing: u64,
    /// Samples older than the last value.
    pub late: u64,
    /// Samples at the instant of the last value.
    pub duplicate: u64,
    /// Alarms that began, missing data included; a spike that became a shift is one.
    pub alarms: u64,
    /// Alarms that lasted until they became the new normal.
    pub adopted: u64,
}

/// Evidence of one value, each over what is needed.
struct Evidence {
    residual: f64,
    spike: f64,
    flat: f64,
    shift: crate::shift::Shift,
}

impl Detector {
    /// A detector that has seen nothing. Detectors may share a configuration. Allocates the
    /// season's profile, and nothing later.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let model = Model::new(&config);
        Self { config, model, alarm: None, absent: false, stats: Stats::default() }
    }

    /// Takes the next sample and says what it makes of it.
    pub fn observe(&mut self, sample: Sample) -> Observation {
        let Sample { at, .. } = sample;
        match self.model.cadence.arrival(at) {
            Arrival::Duplicate => self.stats.duplicate += 1,
            Arrival::Late => self.stats.late += 1,
            Arrival::InOrder => {
                return match sample.present() {
                    Some(value) => self.value(at, value),
                    None => self.nothing(at),
                };
            }
        }
        self.unjudged(at, sample.present().unwrap_or(f64::NAN))
    }

    /// Learning or watching.
    pub fn state(&self) -> State {
        let (have, need) = (self.model.trend.seen(), self.config.learning);
        if have < need { State::Warming { have, need } } else { State::Ready }
    }

    /// Whether at this instant the series has been without a value for longer than
    /// [`Config::missing_after`] allows.
    pub fn is_silent_at(&self, now: UnixNanos) -> bool {
        let last = self.model.cadence.last_value();
        self.config.missing_after.zip(last).is_some_and(|(allowed, last)| now.since(last) > allowed)
    }

    /// What was seen and said so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn value(&mut self, at: UnixNanos, value: f64) -> Observation {
        self.stats.values += 1;
        self.absent = false;
        let state = self.state();
        if let Some(seconds) = self.model.cadence.value_at(at) {
            let spacing = self.model.cadence.spacing();
            self.model.gains.refresh(seconds, spacing, &self.config.memory);
        }
        let flat = self.model.flat.get_or_insert_with(|| Flatline::new(at, value));
        let change = flat.observe(at, value);
        self.model.scale.first_move(change);
        if self.model.trend.is_starting() {
            if let Some(scale) = self.model.trend.start(value) {
                self.model.scale.start(scale);
            }
            return Observation { state, ..self.unjudged(at, value) };
        }
        let forecast = self.model.forecast(at, &self.config);
        let (lower, upper) = self.model.interval(&forecast);
        let quiet = Observation {
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
        if state != State::Ready {
            self.model.learn(at, value, change, &forecast);
            return quiet;
        }
        let evidence = self.weigh(at, value, &forecast);
        self.judge(at, value, change, &forecast, &evidence);
        self.conclude(quiet, &evidence, forecast.carried)
    }

    /// Puts figures on a value.
    fn weigh(&mut self, at: UnixNanos, value: f64, forecast: &Forecast) -> Evidence {
        let model = &mut self.model;
        model.limits.refresh(model.cadence.per_week(), &self.config);
        let residual = value - forecast.expected;
        let z = (residual / forecast.scale).clamp(-MOST_Z, MOST_Z);
        let surprise = model.tail.surprise(z);
        let deviate = normal_deviate(surprise).copysign(z);
        let shift = model.cusum.observe(at, deviate, residual, model.limits.shift);
        // A series whose moves do not matter may as well stand still.
        let moves_matter = model.scale.floored(forecast.expected) > self.config.scale_floor;
        let flat = model.flat.as_ref().filter(|_| moves_matter).map_or(0.0, Flatline::surprise);
        let limit = model.limits.surprise;
        Evidence { residual, spike: surprise / limit, flat: flat / limit, shift }
    }

    /// Begins, follows or ends an alarm, and learns when there is none.
    fn judge(
        &mut self,
        at: UnixNanos,
        value: f64,
        change: f64,
        forecast: &Forecast,
        evidence: &Evidence,
    ) {
        let Evidence { residual, spike, flat, ref shift } = *evidence;
        let direction = Direction::of(residual);
        let was_on = self.alarm.is_some();
        if let Some(alarm) = &mut self.alarm {
            alarm.strengthen(shift);
            let course =
                alarm.follow(value - forecast.season, residual, spike >= SUSPECT, change != 0.0);
            if course == Course::Ends || (spike >= 1.0 && direction != alarm.direction) {
                if alarm.kind == Kind::LevelShift {
                    self.model.cusum.reset();
                }
                self.alarm = None;
            }
        }
        if self.alarm.is_none() {
            let begun = if shift.ratio >= 1.0 && !was_on {
                Some((Kind::LevelShift, shift.direction, shift.onset, shift.size, shift.ratio))
            } else if spike >= 1.0 {
                Some((Kind::Spike, direction, at, residual, spike))
            } else if flat >= 1.0 {
                let since = self.model.flat.as_ref().map_or(at, Flatline::since);
                Some((Kind::Flatline, direction, since, 0.0, flat))
            } else {
                None
            };
            if let Some((kind, direction, onset, size, ratio)) = begun {
                let mut alarm = Alarm::new(kind, direction, onset, size, ratio);
                alarm.follow(value - forecast.season, residual, true, false);
                self.alarm = Some(alarm);
                self.stats.alarms += 1;
                let z = (residual / forecast.scale).clamp(-MOST_Z, MOST_Z);
                self.model.tail.learn(z, ALARM_SHARE, &self.model.gains);
            }
        }
        match &self.alarm {
            None if spike >= SUSPECT => self.model.suspect(value, forecast),
            None => self.model.learn(at, value, change, forecast),
            Some(alarm) => {
                self.model.freeze(at, value, forecast);
                let spacing = self.model.cadence.spacing();
                let patience = self.config.adopt_after.ticks(spacing) * spacing;
                if at.since(alarm.onset).as_secs_f64() >= patience {
                    let (level, spread) = alarm.brought();
                    self.model.adopt(level, spread);
                    self.alarm = None;
                    self.stats.adopted += 1;
                }
            }
        }
    }

    /// The observation, with the alarm and the score put in.
    fn conclude(&self, quiet: Observation, evidence: &Evidence, carried: f64) -> Observation {
        let ratio = evidence.spike.max(evidence.shift.ratio).max(evidence.flat);
        let score = ratio / (1.0 + ratio);
        let Some(alarm) = &self.alarm else {
            return Observation { score: score.min(MOST_QUIET), ..quiet };
        };
        let past = (alarm.ratio.max(ratio) - 1.0).max(0.0) * self.model.limits.surprise;
        let signal = Signal {
            kind: alarm.kind,
            onset: alarm.onset,
            at: quiet.at,
            direction: alarm.direction,
            size: alarm.size,
            confidence: 1.0 - 0.5 * (-past).exp(),
            // What a change carries over from its own first values was not expected before it.
            expected: quiet.expected - carried,
            lower: quiet.lower - carried,
            upper: quiet.upper - carried,
            seen: quiet.seen,
        };
        Observation { score: score.max(0.5), signal: Some(signal), ..quiet }
    }

    /// A sample without a value: is the silence too long?
    fn nothing(&mut self, at: UnixNanos) -> Observation {
        self.stats.missing += 1;
        let quiet = self.unjudged(at, f64::NAN);
        let (Some(allowed), Some(last)) =
            (self.config.missing_after, self.model.cadence.last_value())
        else {
            return quiet;
        };
        let silence = at.since(last);
        if silence <= allowed || quiet.state != State::Ready {
            return quiet;
        }
        self.stats.alarms += u64::from(!self.absent);
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

    /// The expectation alone.
    fn unjudged(&self, at: UnixNanos, seen: f64) -> Observation {
        let forecast = self.model.outlook(at, &self.config);
        let (lower, upper) = self.model.interval(&forecast);
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
            state: self.state(),
        }
    }
}

/// What the value that begins an alarm weighs in the tail: what recurs all the time becomes
/// ordinary in the end, what happens now and then does not. Chosen on spikes recurring in normal
/// noise: with a tenth the second one of fifty scales was no alarm any more; the rate of false
/// alarms was the same for a tenth, a twentieth and this.
const ALARM_SHARE: f32 = 0.02;
/// Over what share of the surprise of an alarm a value is not trusted.
const SUSPECT: f64 = 0.5;
/// The highest score without a signal: just below a half.
const MOST_QUIET: f64 = 0.499_999;
