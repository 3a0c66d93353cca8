//! What the same time of day was like on the days before.

use crate::sample::UnixNanos;

use super::usual::Usual;

/// A profile of the day in quarters of an hour, with a level that moves it as a whole, and how
/// restless each hour is against the others.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Day {
    #[cfg_attr(
        feature = "serde",
        serde(deserialize_with = "super::table::restored::<_, QUARTERS>")
    )]
    quarters: Box<[f32]>,
    shift: f64,
    usual: Usual,
    #[cfg_attr(feature = "serde", serde(deserialize_with = "super::table::restored::<_, HOURS>"))]
    hours: Box<[f32]>,
    restless: f64,
}

impl Day {
    pub(super) fn new() -> Self {
        Self {
            quarters: vec![f32::MAX; QUARTERS].into(),
            shift: 0.0,
            usual: Usual::default(),
            hours: vec![0.0; HOURS].into(),
            restless: 0.0,
        }
    }

    /// How restless this hour is against the others, as a factor.
    pub(super) fn restlessness(&self, at: UnixNanos) -> f64 {
        let hour = f64::from(self.hours[slot(at, HOURS)]);
        if hour > 0.0 && self.restless > 0.0 {
            (hour / self.restless).clamp(0.2, 5.0).powf(TRUST)
        } else {
            1.0
        }
    }

    /// Learns how far a value was from its short-term forecast.
    pub(super) fn stir(&mut self, at: UnixNanos, magnitude: f64, young: f64) {
        let hour = &mut self.hours[slot(at, HOURS)];
        let share = if *hour == 0.0 { 1.0 } else { HOUR_SHARE };
        *hour += share * (magnitude as f32 - *hour);
        self.restless += young.max(RESTLESS_SHARE) * (magnitude - self.restless);
    }

    /// How many usual distances a value is from the profile; zero where there is none yet.
    pub(super) fn distance(&mut self, at: UnixNanos, value: f64, floor: f64, share: f64) -> f64 {
        let quarter = &mut self.quarters[slot(at, QUARTERS)];
        if *quarter == f32::MAX {
            *quarter = value.clamp(-1e37, 1e37) as f32;
            return 0.0;
        }
        let off = value - f64::from(*quarter) - self.shift;
        let usual = self.usual.or(floor);
        let most = CLIP * usual;
        self.usual.learn(off.abs(), most, share);
        let clipped = off.clamp(-most, most);
        self.shift += SHIFT_SHARE * clipped;
        *quarter = (f64::from(*quarter) + QUARTER_SHARE * clipped).clamp(-1e37, 1e37) as f32;
        off.abs() / usual
    }
}

/// Which of so many equal parts of the day, in UTC.
fn slot(at: UnixNanos, parts: usize) -> usize {
    let seconds = at.as_nanos().div_euclid(1_000_000_000).rem_euclid(86_400);
    (seconds as usize * parts) / 86_400
}

const QUARTERS: usize = 96;
const HOURS: usize = 24;
const CLIP: f64 = 2.5;
const SHIFT_SHARE: f64 = 0.04;
const QUARTER_SHARE: f64 = 0.025;
const HOUR_SHARE: f32 = 0.01;
const RESTLESS_SHARE: f64 = 0.0002;
/// How far the hours' differences are believed.
const TRUST: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_parts_before_the_epoch_too() {
        let second = |s: i64| UnixNanos::new(s * 1_000_000_000);
        assert_eq!(slot(second(0), QUARTERS), 0);
        assert_eq!(slot(second(-1), QUARTERS), 95);
        assert_eq!(slot(second(86_399), HOURS), 23);
    }
}
