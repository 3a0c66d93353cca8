//! How many labelled incidents of synthetic web-service series a score finds, at how many false
//! episodes a series and week: `cargo run --release --bin anomaly_recall [-- SERIES [FIRST_SEED]]`.

use std::io::{self, Write};

use anomaly::{Rarity, UnixNanos};
use anyhow::{Context, Result};
use popkit_benches::kpi::baseline::{Holt, HoltWinters, Lag, Score, ZScore};
use popkit_benches::kpi::judge::{Scored, by_kind, recalls};
use popkit_benches::kpi::series::{Series, draw};

/// Ours, with the instants that it needs for the time of day.
#[derive(Default)]
struct Ours {
    rarity: Rarity,
    minute: i64,
}

impl Score for Ours {
    fn score(&mut self, value: f64) -> f64 {
        let at = UnixNanos::new(self.minute * 60_000_000_000);
        self.minute += 1;
        self.rarity.observe_at(at, value)
    }
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let series = numbers.next().transpose().context("SERIES is a number")?.unwrap_or(70);
    let first = numbers.next().transpose().context("FIRST_SEED is a number")?.unwrap_or(0);
    let all: Vec<Series> = (first..first + series).map(draw).collect();
    let events: usize = all.iter().map(|series| series.incidents.len()).sum();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{series} series of 25 days, {events} incidents; recall at false episodes a series and week"
    )?;
    writeln!(out, "{:24}{:>8}{:>8}{:>8}", "", BUDGETS[0], BUDGETS[1], BUDGETS[2])?;
    report::<ZScore>(&mut out, "EW z-score", &all)?;
    report::<Lag>(&mut out, "lag-1 difference / MAD", &all)?;
    report::<Holt>(&mut out, "robust Holt", &all)?;
    report::<HoltWinters>(&mut out, "robust Holt-Winters", &all)?;
    let threshold = report::<Ours>(&mut out, "ours", &all)?;
    writeln!(out, "ours at {}, by kind:", BUDGETS[1])?;
    for (kind, found, of) in by_kind(&scored::<Ours>(&all), threshold) {
        writeln!(out, "  {:22}{found:>5} of {of}", format!("{kind:?}").to_lowercase())?;
    }
    Ok(())
}

fn scored<S: Score + Default>(all: &[Series]) -> Vec<Scored<'_>> {
    let of = |series: &Series| {
        let mut score = S::default();
        series.values.iter().map(|value| score.score(*value)).collect()
    };
    all.iter().map(|series| Scored { series, scores: of(series) }).collect()
}

/// One line; the threshold of the middle budget.
fn report<S: Score + Default>(out: &mut impl Write, name: &str, all: &[Series]) -> Result<f64> {
    let found = recalls(&scored::<S>(all), &BUDGETS);
    write!(out, "{name:24}")?;
    for found in &found {
        write!(out, "{:>8.3}", found.recall)?;
    }
    writeln!(out)?;
    Ok(found[1].threshold)
}

const BUDGETS: [f64; 3] = [0.25, 1.0, 3.0];
