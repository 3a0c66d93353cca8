//! statsd's data, gathered over an interval.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::alert::Labels;
use crate::feed::series::{quantile_name, series};
use crate::feed::spread::Spread;
use crate::feed::statsd::{Datum, StatsdError, Type, parse};
use crate::sample::{Sample, UnixNanos};

/// What was sent since the last flush.
///
/// A counter becomes a rate per second, 0 when nothing came; a gauge is what it was set to last; a
/// timer its quantiles and the rate of its observations; a set the number of its members. A series
/// that nothing came for in sixty flushes is forgotten. Bounded in series and members.
#[derive(Debug)]
pub struct Statsd {
    common: Labels,
    quantiles: Vec<(f64, String)>,
    series: HashMap<(Labels, Type), Gathered>,
    most_series: usize,
    flushed: Option<UnixNanos>,
    /// Of all sets, in this interval.
    members: usize,
    hash: RandomState,
    stats: StatsdStats,
}

/// What datagrams have brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatsdStats {
    /// Values taken.
    pub values: u64,
    /// Lines not understood, events and service checks among them.
    pub malformed: u64,
    /// Values of series, and members of sets, past the bound.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Gathered {
    /// Of a counter the sum, of a gauge the value.
    value: f64,
    spread: Spread,
    /// Hashes of them: two that agree are one, which 64 bits make rare.
    members: HashSet<u64>,
    quiet: u32,
}

impl Statsd {
    /// Series with these labels besides their tags.
    pub fn new(common: Labels) -> Self {
        Self {
            common,
            quantiles: [0.5, 0.99].map(|q| (q, quantile_name(q))).into(),
            series: HashMap::new(),
            most_series: 10_000,
            flushed: None,
            members: 0,
            hash: RandomState::new(),
            stats: StatsdStats::default(),
        }
    }

    /// Which quantiles of timers to watch (0.5 and 0.99).
    pub fn quantiles(mut self, quantiles: impl IntoIterator<Item = f64>) -> Self {
        let quantiles = quantiles.into_iter().filter(|q| (0.0..=1.0).contains(q));
        self.quantiles = quantiles.map(|q| (q, quantile_name(q))).collect();
        self
    }

    /// How many series at once (10,000; at least 1).
    pub fn most_series(mut self, series: usize) -> Self {
        self.most_series = series.max(1);
        self
    }

    /// Takes a datagram: one line or several. What was wrong first, if anything; the other lines
    /// are taken all the same.
    pub fn handle_datagram(&mut self, datagram: &[u8]) -> Option<StatsdError> {
        let mut first = None;
        for line in datagram.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Err(error) = parse(line, |datum| self.take(&datum)) {
                self.stats.malformed += 1;
                first.get_or_insert(error);
            }
        }
        first
    }

    /// Ends an interval: the samples of it, in no order. The first call only begins.
    pub fn flush(&mut self, now: UnixNanos) -> Vec<(Labels, Sample)> {
        let Some(before) = self.flushed.replace(now) else {
            return Vec::new();
        };
        let seconds = now.since(before).as_secs_f64().max(1e-9);
        let mut samples = Vec::new();
        for ((labels, kind), gathered) in &mut self.series {
            let mut put = |of: Option<&str>, value: f64| {
                let labels = of.map_or_else(|| labels.clone(), |of| labels.with("of", of));
                samples.push((labels, Sample::new(now, value)));
            };
            match kind {
                Type::Counter => put(Some("rate"), std::mem::take(&mut gathered.value) / seconds),
                Type::Gauge => put(None, gathered.value),
                Type::Timer => {
                    put(Some("rate"), gathered.spread.weight() / seconds);
                    for (q, name) in &self.quantiles {
                        if let Some(value) = gathered.spread.quantile(*q) {
                            put(Some(name), value);
                        }
                    }
                    gathered.spread.clear();
                }
                Type::Set => {
                    put(Some("members"), gathered.members.len() as f64);
                    gathered.members.clear();
                }
            }
            gathered.quiet += 1;
        }
        self.members = 0;
        self.series.retain(|_, gathered| gathered.quiet <= MOST_QUIET);
        samples
    }

    /// What came so far.
    pub fn stats(&self) -> StatsdStats {
        self.stats
    }

    fn take(&mut self, datum: &Datum<'_>) {
        let labels = series(datum.metric, None, &self.common, datum.tags());
        let key = (labels, datum.kind);
        let room = self.series.len() < self.most_series;
        if !room && !self.series.contains_key(&key) {
            self.stats.refused += 1;
            return;
        }
        self.stats.values += 1;
        let gathered = self.series.entry(key).or_default();
        gathered.quiet = 0;
        let weight = 1.0 / datum.sample_rate;
        match datum.kind {
            Type::Counter => gathered.value = bounded(gathered.value + datum.value * weight),
            Type::Gauge if datum.relative => gathered.value = bounded(gathered.value + datum.value),
            Type::Gauge => gathered.value = datum.value,
            Type::Timer => gathered.spread.record(datum.value, weight),
            Type::Set if self.members < MOST_MEMBERS => {
                let new = gathered.members.insert(self.hash.hash_one(datum.text));
                self.members += usize::from(new);
            }
            Type::Set => self.stats.refused += 1,
        }
    }
}

/// Sums stay numbers.
fn bounded(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// Flushes without a value after which a series is forgotten.
const MOST_QUIET: u32 = 60;
/// Members of all sets that are told apart in an interval.
const MOST_MEMBERS: usize = 1 << 18;
