//! From what a model makes of a value to an alarm: begun, followed, ended, or become the new
//! normal.

use crate::alarm::{Alarm, Course};
use crate::blocks::{Needed, Slow};
use crate::config::Config;
use crate::finite::{larger, smaller};
use crate::flatline::Flatline;
use crate::forecast::Forecast;
use crate::horizons::Horizons;
use crate::model::Model;
use crate::rhythm::Rewritten;
use crate::sample::UnixNanos;
use crate::shift::{Direction, Shift};
use crate::signal::Kind;
use crate::tail::Strange;

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

/// A model and the alarm it is in.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Watch {
    pub(crate) model: Model,
    pub(crate) alarm: Option<Alarm>,
    pub(crate) horizons: Option<Box<Horizons>>,
    pub(crate) stats: Stats,
}

/// A value, and what it is against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) at: UnixNanos,
    pub(crate) value: f64,
    /// Away from the value before.
    pub(crate) change: f64,
    pub(crate) forecast: Forecast,
}

/// Evidence of one value, each over what is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    residual: f64,
    spike: f32,
    flat: f32,
    shift: f32,
}

impl Evidence {
    /// Whether nothing can begin with the value.
    fn is_quiet(&self) -> bool {
        self.spike < SUSPECT && self.shift < 1.0 && self.flat < 1.0
    }

    /// The most of it.
    pub(crate) fn ratio(&self) -> f64 {
        let single = if self.spike > self.flat { self.spike } else { self.flat };
        if single > self.shift { single } else { self.shift }.into()
    }
}

impl Watch {
    pub(crate) fn new(config: &Config) -> Self {
        let horizons = config.forecasts.then(|| Box::new(Horizons::new()));
        Self { model: Model::new(config), alarm: None, horizons, stats: Stats::default() }
    }

