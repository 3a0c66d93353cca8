//! What a detector is told beforehand.

#[cfg(feature = "serde")]
use crate::sample::learnable;
use std::time::Duration;

use crate::decay::{Memory, Span, near};
use crate::season::Season;
use crate::shift::limit_for;
#[cfg(feature = "zones")]
use crate::zone::Zone;

/// How a [`Detector`](crate::Detector) watches a series. The defaults suit a metric nobody has
/// looked at; a [`scale_floor`](Config::scale_floor) is the one thing worth saying.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    pub(crate) learning: u32,
    pub(crate) scale_floor: f64,
    pub(crate) false_alarms_per_week: f64,
    pub(crate) season: Option<Season>,
    pub(crate) missing_after: Option<Duration>,
    pub(crate) forecasts: bool,
    pub(crate) discover: Option<Duration>,
    pub(crate) known: Option<(f64, f64)>,
    #[cfg(feature = "zones")]
    pub(crate) zone: Option<Zone>,
    pub(crate) adopt_after: Span,
    pub(crate) memory: Memory,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            learning: 64,
            scale_floor: 0.0,
            false_alarms_per_week: 1.0,
            season: None,
            missing_after: None,
            forecasts: false,
            discover: None,
            known: None,
            #[cfg(feature = "zones")]
            zone: None,
            adopt_after: Span::Samples(128.0),
            memory: Memory {
                level: Span::Samples(32.0),
                slope: Span::Samples(64.0),
                scale: Span::Samples(256.0),
                tail: Span::Samples(2048.0),
            },
        }
    }
}

impl Config {
    /// Values to learn from before anything is signalled (64; 10…1,000,000: eight start the
    /// level, and two more give it a scale).
    pub fn learning(mut self, values: u32) -> Self {
        self.learning = values.clamp(10, 1_000_000);
        self
    }

    /// The smallest change that matters, in the unit of the series (0: none). A level must shift
    /// by more than this, a single value stand out by several times as much.
    pub fn scale_floor(mut self, floor: f64) -> Self {
        self.scale_floor = if floor.is_finite() { floor.clamp(0.0, 1e30) } else { 0.0 };
        self
    }

    /// How many false alarms a week may bring on this series (1; 0.001…10,000). The series' own
    /// spacing turns it into a probability per value.
    pub fn false_alarms_per_week(mut self, alarms: f64) -> Self {
        self.false_alarms_per_week = if alarms > 0.0 { alarms.clamp(1e-3, 1e4) } else { 1e-3 };
        self
    }

    /// A season to learn (none). It takes part once one whole period has been seen.
    pub fn season(mut self, season: Season) -> Self {
        self.season = Some(season);
        self
    }

    /// Looks for seasons of up to so long in the series itself (no; ignored when one is given).
    /// Found is what returns at least half: a period of the clock when one is within 6 %, else as
    /// exact as a piece of a 512th of what was seen. It takes about three periods, and once
    /// found is learned like one that was given, in 96 pieces.
    ///
    /// Then the week over a day is tried, and another period in what the first leaves: each takes
    /// part once it has explained a fifth of a period that it was not learned from, and is given
    /// up when it has not in three. Days of the week are told apart after eighteen days. Costs
    /// four kilobytes at the most; allocates when something is found.
    pub fn discover_season(mut self, longest: Duration) -> Self {
        self.discover = Some(longest);
        self
    }

    /// Without a value for this long the series is missing (never). A detector without a clock
    /// notices at the next sample, missing ones included.
    pub fn missing_after(mut self, silence: Duration) -> Self {
        self.missing_after = Some(silence);
        self
    }

    /// The least and the most that a value can be (anything). One outside is told at once, learned
    /// enough or not, and teaches nothing. Bounds that are no numbers, or the wrong way round, are
    /// none.
    pub fn known_range(mut self, least: f64, most: f64) -> Self {
        self.known = (least <= most).then_some((least, most));
        self
    }

