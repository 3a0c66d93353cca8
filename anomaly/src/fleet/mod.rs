//! Many series at once, a detector each, and their alerts.

mod recency;
mod shard;
#[cfg(feature = "snapshots")]
mod save;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "snapshots")]
use crate::alert::ResumeError;
use crate::alert::{AlertStats, Alerts, Event, Labels, Policy};
use crate::config::Config;
use crate::detector::Detector;
use crate::sample::{Sample, UnixNanos};
use crate::signal::Observation;

use recency::Recency;
#[cfg(feature = "snapshots")]
pub use save::{LoadError, Loaded};
pub use shard::shard_of;

/// Detectors keyed by labels, with the alerts of all of them. Bounded: a new series takes the
/// place of the one unheard of for the longest time.
#[derive(Debug)]
pub struct Fleet {
    config: Arc<Config>,
    alerts: Alerts,
    places: HashMap<Labels, u32>,
    /// Places of series, side by side, and those that are free.
    series: Vec<Place>,
    free: Vec<u32>,
    recency: Recency,
    most_series: usize,
    idle_after: Duration,
    events: VecDeque<Event>,
    stats: FleetStats,
}

/// A series of a [`Fleet`], for loops that would look its labels up again and again. It names that
/// series for as long as the fleet watches it, and nothing afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesId {
    place: u32,
    generation: u32,
}

/// Room for a series.
#[derive(Debug)]
struct Place {
    /// How many series left it.
    generation: u32,
    taken: Option<Series>,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    detector: Detector,
    heard: UnixNanos,
}

/// What a fleet holds and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FleetStats {
    /// Series watched now.
    pub series: usize,
    /// Series given up for new ones.
    pub evicted: u64,
    /// Series given up because they were idle.
    pub idle: u64,
    /// Records of snapshots that were damaged: these series learn anew.
    pub refused: u64,
    /// Events given up because nobody polled them.
    pub events_dropped: u64,
    /// What the alerts told.
    pub alerts: AlertStats,
}

impl Fleet {
    /// A fleet whose series are watched alike.
    pub fn new(config: impl Into<Arc<Config>>, policy: Policy) -> Self {
        Self {
            config: config.into(),
            alerts: Alerts::new(policy),
            places: HashMap::new(),
            series: Vec::new(),
            free: Vec::new(),
            recency: Recency::default(),
            most_series: DEFAULT_SERIES,
            idle_after: Duration::MAX,
            events: VecDeque::new(),
            stats: FleetStats::default(),
        }
    }

    /// How many series at most (10,000; 1…100,000,000).
    pub fn most_series(mut self, series: usize) -> Self {
        self.most_series = series.clamp(1, MOST_SERIES);
        self
    }

    /// How many bytes detectors may take at most: as many series as fit, each counted as a fresh
    /// one of this fleet's configuration. Its label strings and its place in the tables come on top.
    pub fn most_bytes(self, bytes: usize) -> Self {
        let each = Detector::new(Arc::clone(&self.config)).size_bytes();
        self.most_series(bytes / each)
    }

    /// How long a series may be unheard of before its detector is given up (for ever).
    /// [`Fleet::handle_timeout`] sees to it.
    pub fn idle_after(mut self, silence: Duration) -> Self {
        self.idle_after = silence;
        self
    }

    /// Takes a sample of a series, new or known. What it does to alerts comes out of
    /// [`Fleet::poll_event`]. Allocates for a new series and when alerts change.
    pub fn observe(&mut self, labels: &Labels, sample: Sample) -> Observation {
        let place = self.place(labels);
        self.observe_at(place, sample)
    }

    /// The handle of a series, new or known. Allocates for a new one.
    pub fn series_id(&mut self, labels: &Labels) -> SeriesId {
        let place = self.place(labels);
        SeriesId { place, generation: self.series[place as usize].generation }
    }

    /// Takes a sample like [`Fleet::observe`], without a look at the labels. Nothing when the
    /// series was given up meanwhile: [`Fleet::series_id`] takes it in again.
    pub fn observe_id(&mut self, id: SeriesId, sample: Sample) -> Option<Observation> {
        let place = self.series.get(id.place as usize)?;
        let known = place.generation == id.generation && place.taken.is_some();
        known.then(|| self.observe_at(id.place, sample))
    }

    /// Watches a series with a detector of its own: another configuration, or one restored.
    /// Replaces the one that watched it.
    pub fn watch(&mut self, labels: Labels, detector: Detector) {
        match self.places.get(&labels) {
            Some(&place) => self.series[place as usize].series_mut().detector = detector,
            None => drop(self.insert(labels, detector)),
        }
    }

