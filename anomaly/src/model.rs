//! Everything learned about one series, and what it lets expect.

mod seasons;

use crate::blocks::{Blocks, Habits, Needed, Slow as SlowChange};
use crate::cadence::Cadence;
use crate::config::{Config, Limits};
use crate::decay::Gains;
use crate::finite::{larger, smaller};
use crate::flatline::Flatline;
use crate::forecast::Forecast;
use crate::hierarchy::{FOUND_SLOTS, Hierarchy};
use crate::horizons::Standing;
use crate::moments::{Persistence, Scale};
use crate::rhythm::Rhythm;
use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;
use crate::season::{Profile, Season};
use crate::shift::Cusum;
use crate::tail::Tail;
use crate::trend::{First, Trend};
use crate::zone::WallClock;

/// The learned parts, in the order of memory: what every value touches comes first and together,
/// what is touched at the end of a block or in an alarm last.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub(crate) struct Model {
    pub(crate) cadence: Cadence,
    pub(crate) gains: Gains,
    pub(crate) limits: Limits,
    pub(crate) trend: Trend,
    profile: Option<Box<Profile>>,
    rhythm: Option<Box<Rhythm>>,
    discovery: Option<Box<Hierarchy>>,
    pub(crate) scale: Scale,
    pub(crate) persistence: Persistence,
    /// The residual, in scales, of a value not trusted yet; zero for none.
    suspect: f32,
    pub(crate) wall: WallClock,
    pub(crate) cusum: Cusum,
    pub(crate) flat: Option<Flatline>,
    block: Blocks,
    pub(crate) tail: Tail,
    slow: Slow,
}

/// What blocks of values are like; before there are any, the same room holds the first values.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Slow {
    First(First),
    Habits(Habits),
}

impl Model {
    pub(crate) fn new(config: &Config) -> Self {
        let longest = config.discover.filter(|_| config.season.is_none());
        let discovery = longest.map(|longest| Box::new(Hierarchy::new(longest)));
        // A season to be found has its room from the start.
        let season = config.season.or(longest.map(|longest| Season::new(longest, FOUND_SLOTS)));
        Self {
            cadence: Cadence::default(),
            limits: Limits::default(),
            gains: Gains::default(),
            trend: Trend::default(),
            wall: WallClock::default(),
            profile: season.map(|season| Box::new(Profile::new(season))),
            rhythm: season.map(|_| Box::default()),
            discovery,
            scale: Scale::default(),
            persistence: Persistence::default(),
            tail: Tail::new(),
            cusum: Cusum::new(),
            flat: None,
            block: Blocks::new(),
            slow: Slow::First(First::default()),
            suspect: 0.0,
        }
    }

