//! `watch report`: one series as a picture: what came, what was expected, what was strange.

mod series;
mod ticks;
mod chart;
mod page;

use std::fs;
use std::path::PathBuf;

use anomaly::{Config, Detector};
use anyhow::{Context, Result, bail, ensure};

use crate::watch_csv::each_row;
use crate::watch_season;
use series::Series;

/// Draw a series, the expected band and the events into one self-contained file
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The series, as `watch csv` reads it; `-` is standard input
    #[arg(value_name = "CSV")]
    pub file: PathBuf,
    /// Where to draw: a page with a table of the events (.html), or the picture alone (.svg)
    #[arg(long, value_name = "FILE.html|.svg")]
    pub out: PathBuf,
    /// False alarms that a week may bring
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub false_alarms_per_week: f64,
    #[command(flatten)]
    season: watch_season::Args,
    /// What to write above it; the file's name otherwise
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
}

/// Reads, watches, draws.
///
/// # Errors
///
/// When the file cannot be read, a row is none, there is nothing to draw, or the picture cannot be
/// written.
pub fn run(args: &Args) -> Result<()> {
    let kind = args.out.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    ensure!(matches!(kind, "html" | "svg"), "--out: give a name that ends in .html or .svg");
    let config = Config::default().false_alarms_per_week(args.false_alarms_per_week);
    let config = args.season.of(config)?;
    let (mut detector, mut series) = (Detector::new(config), Series::default());
    each_row(&args.file, |row| {
        series.push(&detector.observe(row.sample()));
        Ok(())
    })?;
    if series.values() < 2 {
        bail!("{}: fewer than two values: nothing to draw", args.file.display());
    }
    let name = args.file.file_stem().map_or("-".into(), |name| name.to_string_lossy());
    let title = args.title.as_deref().unwrap_or(&name);
    let drawn = match kind {
        "svg" => chart::svg(&series, title),
        _ => page::html(&series, title),
    };
    fs::write(&args.out, drawn).with_context(|| format!("cannot write {}", args.out.display()))
}
