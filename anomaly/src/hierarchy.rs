//! Seasons that were found: a first one, and what is left over it, a week over a day, an hour
//! within one.

use std::time::Duration;

use crate::discover::Discovery;
use crate::layer::Layer;
use crate::sample::UnixNanos;

/// The search for a first season, which the model learns itself; then for others in what that one
/// leaves. Another takes part once it has shown on a period it was not learned from that it
/// explains some of it. Bounded: two of them at most, and the room of one search.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Hierarchy {
    longest: Duration,
    /// The first season; none while it is looked for.
    first: Option<Duration>,
    search: Option<Box<Discovery>>,
    week: Place,
    other: Place,
    holds: bool,
}

/// Room for a season.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Place {
    Free,
    Taken(Box<Layer>),
    /// It was tried, and explained nothing.
    Refused,
}

impl Hierarchy {
    /// Looks for periods up to so long. Allocates.
    pub(crate) fn new(longest: Duration) -> Self {
        let search = Some(Box::new(Discovery::new(longest)));
        Self { longest, first: None, search, week: Place::Free, other: Place::Free, holds: false }
    }

    /// Whether the first season is still looked for.
    pub(crate) fn is_first_wanted(&self) -> bool {
        self.first.is_none()
    }

    /// Takes a value while the first season is looked for. Its period, when it is found.
    pub(crate) fn find_first(
        &mut self,
        at: UnixNanos,
        value: f64,
        spacing: f64,
    ) -> Option<Duration> {
        let found = self.search.as_mut()?.observe(at, value, spacing)?;
        slots(found, spacing)?;
        self.first = Some(found);
        self.search = Some(Box::new(Discovery::new(self.longest)));
        Some(found)
    }

    /// Whether everything was looked for and nothing found.
    pub(crate) fn is_in_vain(&self) -> bool {
        self.first.is_none() && self.search.as_ref().is_none_or(|search| search.is_over())
    }

    /// Whether it wants to hear of strange values too: what is on trial does not know yet what is
    /// strange.
    pub(crate) fn is_learning(&self) -> bool {
        self.first.is_some() && (self.search.is_some() || self.layers().any(Layer::is_on_trial))
    }

    /// Whether the first season is to stay as it is, so that what it leaves is the same in both
    /// weeks that tell whether there is one.
    pub(crate) fn holds_the_first(&self) -> bool {
        self.holds
    }

    /// The first season must be learned anew.
    pub(crate) fn let_go(&mut self) {
        self.holds = false;
    }

    /// What the seasons that take part add to the first, at an instant of local time, and how far
    /// apart their slots are there.
    pub(crate) fn offset(&self, at: UnixNanos) -> (f64, f64) {
        let offsets = self.layers().map(|layer| layer.offset(at));
        offsets.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
    }

    /// Learns from a value without the first season's part. `innovation` is what an ordinary value
    /// teaches; none from one that is not to be trusted. True when another season takes part from
    /// now on.
    pub(crate) fn learn(
        &mut self,
        at: UnixNanos,
        value: f64,
        innovation: Option<f64>,
        spacing: f64,
    ) -> bool {
        let left = value - self.offset(at).0;
        self.look_for_more(at, left, spacing);
        let mut begins = false;
        for place in [&mut self.week, &mut self.other] {
            let Place::Taken(layer) = place else { continue };
            match layer.learn(at, left, innovation) {
                None => {}
                Some(true) => begins = true,
                Some(false) => *place = Place::Refused,
            }
        }
        self.holds &= matches!(&self.week, Place::Taken(layer) if layer.is_untried());
        begins
    }

    fn look_for_more(&mut self, at: UnixNanos, left: f64, spacing: f64) {
        let day = |period: Duration| period == DAY;
        let daily = self.first.is_some_and(day)
            || self.layers().any(|layer| !layer.is_on_trial() && day(layer.period()));
        if matches!(self.week, Place::Free) && daily && WEEK <= self.longest {
            self.week = Place::Taken(Box::new(Layer::new(WEEK, WEEK_SLOTS)));
            self.holds = true;
        }
        let Some(search) = &mut self.search else { return };
        let found = search.observe(at, left, spacing);
        if search.is_over() {
            self.search = None;
        }
        let Some(period) = found else { return };
        let known = self.first.into_iter().chain(self.layers().map(Layer::period));
        // What a season known leaves of itself comes back with its period, or two of them.
        let again = |known: Duration| {
            let laps = period.as_secs_f64() / known.as_secs_f64();
            (laps - laps.round()).abs() < 0.15 && (1.0..=3.0).contains(&laps.round())
        };
        if known.into_iter().any(again) {
            return;
        }
        if let (Some(slots), Place::Free) = (slots(period, spacing), &self.other) {
            self.other = Place::Taken(Box::new(Layer::new(period, slots)));
            self.search = None;
        }
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [&self.week, &self.other].into_iter().filter_map(|place| match place {
            Place::Taken(layer) => Some(&**layer),
            Place::Free | Place::Refused => None,
        })
    }