    /// The detector of a series.
    pub fn detector(&self, labels: &Labels) -> Option<&Detector> {
        let place = *self.places.get(labels)?;
        self.series[place as usize].taken.as_ref().map(|series| &series.detector)
    }

    /// Gives up a series, as when its shard moved elsewhere: what it had learned. An alert it is
    /// part of clears as for every series that is gone.
    pub fn forget(&mut self, labels: &Labels) -> Option<Detector> {
        let place = self.places.remove(labels)?;
        self.recency.remove(place);
        self.free.push(place);
        let place = &mut self.series[place as usize];
        place.generation = place.generation.wrapping_add(1);
        place.taken.take().map(|series| series.detector)
    }

    /// Tells every series the time: those that are missing notice, and alerts of series that are
    /// gone clear. Work goes with the number of series; call it about as often as a missing
    /// series should be noticed.
    pub fn handle_timeout(&mut self, now: UnixNanos) {
        self.forget_idle(now);
        for at in 0..self.series.len() {
            let Some(Series { labels, detector, .. }) = &mut self.series[at].taken else {
                continue;
            };
            if detector.is_silent_at(now) {
                let observation = detector.observe(Sample::missing(now));
                let event = self.alerts.observe(now, labels, &observation);
                self.push(event);
            }
        }
        while let Some(event) = self.alerts.poll_forgotten(now) {
            self.push(Some(event));
        }
    }

    /// The next thing that happened to an alert.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes up the alerts that [`Alerts::to_bytes`] put away in place of its own, beside
    /// [`Fleet::load`] for what the series had learned: see [`Alerts::resume`].
    ///
    /// # Errors
    /// Those of [`Alerts::resume`]. It is as it was then.
    #[cfg(feature = "snapshots")]
    pub fn resume_alerts(&mut self, now: UnixNanos, bytes: &[u8]) -> Result<(), ResumeError> {
        self.alerts = Alerts::resume(self.alerts.policy().clone(), now, bytes)?;
        Ok(())
    }

    /// The alerts of the fleet.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The series watched and their detectors, in no order.
    pub fn detectors(&self) -> impl Iterator<Item = (&Labels, &Detector)> {
        let taken = self.series.iter().filter_map(|place| place.taken.as_ref());
        taken.map(|series| (&series.labels, &series.detector))
    }

    /// What the fleet holds and has done.
    pub fn stats(&self) -> FleetStats {
        FleetStats { series: self.places.len(), alerts: self.alerts.stats(), ..self.stats }
    }

    /// The place of a series, new or known.
    fn place(&mut self, labels: &Labels) -> u32 {
        match self.places.get(labels) {
            Some(&place) => place,
            None => self.insert(labels.clone(), Detector::new(Arc::clone(&self.config))),
        }
    }

    fn observe_at(&mut self, place: u32, sample: Sample) -> Observation {
        self.recency.touch(place);
        let series = self.series[place as usize].series_mut();
        series.heard = series.heard.max(sample.at);
        let observation = series.detector.observe(sample);
        let event = self.alerts.observe(sample.at, &series.labels, &observation);
        if event.is_some() {
            self.push(event);
        }
        observation
    }

    fn forget_idle(&mut self, now: UnixNanos) {
        while let Some(oldest) = self.recency.oldest() {
            let series = self.series[oldest as usize].series_mut();
            if now.since(series.heard) < self.idle_after {
                return;
            }
            let labels = series.labels.clone();
            self.forget(&labels);
            self.stats.idle += 1;
        }
    }

    fn insert(&mut self, labels: Labels, detector: Detector) -> u32 {
        if self.places.len() >= self.most_series
            && let Some(oldest) = self.recency.oldest()
        {
            let series = self.series[oldest as usize].series_mut();
            let labels = series.labels.clone();
            self.forget(&labels);
            self.stats.evicted += 1;
        }
        let heard = detector.last_value().unwrap_or(UnixNanos::new(i64::MIN));
        let series = Some(Series { labels: labels.clone(), detector, heard });
        let place = if let Some(place) = self.free.pop() {
            self.series[place as usize].taken = series;
            self.recency.lead(place);
            place
        } else {
            self.series.push(Place { generation: 0, taken: series });
            self.recency.push()
        };
        self.places.insert(labels, place);
        place
    }

    fn push(&mut self, event: Option<Event>) {
        if event.is_some() && self.events.len() >= MOST_EVENTS {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.extend(event);
    }
}

impl Place {
    /// The series at a place that the table or the list names.
    fn series_mut(&mut self) -> &mut Series {
        self.taken.as_mut().expect("a place in the table is taken")
    }
}

const DEFAULT_SERIES: usize = 10_000;
const MOST_SERIES: usize = 100_000_000;
const MOST_EVENTS: usize = 4096;