    /// Bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.model.heap_bytes() + self.horizons.as_ref().map_or(0, |_| size_of::<Horizons>())
    }

    /// A value outside of the known range: told, and never learned from.
    pub(crate) fn out_of_range(&mut self, arrived: &Arrived, outside: f64) {
        let direction = Direction::of(outside);
        let goes_on = self.alarm.as_ref().filter(|a| a.kind == Kind::OutOfRange);
        if goes_on.is_none_or(|alarm| alarm.direction != direction) {
            self.begin(Kind::OutOfRange, direction, arrived.at, arrived.at, outside, MOST_RATIO);
        } else if let Some(alarm) = &mut self.alarm
            && outside.abs() > alarm.size.abs()
        {
            alarm.size = outside;
        }
        self.model.freeze(arrived.at, arrived.forecast.expected, &arrived.forecast);
    }

    /// Learns from a value while nothing is judged yet.
    #[cold]
    pub(crate) fn warm(&mut self, config: &Config, arrived: &Arrived) {
        let Arrived { at, value, change, ref forecast } = *arrived;
        self.look_slowly(config, arrived);
        self.model.learn(at, value, change, forecast);
    }

    /// Puts figures on a value.
    pub(crate) fn weigh(&mut self, config: &Config, arrived: &Arrived) -> Evidence {
        let Arrived { at, value, ref forecast, .. } = *arrived;
        let model = &mut self.model;
        let residual = value - forecast.expected;
        let z = forecast.standardised(residual);
        let Strange { surprise, deviate } = model.tail.strange(z);
        let deviate = deviate.copysign(z);
        let shift = {
            // An estimate of how much is remembered errs, and what it errs by adds up.
            let limit = model.limits.shift() * (1.0 + DOUBT * model.persistence.correlation());
            model.cusum.observe(at, deviate, residual, limit)
        };
        // A series whose moves do not matter may as well stand still.
        let moves_matter = || model.scale.floored(forecast.expected) > config.scale_floor;
        let run = model.flat.as_ref().map_or(0.0, Flatline::surprise);
        let flat = if run > 0.0 && moves_matter() { run as f32 } else { 0.0 };
        let limit = model.limits.surprise();
        Evidence { residual, spike: surprise / limit, flat: flat / limit, shift }
    }

    /// Begins, follows or ends an alarm, and learns when there is none.
    pub(crate) fn judge(&mut self, config: &Config, arrived: &Arrived, evidence: &Evidence) {
        let Arrived { at, value, change, ref forecast } = *arrived;
        if self.alarm.is_some() {
            return self.judge_change(config, arrived, evidence);
        }
        let slow = self.look_slowly(config, arrived);
        let rewritten = self.look_at_season(arrived);
        if evidence.is_quiet() && slow.is_none() && rewritten.is_none() {
            // Nearly all values end here.
            self.model.learn(at, value, change, forecast);
        } else {
            self.conclude(config, arrived, evidence, false, (slow, rewritten));
        }
    }

    /// Judges while an alarm is on.
    #[cold]
    fn judge_change(&mut self, config: &Config, arrived: &Arrived, evidence: &Evidence) {
        self.follow(arrived, evidence);
        let found = (self.look_slowly(config, arrived), self.look_at_season(arrived));
        self.conclude(config, arrived, evidence, true, found);
    }

    #[cold]
    fn conclude(
        &mut self,
        config: &Config,
        arrived: &Arrived,
        evidence: &Evidence,
        was_on: bool,
        (slow, rewritten): (Option<Slow>, Option<Rewritten>),
    ) {
        let Arrived { at, value, change, ref forecast } = *arrived;
        if self.alarm.is_none() {
            self.find(arrived, evidence, was_on);
        }
        // Moves, and other noise, are what a changed season looks like at first.
        let explains = |on: &Alarm| on.moves() || on.kind == Kind::VarianceChange;
        let open = self.alarm.as_ref().is_none_or(|alarm| alarm.kind == Kind::Spike);
        if let Some(season) = rewritten.filter(|_| self.alarm.as_ref().is_none_or(explains)) {
            let Rewritten { onset, change, amplitude, ratio } = season;
            let way = Direction::of(change);
            self.begin(Kind::SeasonChange, way, onset, at, change * amplitude, ratio);
        } else if let Some(slow) = slow.filter(|_| open) {
            self.find_slow(at, slow, forecast.scale);
        }
        match &self.alarm {
            Some(alarm) if !alarm.teaches() => {
                self.model.freeze(at, value, forecast);
                self.adopt_when_patience_ends(config, at);
            }
            on => {
                let lasting = on.is_some();
                if evidence.spike >= SUSPECT && !lasting {
                    self.model.suspect(value, forecast);
                } else {
                    self.model.learn(at, value, change, forecast);
                }
                if lasting {
                    self.adopt_when_patience_ends(config, at);
                }
            }
        }
    }

    /// Compares forecasts that are due, and makes new ones.
    pub(crate) fn look_ahead(&mut self, config: &Config, at: UnixNanos, value: f64) {
        let Some(horizons) = &mut self.horizons else { return };
        let model = &self.model;
        let standing = model.standing(at, config);
        let season = |at| model.season_at(at, config);
        horizons.observe(value, &standing, season, |ticks| model.carried(ticks));
    }

    fn follow(&mut self, arrived: &Arrived, evidence: &Evidence) {
        let Evidence { residual, spike, shift, .. } = *evidence;
        let Arrived { at, value, change, ref forecast } = *arrived;
        let Some(alarm) = &mut self.alarm else { return };
        if alarm.teaches() {
            return;
        }
        alarm.strengthen(&self.model.cusum.shift(shift));
        let restless = alarm.kind == Kind::VarianceChange && !self.model.is_calm();
        let strange = spike >= SUSPECT || restless;
        let course = alarm.follow(at, value - forecast.season, residual, strange, change != 0.0);
        let turned = spike >= 1.0
            && Direction::of(residual) != alarm.direction
            && alarm.kind != Kind::VarianceChange;
        if course == Course::Ends || turned {
            if matches!(alarm.kind, Kind::LevelShift | Kind::SlopeChange) {
                self.model.cusum.reset();
            }
            self.alarm = None;
        }
    }

    /// What a single value begins.
    fn find(&mut self, arrived: &Arrived, evidence: &Evidence, was_on: bool) {
        let Evidence { residual, spike, flat, shift } = *evidence;
        let Arrived { at, value, ref forecast, .. } = *arrived;
        let direction = Direction::of(residual);
        let (kind, direction, onset, size, ratio) = if shift >= 1.0 && !was_on {
            let Shift { direction, onset, size, ratio } = self.model.cusum.shift(shift);
            (Kind::LevelShift, direction, onset, size, ratio)
        } else if spike >= 1.0 {
            (Kind::Spike, direction, at, residual, spike)
        } else if flat >= 1.0 {
            let since = self.model.flat.as_ref().map_or(at, Flatline::since);
            (Kind::Flatline, direction, since, 0.0, flat)
        } else {
            return;
        };
        self.begin(kind, direction, onset, at, size, ratio.into());
        if let Some(alarm) = &mut self.alarm {
            alarm.follow(at, value - forecast.season, residual, true, false);
        }
        let z = forecast.standardised(residual);
        self.model.tail.learn(z, ALARM_SHARE, &self.model.gains);
    }

    fn find_slow(&mut self, at: UnixNanos, slow: Slow, scale: f64) {
        match slow {
            Slow::Drift { onset, direction, size, ratio } => {
                self.begin(Kind::SlopeChange, direction, onset, at, size, ratio);
            }
            Slow::Spread { onset, direction, size, ratio } => {
                self.begin(Kind::VarianceChange, direction, onset, at, size * scale, ratio);
            }
        }
    }

    fn begin(
        &mut self,
        kind: Kind,
        direction: Direction,
        onset: UnixNanos,
        at: UnixNanos,
        size: f64,
        ratio: f64,
    ) {
        // What a move turns into is the same alarm.
        let again = self.alarm.as_ref().is_some_and(|on| on.moves() && kind != Kind::OutOfRange);
        self.stats.alarms += u64::from(!again);
        self.alarm = Some(Alarm::new(kind, direction, onset, at, size, ratio));
    }

    /// Blocks see what is ordinary, and spikes, which they clip.
    fn look_slowly(&mut self, config: &Config, arrived: &Arrived) -> Option<Slow> {
        let blind = [Kind::LevelShift, Kind::Flatline, Kind::OutOfRange];
        if self.alarm.as_ref().is_some_and(|a| blind.contains(&a.kind)) {
            return None;
        }
        let Arrived { at, value, ref forecast, .. } = *arrived;
        let Forecast { expected, season, edge, scale, per_unit, .. } = *forecast;
        let residual = value - expected;
        let clipped = expected + smaller(larger(residual, -FAR * scale), FAR * scale);
        // Where the season is steep nobody knows its minute: errors there are not noise.
        let steep = 0.5 * edge >= 0.9 * scale;
        let deviation = (!steep).then_some((residual * per_unit) as f32);
        if !self.model.add_to_block(at, clipped - season, deviation) {
            return None;
        }
        let (evidence, floor) = (self.model.limits.slow(), config.scale_floor.max(2.0 * edge));
        self.model.end_block(at, Needed { evidence, floor, deviation: floor * per_unit })
    }

    fn look_at_season(&mut self, arrived: &Arrived) -> Option<Rewritten> {
        let Arrived { at, value, ref forecast, .. } = *arrived;
        let said = self.model.look_at_season(at, value, forecast)?;
        Some(said)
    }

    /// An alarm that lasted is the new normal.
    fn adopt_when_patience_ends(&mut self, config: &Config, at: UnixNanos) {
        let Some(alarm) = &self.alarm else { return };
        let spacing = self.model.cadence.spacing();
        let patience = config.adopt_after.ticks(spacing) * spacing;
        let since = if alarm.teaches() { alarm.begun } else { alarm.onset };
        if at.since(since).as_secs_f64() < patience {
            return;
        }
        match alarm.kind {
            // Found in blocks: the model went on learning.
            _ if alarm.teaches() => {}
            Kind::OutOfRange => return,
            Kind::VarianceChange => {
                let (_, spread, _) = alarm.brought();
                self.model.adopt_spread(spread);
            }
            _ => {
                let (level, spread, slope) = alarm.brought();
                self.model.adopt(level, spread, slope * spacing);
            }
        }
        self.alarm = None;
        self.stats.adopted += 1;
    }

    /// Whether a restored watch can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn flaw(&self, config: &Config) -> Option<&'static str> {
        if !self.model.is_sound(config) {
            return Some("model");
        }
        if !self.horizons.as_deref().is_none_or(Horizons::is_sound)
            || self.horizons.is_some() != config.forecasts
        {
            return Some("forecasts");
        }
        (!self.alarm.as_ref().is_none_or(Alarm::is_sound)).then_some("alarm")
    }
}

/// What the value that begins an alarm weighs in the tail: what recurs all the time becomes
/// ordinary in the end, what happens now and then does not. Chosen on spikes recurring in normal
/// noise: with a tenth the second one of fifty scales was no alarm any more; the rate of false
/// alarms was the same for a tenth, a twentieth and this.
const ALARM_SHARE: f32 = 0.02;
/// How much more evidence for a shift is asked of a series that remembers itself wholly.
const DOUBT: f32 = 0.2;
/// Over what share of the surprise of an alarm a value is not trusted.
const SUSPECT: f32 = 0.5;
/// Scales out that a block takes of a single value.
const FAR: f64 = 4.0;
/// As sure as a range that cannot be left makes it.
const MOST_RATIO: f64 = 2.0;