    /// Bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let search = self.search.as_ref();
        let search = search.map_or(0, |search| size_of::<Discovery>() + search.heap_bytes());
        let layers = self.layers().map(|layer| size_of::<Layer>() + layer.heap_bytes());
        search + layers.sum::<usize>()
    }

    /// Whether a restored hierarchy can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        (self.first.is_some() || self.search.is_some())
            && self.search.as_deref().is_none_or(Discovery::is_sound)
            && self.layers().all(|layer| layer.is_sound(WEEK_SLOTS))
    }
}

/// In how many pieces a season is learned of a series whose values are `spacing` seconds apart:
/// none when there are too few to see it.
pub(crate) fn slots(period: Duration, spacing: f64) -> Option<u16> {
    let most = if period >= WEEK { WEEK_SLOTS } else { FOUND_SLOTS };
    let values = period.as_secs_f64() / spacing.max(1e-9);
    (values >= f64::from(LEAST_SLOTS)).then(|| (values as u16).min(most))
}

/// Pieces of a season that was found.
pub(crate) const FOUND_SLOTS: u16 = 96;
/// Of a week as many as it has hours.
pub(crate) const WEEK_SLOTS: u16 = 168;
/// Fewer values make no season.
const LEAST_SLOTS: u16 = 8;
const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::season::{Profile, Season};

    fn noise(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 40) as f64 / (1 << 24) as f64 - 0.5
    }

    fn wave(minute: f64, period: f64) -> f64 {
        (minute / period * std::f64::consts::TAU).sin()
    }

    /// The seasons that take part after so many days of values five minutes apart.
    fn seasons(days: usize, seed: u64, value: impl Fn(f64, f64) -> f64) -> Vec<Duration> {
        let mut found = Hierarchy::new(WEEK + DAY);
        let mut first: Option<Profile> = None;
        let (mut state, mut level) = (seed, 0.0);
        for i in 0..days * 288 {
            let minute = 5.0 * i as f64;
            let at = UnixNanos::new(i as i64 * 300_000_000_000);
            let value = value(minute, noise(&mut state));
            if found.is_first_wanted() {
                if let Some(period) = found.find_first(at, value, 300.0) {
                    let slots = slots(period, 300.0).expect("long enough");
                    first = Some(Profile::new(Season::new(period, slots)));
                }
            } else if let Some(first) = &mut first {
                let season = first.offset(first.phase(at)).0 + found.offset(at).0;
                let innovation = value - season - level;
                level += 0.03 * innovation;
                first.learn(at, first.phase(at), value, innovation);
                if !first.is_gathering() {
                    found.learn(
                        at,
                        value - first.offset(first.phase(at)).0,
                        Some(innovation),
                        300.0,
                    );
                }
            }
        }
        let more = found.layers().filter(|layer| !layer.is_on_trial()).map(Layer::period);
        found.first.into_iter().chain(more).collect()
    }

    fn is_weekend(minute: f64) -> bool {
        (minute / 1440.0) as u64 % 7 >= 5
    }

    #[test]
    fn a_week_is_found_over_a_day_when_it_explains_something() {
        for seed in 1..6 {
            let height = |minute| if is_weekend(minute) { 4.0 } else { 10.0 };
            let found = seasons(30, seed, |m, noise| height(m) * wave(m, 1440.0) + noise);
            assert_eq!(found, [DAY, WEEK], "seed {seed}");
            let found =
                seasons(60, seed, |m, noise| 10.0 * wave(m, 1440.0) + 0.001 * m + 2.0 * noise);
            assert_eq!(found, [DAY], "seed {seed}");
        }
    }

    #[test]
    fn an_hour_and_a_day_are_found_whichever_is_larger() {
        for (hour, day) in [(10.0, 3.0), (3.0, 10.0)] {
            // Three hours and a half: no day has a whole number of them.
            let found =
                seasons(30, 3, |m, noise| hour * wave(m, 210.0) + day * wave(m, 1440.0) + noise);
            let minutes: Vec<f64> =
                found.iter().map(|period| period.as_secs_f64() / 60.0).collect();
            let near =
                |wanted: f64| minutes.iter().any(|found| (found / wanted - 1.0).abs() < 0.04);
            assert!(minutes.len() == 2 && near(210.0) && near(1440.0), "{hour} {day}: {minutes:?}");
        }
    }

    #[test]
    fn what_wanders_has_no_season() {
        for seed in 1..6 {
            let wander = std::cell::Cell::new(0.0);
            let found = seasons(40, seed, |m, noise| {
                wander.set(wander.get() + 0.2 * noise);
                10.0 * wave(m, 1440.0) + wander.get() + noise
            });
            assert_eq!(found, [DAY], "seed {seed}");
        }
    }
}