    /// The zone whose local time seasons follow (UTC): nine in the morning stays nine in the
    /// morning when clocks move. Costs a look at its rules each quarter of an hour.
    #[cfg(feature = "zones")]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// How far a value lies outside of the known range; zero inside.
    pub(crate) fn outside(&self, value: f64) -> f64 {
        self.known.map_or(0.0, |(least, most)| value - value.clamp(least, most))
    }

    /// Whether forecasts are tested along the way (no), which [`Detector::forecast`] and
    /// [`Detector::time_to`] need. Costs half a kilobyte.
    ///
    /// [`Detector::forecast`]: crate::Detector::forecast
    /// [`Detector::time_to`]: crate::Detector::time_to
    pub fn forecasts(mut self, wanted: bool) -> Self {
        self.forecasts = wanted;
        self
    }

    /// An alarm lasting this long is the new normal (128 samples): the model, which an alarm
    /// does not teach, goes on from what the alarm brought.
    pub fn adopt_after(mut self, span: Span) -> Self {
        self.adopt_after = span;
        self
    }

    /// How fast the expected level follows (half-life of 32 samples).
    pub fn level_memory(mut self, half_life: Span) -> Self {
        self.memory.level = half_life;
        self
    }

    /// How fast the expected noise follows (half-life of 256 samples).
    pub fn scale_memory(mut self, half_life: Span) -> Self {
        self.memory.scale = half_life;
        self
    }

    /// Whether a restored configuration is one that the setters could have made.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let again = self
            .clone()
            .learning(self.learning)
            .scale_floor(self.scale_floor)
            .false_alarms_per_week(self.false_alarms_per_week);
        let spans = [self.memory.level, self.memory.slope, self.memory.scale, self.memory.tail];
        again == *self
            && self.season.is_none_or(Season::is_sound)
            && spans.iter().chain([&self.adopt_after]).all(|span| span.ticks(1.0).is_finite())
    }
}

/// The false-alarm budget as thresholds, for a series this frequent.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Limits {
    spacing: f32,
    surprise: f32,
    shift: f32,
    slow: f32,
}

impl Limits {
    /// The budget goes to single values, to shifts and to what blocks show, each on two sides. Half
    /// of it each for the first two is what noise of many shapes was seen to leave room for.
    /// `spacing` is in seconds; limits are worked out anew when it has moved by a thousandth.
    pub(crate) fn refresh(&mut self, spacing: f64, config: &Config) {
        if near(spacing, self.spacing, SAME_SPACING) {
            return;
        }
        let values = 4.0 * WEEK / spacing / config.false_alarms_per_week;
        let surprise = values.ln().clamp(LEAST_SURPRISE, MOST_SURPRISE);
        *self = Self {
            spacing: spacing as f32,
            surprise: surprise as f32,
            shift: limit_for(values) as f32,
            slow: limit_for(2.0 * values / BLOCK) as f32,
        };
    }

    /// Surprise of a single value, in nats.
    pub(crate) fn surprise(self) -> f32 {
        self.surprise
    }

    /// Evidence of a shift.
    pub(crate) fn shift(self) -> f32 {
        self.shift
    }

    /// Evidence of a drift or of other noise, seen in blocks.
    pub(crate) fn slow(self) -> f32 {
        self.slow
    }

    /// Whether restored limits can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        [self.spacing, self.surprise, self.shift, self.slow]
            .iter()
            .all(|v| learnable(f64::from(*v)) && *v >= 0.0)
    }
}

const WEEK: f64 = 7.0 * 86_400.0;
const SAME_SPACING: f64 = 1.0 / 1024.0;
/// Values of a block.
const BLOCK: f64 = 32.0;
/// One value in 400, and one in 500 million: beyond, nothing here is calibrated.
const LEAST_SURPRISE: f64 = 6.0;
const MOST_SURPRISE: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_budget_asks_for_more() {
        let (mut strict, mut lax) = (Limits::default(), Limits::default());
        strict.refresh(60.0, &Config::default().false_alarms_per_week(0.1));
        lax.refresh(60.0, &Config::default().false_alarms_per_week(10.0));
        assert!((strict.surprise() - lax.surprise() - 100_f32.ln()).abs() < 1e-5);
        assert!(strict.shift() > lax.shift());
    }
}
