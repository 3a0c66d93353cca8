//! Many series at once, a detector each, and their alerts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::alert::{AlertStats, Alerts, Event, Labels, Policy};
use crate::config::Config;
use crate::detector::Detector;
use crate::recency::Recency;
use crate::sample::{Sample, UnixNanos};
use crate::signal::Observation;

/// Detectors keyed by labels, with the alerts of all of them. Bounded: a new series takes the
/// place of the one unheard of for the longest time.
#[derive(Debug)]
pub struct Fleet {
    config: Arc<Config>,
    alerts: Alerts,
    places: HashMap<Labels, u32>,
    series: Vec<Series>,
    recency: Recency,
    most_series: usize,
    events: VecDeque<Event>,
    stats: FleetStats,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    detector: Detector,
}

/// What a fleet holds and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FleetStats {
    /// Series watched now.
    pub series: usize,
    /// Series given up for new ones.
    pub evicted: u64,
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
            recency: Recency::default(),
            most_series: DEFAULT_SERIES,
            events: VecDeque::new(),
            stats: FleetStats::default(),
        }
    }

    /// How many series at most (10,000; 1…100,000,000).
    pub fn most_series(mut self, series: usize) -> Self {
        self.most_series = series.clamp(1, MOST_SERIES);
        self
    }

    /// Takes a sample of a series, new or known. What it does to alerts comes out of
    /// [`Fleet::poll_event`]. Allocates for a new series and when alerts change.
    pub fn observe(&mut self, labels: &Labels, sample: Sample) -> Observation {
        let place = match self.places.get(labels) {
            Some(&place) => place,
            None => self.insert(labels.clone(), Detector::new(Arc::clone(&self.config))),
        };
        self.recency.touch(place);
        let observation = self.series[place as usize].detector.observe(sample);
        let event = self.alerts.observe(sample.at, labels, &observation);
        self.push(event);
        observation
    }

    /// Watches a series with a detector of its own: another configuration, or one restored.
    /// Replaces the one that watched it.
    pub fn watch(&mut self, labels: Labels, detector: Detector) {
        match self.places.get(&labels) {
            Some(&place) => self.series[place as usize].detector = detector,
            None => drop(self.insert(labels, detector)),
        }
    }

    /// Tells every series the time: those that are missing notice, and alerts of series that are
    /// gone clear. Work goes with the number of series; call it about as often as a missing
    /// series should be noticed.
    pub fn handle_timeout(&mut self, now: UnixNanos) {
        for at in 0..self.series.len() {
            let Series { labels, detector } = &mut self.series[at];
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

    /// The alerts of the fleet.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The series watched and their detectors, in no order.
    pub fn detectors(&self) -> impl Iterator<Item = (&Labels, &Detector)> {
        self.series.iter().map(|series| (&series.labels, &series.detector))
    }

    /// What the fleet holds and has done.
    pub fn stats(&self) -> FleetStats {
        FleetStats { series: self.series.len(), alerts: self.alerts.stats(), ..self.stats }
    }

    fn insert(&mut self, labels: Labels, detector: Detector) -> u32 {
        let series = Series { labels: labels.clone(), detector };
        let full = self.series.len() >= self.most_series;
        let place = if let Some(place) = self.recency.oldest().filter(|_| full) {
            let evicted = std::mem::replace(&mut self.series[place as usize], series);
            self.places.remove(&evicted.labels);
            self.stats.evicted += 1;
            self.recency.touch(place);
            place
        } else {
            self.series.push(series);
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

const DEFAULT_SERIES: usize = 10_000;
const MOST_SERIES: usize = 100_000_000;
const MOST_EVENTS: usize = 4096;