    /// Bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let season = |profile: &Profile| size_of::<Profile>() + profile.heap_bytes();
        let rhythm = self.rhythm.as_ref().map_or(0, |_| size_of::<Rhythm>());
        let discovery = |d: &Hierarchy| size_of::<Hierarchy>() + d.heap_bytes();
        let discovery = self.discovery.as_deref().map_or(0, discovery);
        self.profile.as_deref().map_or(0, season) + rhythm + discovery
    }

    /// Takes the instant of a value: rates and limits are those of the time since the last one.
    pub(crate) fn arrive(&mut self, at: UnixNanos, config: &Config) {
        #[cfg(feature = "zones")]
        self.wall.refresh(at, config.zone.as_ref());
        if self.cadence.keeps_pace(at) {
            return;
        }
        let Some(seconds) = self.cadence.value_at(at) else { return };
        let spacing = self.cadence.spacing();
        if !self.gains.hold(seconds, spacing) {
            self.gains.refresh(seconds, spacing, &config.memory);
            self.limits.refresh(spacing, config);
        }
    }

    /// Takes one of the first values; the last of them starts the trend and the scale.
    pub(crate) fn start(&mut self, value: f64) {
        if let Slow::First(first) = &mut self.slow
            && let Some(scale) = self.trend.start(value, first)
        {
            self.slow = Slow::Habits(Habits::new());
            self.scale.start(scale);
            self.scale.settle(self.trend.level());
        }
    }

    /// What to expect of a value that came, with the gains of its instant.
    pub(crate) fn forecast(&self, at: UnixNanos, config: &Config) -> Forecast {
        let carried = self.persistence.carry(self.gains.ticks);
        self.around(at, self.trend.forecast(&self.gains) + carried, carried, config)
    }

    /// The forecast that explains a value better: the last one may have been strange and still an
    /// innovation of a series that remembers itself.
    pub(crate) fn reconsider(&self, forecast: &mut Forecast, value: f64) {
        let detour = self.persistence.detour();
        if detour == 0.0 {
            return;
        }
        let expected = forecast.expected + detour;
        if (value - expected).abs() < (value - forecast.expected).abs() {
            (forecast.expected, forecast.carried) = (expected, forecast.carried + detour);
        }
    }

    /// What to expect when no value came.
    pub(crate) fn outlook(&self, at: UnixNanos, config: &Config) -> Forecast {
        self.around(at, self.trend.level(), 0.0, config)
    }

    fn around(&self, at: UnixNanos, level: f64, carried: f64, config: &Config) -> Forecast {
        let (mut phase, mut season, mut edge) = (0.0, 0.0, 0.0);
        if self.profile.is_some() {
            (phase, season, edge) = self.season(at);
        }
        let expected = level + season;
        let own = self.scale.at(expected);
        let scale = larger(own, larger(config.scale_floor, 0.5 * edge));
        let scale = scale * self.gains.widening;
        let per_unit = 1.0 / scale;
        Forecast { expected, carried, season, edge, scale, per_unit, own, phase }
    }

    /// Adds a value to its block. True when that is full: see [`Model::end_block`].
    pub(crate) fn add_to_block(
        &mut self,
        at: UnixNanos,
        value: f64,
        deviation: Option<f32>,
    ) -> bool {
        self.block.add(at, value, deviation)
    }

    /// What a full block says.
    pub(crate) fn end_block(&mut self, at: UnixNanos, needed: Needed) -> Option<SlowChange> {
        let block = self.block.end(at);
        self.trend.tidy();
        self.scale.tidy();
        self.persistence.tidy();
        self.habits()?.observe(&block, needed)
    }

    /// Whether the noise of the last block was as usual.
    pub(crate) fn is_calm(&self) -> bool {
        matches!(&self.slow, Slow::Habits(habits) if habits.is_calm())
    }

    fn habits(&mut self) -> Option<&mut Habits> {
        match &mut self.slow {
            Slow::First(_) => None,
            Slow::Habits(habits) => Some(habits),
        }
    }

    /// Where forecasts start from.
    pub(crate) fn standing(&self, at: UnixNanos, config: &Config) -> Standing {
        let level = self.trend.level();
        let scale = self.scale.floored(level).max(config.scale_floor);
        let seasonal = self.profile.as_deref().is_some_and(|profile| !profile.is_gathering());
        Standing { at, spacing: self.cadence.spacing(), level, scale, seasonal }
    }

    /// What the last residual lets expect so many ticks ahead.
    pub(crate) fn carried(&self, ticks: f64) -> f64 {
        self.persistence.carry(ticks as f32)
    }

    /// The interval that one value in 200 leaves on either side, a scale wide at the least.
    pub(crate) fn interval(&self, forecast: &Forecast) -> (f64, f64) {
        let (up, down) = self.tail.reach();
        let Forecast { expected, scale, .. } = *forecast;
        (expected - scale * larger(down, 1.0), expected + scale * larger(up, 1.0))
    }

    /// Learns from an ordinary value, `change` away from the one before. What is past two
    /// scales counts as two (Huber's clipping; the constant is that of Gelper et al.).
    pub(crate) fn learn(&mut self, at: UnixNanos, value: f64, change: f64, forecast: &Forecast) {
        let Forecast { expected, carried, season, scale, per_unit, own, phase, .. } = *forecast;
        let residual = value - expected;
        let most = CLIP * scale;
        let clipped = smaller(larger(residual, -most), most);
        let innovation = carried + clipped;
        if self.suspect != 0.0 {
            self.tail.learn(self.suspect, 1.0, &self.gains);
            self.suspect = 0.0;
        }
        self.tail.learn(forecast.standardised(residual), 1.0, &self.gains);
        let youth = self.trend.youth();
        let of_level = larger(self.gains.level, youth);
        let youth = youth as f32;
        let of_scale = if self.gains.scale > youth { self.gains.scale } else { youth };
        self.scale.learn(residual, change, of_scale, expected, own);
        self.persistence.learn(innovation, per_unit, of_scale);
        self.trend.learn(innovation, of_level, &self.gains);
        if let Some(flat) = &mut self.flat {
            flat.learn(if FLAT_GAIN > youth { FLAT_GAIN } else { youth });
        }
        self.gather(at, phase, expected + clipped, innovation, season);
        self.gather_more(at, phase, Self::near(value, forecast), Some(innovation), season);
    }

    /// Puts aside a value that may be the first of a change. It teaches nothing but the tail,
    /// and that only once an ordinary value has followed: then it was the noise of this series.
    pub(crate) fn suspect(&mut self, value: f64, forecast: &Forecast) {
        let Forecast { expected, carried, scale, .. } = *forecast;
        let residual = value - expected;
        self.suspect = forecast.standardised(residual);
        let detour = (carried + residual).clamp(-FARTHEST * scale, FARTHEST * scale);
        self.persistence.hold(carried + residual.clamp(-CLIP * scale, CLIP * scale), detour);
    }

    /// Teaches nothing while an alarm is on, and carries nothing over from it. A season still
    /// gathering its first period takes the value: it does not know yet what is strange.
    pub(crate) fn freeze(&mut self, at: UnixNanos, value: f64, forecast: &Forecast) {
        let far = FARTHEST * forecast.scale;
        let phase = forecast.phase;
        let first = self.discovery.as_deref().is_some_and(Hierarchy::is_first_wanted);
        if first || self.profile.as_deref().is_some_and(Profile::is_gathering) {
            self.gather(at, phase, value, 0.0, forecast.season);
        } else if self.discovery.as_deref().is_some_and(Hierarchy::is_learning) {
            self.gather_more(at, phase, Self::near(value, forecast), None, forecast.season);
        }
        self.suspect = 0.0;
        let detour = value - forecast.expected + forecast.carried;
        self.persistence.interrupt(detour.clamp(-far, far));
    }

    /// Goes on from what a lasting alarm brought; `slope` is per tick.
    pub(crate) fn adopt(&mut self, level: f64, spread: f64, slope: f64) {
        self.trend.adopt(level, slope);
        self.block = Blocks::new();
        if let Some(habits) = self.habits() {
            habits.restart();
        }
        self.scale.settle(level);
        if spread > self.scale.floored(level) {
            self.scale.start(spread);
        }
        if let Some(flat) = &mut self.flat
            && flat.surprise() >= self.limits.surprise().into()
        {
            flat.adopt();
        }
        self.persistence.interrupt(0.0);
        self.cusum.reset();
    }

    /// Goes on with another noise.
    pub(crate) fn adopt_spread(&mut self, spread: f64) {
        self.scale.start(spread);
        if let Some(habits) = self.habits() {
            habits.adopt_spread();
        }
        self.persistence.interrupt(0.0);
        self.cusum.reset();
    }

    /// Whether a restored model can be gone on with under this configuration.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self, config: &Config) -> bool {
        let season = match (&self.profile, config.season) {
            (Some(profile), Some(season)) => profile.is_sound(season),
            (Some(profile), None) if config.discover.is_some() => {
                profile.is_found(crate::hierarchy::WEEK_SLOTS)
            }
            (None, None) => true,
            _ => false,
        };
        season
            && self.discovery.as_deref().is_none_or(Hierarchy::is_sound)
            && (self.discovery.is_none() || config.discover.is_some())
            && learnable(f64::from(self.suspect))
            && self.cadence.is_sound()
            && self.trend.is_sound()
            && self.scale.is_sound()
            && self.persistence.is_sound()
            && self.tail.is_sound()
            && self.cusum.is_sound()
            && self.flat.as_ref().is_none_or(Flatline::is_sound)
            && self.block.is_sound()
            && match &self.slow {
                Slow::First(first) => {
                    self.trend.is_starting() && first.iter().all(|v| learnable(*v))
                }
                Slow::Habits(habits) => !self.trend.is_starting() && habits.is_sound(),
            }
            && self.wall.is_sound()
            && self.rhythm.as_deref().is_none_or(Rhythm::is_sound)
            && self.rhythm.is_some() == self.profile.is_some()
            && self.gains.is_sound()
            && self.limits.is_sound()
    }
}

const CLIP: f64 = 2.0;
/// What a strange value leaves behind counts that many scales at most.
const FARTHEST: f64 = 16.0;
/// How fast it is learned how often a series repeats itself: a half-life of 2048 values.
const FLAT_GAIN: f32 = 3.383_936e-4;
