//! The seasons among what was learned: what they say of an instant, and how they learn.

use crate::config::Config;
use crate::forecast::Forecast;
use crate::hierarchy::{FOUND_SLOTS, Hierarchy, slots};
use crate::rhythm::Rewritten;
use crate::sample::UnixNanos;
use crate::season::Season;

use super::Model;

impl Model {
    /// The phase of an instant in the first season, the part of all seasons there, and how steep it is.
    pub(super) fn season(&self, at: UnixNanos) -> (f64, f64, f64) {
        self.local_season(self.wall.local(at))
    }

    fn local_season(&self, at: UnixNanos) -> (f64, f64, f64) {
        let Some(profile) = &self.profile else { return (0.0, 0.0, 0.0) };
        let phase = profile.phase(at);
        let (season, edge) = profile.offset(phase);
        let Some(found) = &self.discovery else { return (phase, season, edge) };
        let more = found.offset(at);
        (phase, season + more.0, edge + more.1)
    }

    /// The season's part at an instant to come, in whatever the local time is then.
    pub(crate) fn season_at(&self, at: UnixNanos, config: &Config) -> f64 {
        #[cfg(feature = "zones")]
        if let Some(zone) = &config.zone {
            return self.local_season(zone.local(at)).1;
        }
        let _ = config;
        self.season(at).1
    }

    /// Compares the season of the last period with the learned one, at the end of each quarter.
    pub(crate) fn look_at_season(
        &mut self,
        at: UnixNanos,
        value: f64,
        forecast: &Forecast,
    ) -> Option<Rewritten> {
        let (Some(profile), Some(rhythm)) = (&mut self.profile, &mut self.rhythm) else {
            return None;
        };
        if profile.is_gathering() {
            return None;
        }
        let from_anchor = value - profile.anchor();
        let said =
            rhythm.observe(at, forecast.phase, from_anchor, forecast.season, forecast.scale)?;
        rhythm.restart();
        profile.relearn(self.wall.local(at));
        if let Some(found) = &mut self.discovery {
            found.let_go();
        }
        Some(said)
    }

    pub(super) fn gather(
        &mut self,
        at: UnixNanos,
        phase: f64,
        value: f64,
        innovation: f64,
        season: f64,
    ) {
        if self.discovery.as_deref().is_some_and(Hierarchy::is_first_wanted) {
            self.discover(at, value);
        } else if let Some(profile) = &mut self.profile {
            let held = self.discovery.as_deref().is_some_and(Hierarchy::holds_the_first);
            if !held && profile.learn(self.wall.local(at), phase, value, innovation) {
                // From here on the season speaks for its part; the trend keeps the rest.
                let level = self.trend.level() + season - self.season(at).1;
                self.trend.settle(level);
            }
        }
    }

    /// A value with the worst of an outlier taken off, for who does not know what to expect yet.
    pub(super) fn near(value: f64, forecast: &Forecast) -> f64 {
        let far = BEYOND * forecast.scale;
        value.clamp(forecast.expected - far, forecast.expected + far)
    }

    /// Teaches the seasons over the first one, once that takes part. `season` is what all of them
    /// were before.
    pub(super) fn gather_more(
        &mut self,
        at: UnixNanos,
        phase: f64,
        value: f64,
        innovation: Option<f64>,
        season: f64,
    ) {
        let (Some(found), Some(profile)) = (&mut self.discovery, &self.profile) else { return };
        if profile.is_gathering() {
            return;
        }
        let local = self.wall.local(at);
        let left = value - profile.offset(phase).0;
        if found.learn(local, left, innovation, self.cadence.spacing()) {
            if let Some(rhythm) = &mut self.rhythm {
                rhythm.restart();
            }
            self.trend.settle(self.trend.level() + season - self.season(at).1);
        }
    }

    /// Looks for a season; one that is found is learned from here on.
    fn discover(&mut self, at: UnixNanos, value: f64) {
        let spacing = self.cadence.spacing();
        let (Some(found), Some(profile)) = (&mut self.discovery, &mut self.profile) else { return };
        if let Some(period) = found.find_first(at, value, spacing) {
            let slots = slots(period, spacing).unwrap_or(FOUND_SLOTS);
            profile.assign(Season::new(period, slots));
        } else if found.is_in_vain() {
            (self.discovery, self.profile, self.rhythm) = (None, None, None);
        }
    }
}

/// So many scales away is where a level that is learned anew may be.
const BEYOND: f64 = 64.0;
