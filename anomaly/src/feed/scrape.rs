//! One target, read again and again: counters to rates, histograms to quantiles.

use std::collections::{HashMap, VecDeque};

use crate::alert::Labels;
use crate::counter::Counter;
use crate::feed::buckets::Buckets;
use crate::feed::exposition::{Exposition, ExpositionError, Family, Format, Line, Point};
use crate::feed::series::{quantile_name, series};
use crate::sample::{Sample, UnixNanos};

/// What was read of a target before, so that what it says now can be compared with it.
///
/// Counters become rates per second, histograms quantiles of what came since, and the rate of
/// that; gauges, and quantiles of summaries, stay what they are; NaN is a missing value. Sums,
/// info and `_created` are passed over. Bounded in series and in lines.
#[derive(Debug)]
pub struct Scrape {
    common: Labels,
    quantiles: Vec<(f64, String)>,
    counters: HashMap<Labels, Read<Counter>>,
    histograms: HashMap<Labels, Read<Histogram>>,
    families: HashMap<Box<str>, Family>,
    most_series: usize,
    turn: u64,
    points: usize,
    samples: VecDeque<(Labels, Sample)>,
    stats: ScrapeStats,
}

/// What scrapes have brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrapeStats {
    /// Expositions read.
    pub scrapes: u64,
    /// Points understood.
    pub points: u64,
    /// Lines not understood.
    pub malformed: u64,
    /// Points and series past the bound.
    pub refused: u64,
}

/// What a series was when it was read last, and in which turn.
#[derive(Debug)]
struct Read<T> {
    what: T,
    turn: u64,
}

#[derive(Debug, Default)]
struct Histogram {
    rate: Counter,
    last: Option<Buckets>,
    now: Buckets,
}

impl Scrape {
    /// Series with these labels besides their own: what tells the target from others, such as
    /// `instance`.
    pub fn new(common: Labels) -> Self {
        Self {
            common,
            quantiles: [0.5, 0.99].map(|q| (q, quantile_name(q))).into(),
            counters: HashMap::new(),
            histograms: HashMap::new(),
            families: HashMap::new(),
            most_series: 10_000,
            turn: 0,
            points: 0,
            samples: VecDeque::new(),
            stats: ScrapeStats::default(),
        }
    }

    /// Which quantiles of histograms to watch (0.5 and 0.99).
    pub fn quantiles(mut self, quantiles: impl IntoIterator<Item = f64>) -> Self {
        let quantiles = quantiles.into_iter().filter(|q| (0.0..=1.0).contains(q));
        self.quantiles = quantiles.map(|q| (q, quantile_name(q))).collect();
        self
    }

    /// How many points an exposition may have, and series be remembered (10,000; at least 1).
    pub fn most_series(mut self, series: usize) -> Self {
        self.most_series = series.max(1);
        self
    }

    /// Takes a whole exposition, read at `now`, and says what was wrong with it first, if
    /// anything: the rest of it is taken all the same.
    pub fn handle(
        &mut self,
        now: UnixNanos,
        format: Format,
        body: &[u8],
    ) -> Option<ExpositionError> {
        let mut reader = Exposition::new(format);
        let mut first = None;
        self.begin();
        reader.push(body, |line| self.line(now, line, &mut first));
        reader.finish(|line| self.line(now, line, &mut first));
        self.end(now);
        first
    }

    /// The next sample of a series.
    pub fn poll_sample(&mut self) -> Option<(Labels, Sample)> {
        self.samples.pop_front()
    }

    /// What was read so far.
    pub fn stats(&self) -> ScrapeStats {
        self.stats
    }

    fn begin(&mut self) {
        self.turn += 1;
        self.points = 0;
        self.families.clear();
        self.samples.clear();
        self.stats.scrapes += 1;
    }

    fn line(
        &mut self,
        now: UnixNanos,
        line: Result<Line<'_>, ExpositionError>,
        first: &mut Option<ExpositionError>,
    ) {
        match line {
            Ok(Line::Point(point)) => self.point(now, &point),
            Ok(Line::Type { metric, family }) if self.families.len() < self.most_series => {
                self.families.insert(metric.into(), family);
            }
            Ok(_) => {}
            Err(error) => {
                self.stats.malformed += 1;
                first.get_or_insert(error);
            }
        }
    }

