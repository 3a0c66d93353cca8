//! What watching a series costs: nanoseconds an observation, hot and from memory, and bytes.
//!
//! `cargo bench --bench anomaly [-- MOST_SERIES]`. Sweeps over many series, one value each, as a
//! scrape brings them; beside ours a robust Holt-Winters without anything around it, and refits of
//! augurs, which has no streaming model.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;

use anomaly::{
    Config, Detector, Fleet, Labels, Policy, Rarity, Sample, Season, SeriesId, UnixNanos,
};
use anyhow::{Context, Result};
use augurs_core::{Fit, Predict};
use augurs_ets::AutoETS;
use augurs_mstl::MSTLModel;
use popkit_benches::clock::{cpu_time, median_and_spread};
use popkit_benches::kpi::noise::Noise;

/// A robust Holt-Winters and nothing else: level, slope, scale and an hourly profile of a week.
struct Plain {
    level: f64,
    slope: f64,
    scale: f64,
    season: [f32; 168],
}

impl Plain {
    fn new() -> Self {
        Self { level: 0.0, slope: 0.0, scale: 1.0, season: [0.0; 168] }
    }

    fn observe(&mut self, minute: usize, value: f64) -> f64 {
        let slot = &mut self.season[minute / 60 % 168];
        let expected = self.level + self.slope + f64::from(*slot);
        let residual = value - expected;
        let clipped = residual.clamp(-3.0 * self.scale, 3.0 * self.scale);
        self.scale += 0.01 * (residual.abs().min(4.0 * self.scale) - self.scale);
        self.level += self.slope + 0.1 * clipped;
        self.slope += 0.001 * clipped;
        *slot += (0.05 * clipped) as f32;
        residual.abs() / self.scale
    }
}

fn main() -> Result<()> {
    // `cargo bench` hands flags on; the number is ours.
    let most = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut out = io::stdout().lock();
    writeln!(out, "{:34}{:>10}{:>14}{:>12}", "", "series", "ns a value", "bytes each")?;
    for series in [1, 1_000, 100_000, 1_000_000].into_iter().filter(|series| *series <= most) {
        let plain = || Plain::new();
        report(
            &mut out,
            "plain Holt-Winters, week",
            series,
            size_of::<Plain>(),
            plain,
            Plain::observe,
        )?;
        for (name, config, instant) in [
            ("ours, no season", Config::default(), regular as fn(usize) -> UnixNanos),
            ("ours, up to 3 s of 60 late", Config::default(), jittered),
            ("ours, week of 168 hours", Config::default().season(Season::week()), regular),
            ("ours, forecasts", Config::default().forecasts(true), regular),
        ] {
            let config = Arc::new(config);
            let bytes = Detector::new(Arc::clone(&config)).size_bytes();
            let make = || Detector::new(Arc::clone(&config));
            report(&mut out, name, series, bytes, make, |own, minute, value| {
                own.observe(Sample::new(instant(minute), value)).score
            })?;
        }
    }
    report(&mut out, "ours, ranking score", 1_000, 0, Rarity::new, |own, minute, value| {
        own.observe_at(regular(minute), value)
    })?;
    for series in [1_000, 100_000].into_iter().filter(|series| *series <= most) {
        fleets(&mut out, series)?;
    }
    refits(&mut out)
}

fn regular(minute: usize) -> UnixNanos {
    UnixNanos::new(1_700_000_000_000_000_000 + minute as i64 * 60_000_000_000)
}

/// As a scrape does it whose targets answer late, by 0 to 3 seconds of a minute.
fn jittered(minute: usize) -> UnixNanos {
    UnixNanos::new(regular(minute).as_nanos() + minute as i64 * 7919 % 1000 * 3_000_000)
}

/// One fleet, told of its series by labels and by handle.
fn fleets(out: &mut impl Write, series: usize) -> Result<()> {
    let labels: Vec<Labels> = (0..series)
        .map(|i| Labels::new([("instance", format!("host{i}:9100")), ("name", "load".to_owned())]))
        .collect();
    let fleet = Fleet::new(Config::default(), Policy::default()).most_series(series);
    let fleet = RefCell::new(fleet);
    let next = Cell::new(0);
    let make = || next.replace(next.get() + 1);
    report(out, "ours, a fleet by labels", series, 0, make, |at, minute, value| {
        fleet.borrow_mut().observe(&labels[*at], Sample::new(regular(minute), value)).score
    })?;
    let handles: Vec<SeriesId> =
        labels.iter().map(|labels| fleet.borrow_mut().series_id(labels)).collect();
    next.set(0);
    report(out, "ours, a fleet by handle", series, 0, make, |at, minute, value| {
        let sample = Sample::new(regular(minute + LATER), value);
        fleet.borrow_mut().observe_id(handles[*at], sample).map_or(f64::NAN, |seen| seen.score)
    })
}

/// Median over rounds of sweeps, after every detector has learned.
fn report<T>(
    out: &mut impl Write,
    name: &str,
    series: usize,
    bytes: usize,
    make: impl Fn() -> T,
    mut observe: impl FnMut(&mut T, usize, f64) -> f64,
) -> Result<()> {
    let mut noise = Noise::new(1);
    let values: Vec<f64> = (0..65_537).map(|_| noise.normal()).collect();
    let mut all: Vec<T> = (0..series).map(|_| make()).collect();
    let (mut minute, mut at) = (0, 0);
    let sweeps = (2_000_000 / series).clamp(1, 100_000);
    let mut sweep = |times: usize| {
        let began = cpu_time();
        for _ in 0..times {
            for own in &mut all {
                at = (at + 1) % values.len();
                black_box(observe(own, minute, values[at]));
            }
            minute += 1;
        }
        cpu_time().saturating_sub(began).as_secs_f64() * 1e9 / (times * series) as f64
    };
    sweep(if series >= 1_000_000 { 72 } else { 200 });
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| sweep(sweeps)).collect();
    let (median, spread) = median_and_spread(&mut rounds);
    let bytes = if bytes == 0 { String::new() } else { bytes.to_string() };
    writeln!(out, "{name:34}{series:>10}{median:>8.1} ±{:>3.0} %{bytes:>12}", spread * 100.0)?;
    out.flush().context("standard output")
}

/// Fitting four weeks of ten minutes anew, as somebody without a streaming model does.
fn refits(out: &mut impl Write) -> Result<()> {
    let mut noise = Noise::new(2);
    let day = |i: usize| (i as f64 / 144.0 * std::f64::consts::TAU).sin();
    let values: Vec<f64> = (0..4032).map(|i| 100.0 + 10.0 * day(i) + noise.normal()).collect();
    let began = cpu_time();
    let fitted = AutoETS::non_seasonal().fit(&values).context("ETS fits")?;
    black_box(fitted.predict(12, 0.9).context("ETS predicts")?);
    writeln!(
        out,
        "augurs ETS, refit of 4,032 values    {:>10.1} ms",
        cpu_time().saturating_sub(began).as_secs_f64() * 1e3
    )?;
    let began = cpu_time();
    let fitted = MSTLModel::naive(vec![144]).fit(&values).context("MSTL fits")?;
    black_box(fitted.predict(12, 0.9).context("MSTL predicts")?);
    writeln!(
        out,
        "augurs MSTL, refit of 4,032 values   {:>10.1} ms",
        cpu_time().saturating_sub(began).as_secs_f64() * 1e3
    )?;
    Ok(())
}

const ROUNDS: usize = 5;
/// Minutes past all that were swept before.
const LATER: usize = 10_000_000;
