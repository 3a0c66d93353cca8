//! Looking ahead: what to expect, within which bounds, and when a threshold is reached.

use std::time::Duration;

use crate::detector::Detector;
use crate::sample::UnixNanos;
use crate::signal::State;
use crate::tail::normal_deviate;

/// What a detector expects of an instant to come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Outlook {
    /// The instant.
    pub at: UnixNanos,
    /// The expected value.
    pub expected: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

/// When a threshold is reached, counted from the last value. Each is missing when it does not
/// happen in the time looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeTo {
    /// When the interval first touches it.
    pub earliest: Option<Duration>,
    /// When the expected value reaches it.
    pub expected: Option<Duration>,
    /// When the whole interval is beyond it.
    pub latest: Option<Duration>,
}

impl Detector {
    /// What to expect `ahead` of the last value, with an interval that covers that share of what
    /// comes (0.5…0.999). The interval is as wide as forecasts of this series, this far ahead,
    /// turned out to need. Nothing while the detector warms up or when
    /// [`Config::forecasts`](crate::Config::forecasts) is off.
    pub fn forecast(&self, ahead: Duration, coverage: f64) -> Option<Outlook> {
        let (last, model) = (self.watch.model.cadence.last_value()?, &self.watch.model);
        let horizons = self.watch.horizons.as_deref()?;
        if matches!(self.state(), State::Warming { .. }) {
            return None;
        }
        let at = last.after(ahead);
        let ticks = (ahead.as_secs_f64() / model.cadence.spacing()).max(1e-3);
        let standing = model.standing(last, &self.config);
        let expected = standing.level
            + horizons.drift(ticks)
            + model.season_at(at, &self.config)
            + model.carried(ticks);
        let deviate = normal_deviate(-((1.0 - coverage.clamp(0.5, 0.999)) / 2.0).ln());
        let wide = standing.scale * horizons.reach(ticks) * deviate / crate::horizons::NINE_IN_TEN;
        Some(Outlook { at, expected, lower: expected - wide, upper: expected + wide })
    }

    /// When the series reaches a threshold, from whichever side it is on, looking `within` that
    /// far ahead in 2,048 steps. Nothing where [`Detector::forecast`] gives nothing.
    pub fn time_to(&self, threshold: f64, within: Duration, coverage: f64) -> Option<TimeTo> {
        let now = self.forecast(Duration::ZERO, coverage)?;
        let below = now.expected < threshold;
        let reached = |value: f64| if below { value >= threshold } else { value <= threshold };
        let mut found = TimeTo { earliest: None, expected: None, latest: None };
        for step in 0..=STEPS {
            let ahead = within.mul_f64(f64::from(step) / f64::from(STEPS));
            let outlook = self.forecast(ahead, coverage)?;
            let (near, far) =
                if below { (outlook.upper, outlook.lower) } else { (outlook.lower, outlook.upper) };
            let moments = [
                (&mut found.earliest, near),
                (&mut found.expected, outlook.expected),
                (&mut found.latest, far),
            ];
            for (moment, value) in moments {
                if moment.is_none() && reached(value) {
                    *moment = Some(ahead);
                }
            }
        }
        Some(found)
    }
}

const STEPS: u32 = 2048;