    fn point(&mut self, now: UnixNanos, point: &Point<'_>) {
        if self.points >= self.most_series {
            self.stats.refused += 1;
            return;
        }
        self.points += 1;
        self.stats.points += 1;
        let at = point.at.unwrap_or(now);
        let metric = &*point.metric;
        let (base, family, suffix) = self.family(metric);
        match (family, suffix) {
            (Family::Counter, "" | "_total")
            | (Family::Summary, "_count")
            | (Family::Unknown, "_total") => {
                let labels = self.series(metric, Some("rate"), point, None);
                let rate = remembered(&mut self.counters, self.most_series, &labels, self.turn);
                let Some(counter) = rate else {
                    self.stats.refused += 1;
                    return;
                };
                let rate = counter.rate(Sample::new(at, point.value));
                if rate.present().is_some() {
                    self.samples.push_back((labels, rate));
                }
            }
            (Family::Histogram, "_bucket") => {
                let le = point.labels.iter().find(|(name, _)| name == "le");
                let Some(upper) = le.and_then(|(_, le)| le.parse().ok()) else { return };
                let labels = self.series(base, None, point, Some("le"));
                match remembered(&mut self.histograms, self.most_series, &labels, self.turn) {
                    Some(histogram) => histogram.now.add(upper, point.value),
                    None => self.stats.refused += 1,
                }
            }
            (Family::Gauge | Family::StateSet | Family::Unknown | Family::Summary, "") => {
                let labels = self.series(metric, None, point, None);
                self.samples.push_back((labels, Sample::new(at, point.value)));
            }
            _ => {}
        }
    }

    /// The family a metric belongs to, its kind, and the suffix that the metric has beside it.
    fn family<'m>(&self, metric: &'m str) -> (&'m str, Family, &'m str) {
        if let Some(family) = self.families.get(metric) {
            return (metric, *family, "");
        }
        for suffix in ["_bucket", "_count", "_sum", "_total", "_created", "_info"] {
            let Some(base) = metric.strip_suffix(suffix) else { continue };
            let family = self.families.get(base).copied();
            return match (family, suffix) {
                (Some(family), _) => (base, family, &metric[base.len()..]),
                // Nothing says what it is, but names do not lie in this.
                (None, "_total" | "_created") => (metric, Family::Unknown, &metric[base.len()..]),
                (None, _) => (metric, Family::Unknown, ""),
            };
        }
        (metric, Family::Unknown, "")
    }

    fn series(
        &self,
        metric: &str,
        of: Option<&str>,
        point: &Point<'_>,
        without: Option<&str>,
    ) -> Labels {
        let own = point.labels.iter().map(|(name, value)| (&**name, &**value));
        let own = own.filter(|(name, _)| without != Some(*name));
        series(metric, of, &self.common, own)
    }

    /// Histograms are whole only now; what was not seen for a while is forgotten.
    fn end(&mut self, now: UnixNanos) {
        for (labels, Read { what, turn }) in &mut self.histograms {
            if *turn != self.turn {
                continue;
            }
            let buckets = std::mem::take(&mut what.now);
            let rate = what.rate.rate(Sample::new(now, buckets.count())).present();
            let since = what.last.as_ref().and_then(|last| buckets.since(last));
            what.last = Some(buckets);
            let mut put = |of: &str, value: f64| {
                self.samples.push_back((labels.with("of", of), Sample::new(now, value)));
            };
            if let Some(rate) = rate {
                put("rate", rate);
            }
            for (q, name) in &self.quantiles {
                if let Some(value) = since.as_ref().and_then(|since| since.quantile(*q)) {
                    put(name, value);
                }
            }
        }
        let turn = self.turn;
        self.counters.retain(|_, read| turn - read.turn <= MOST_ABSENT);
        self.histograms.retain(|_, read| turn - read.turn <= MOST_ABSENT);
    }
}

/// What is remembered of a series; `None` when there is no room for it.
fn remembered<'m, T: Default>(
    all: &'m mut HashMap<Labels, Read<T>>,
    most: usize,
    labels: &Labels,
    turn: u64,
) -> Option<&'m mut T> {
    if !all.contains_key(labels) {
        if all.len() >= most {
            return None;
        }
        all.insert(labels.clone(), Read { what: T::default(), turn });
    }
    let read = all.get_mut(labels)?;
    read.turn = turn;
    Some(&mut read.what)
}

/// Scrapes that a series may be absent from before it is forgotten.
const MOST_ABSENT: u64 = 10;
