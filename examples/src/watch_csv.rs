//! `watch csv`: series in files, a verdict for each row.

pub(crate) mod row;
mod table;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Component, Path, PathBuf};

use anomaly::{Config, Detector, Observation, Rarity, State};
use anyhow::{Context, Result, ensure};

use row::{Row, RowError};
pub use table::common_folder;

/// Watch series in files: `timestamp,value` in, the same with a score, an expectation and its interval out
///
/// Timestamps are Unix seconds or milliseconds, RFC 3339, or 2014-04-10 07:15:00 (UTC). An empty value is a
/// missing one. Each row is judged by the rows before it alone.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The series; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Write a file for each here, under the same relative path, instead of to standard output
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// False alarms that a week may bring on each series
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub false_alarms_per_week: f64,
}

/// Watches one file after the other.
///
/// # Errors
///
/// When a file cannot be read or written, or a row is none: with file, line and what should stand there.
pub fn run(args: &Args) -> Result<()> {
    let Some(out) = &args.out else {
        ensure!(
            args.files.len() == 1,
            "several files want a folder for the results: give --out DIR"
        );
        return match watch(&args.files[0], &mut BufWriter::new(io::stdout().lock()), args) {
            Err(error) if is_closed(&error) => Ok(()),
            done => done,
        };
    };
    let base = common_folder(&args.files);
    for file in &args.files {
        let path = out.join(relative(file, &base));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let shown = || format!("cannot write {}", path.display());
        let mut written = BufWriter::new(File::create(&path).with_context(shown)?);
        watch(file, &mut written, args)?;
        written.flush().with_context(shown)?;
    }
    Ok(())
}

fn watch(path: &Path, out: &mut impl Write, args: &Args) -> Result<()> {
    let config = Config::default().false_alarms_per_week(args.false_alarms_per_week);
    let (mut detector, mut rarity) = (Detector::new(config), Rarity::new());
    writeln!(out, "timestamp,value,anomaly_score,expected,lower,upper,kind")?;
    each_row(path, |row| {
        let score = row.value.map_or(0.0, |value| rarity.observe_at(row.at, value));
        Ok(write_row(out, row, score, &detector.observe(row.sample()))?)
    })?;
    Ok(out.flush()?)
}

/// Reads the rows of a file, one after the other; `-` is standard input.
pub(crate) fn each_row(path: &Path, mut each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    let shown = path.display().to_string();
    let input: Box<dyn io::Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path).with_context(|| format!("cannot read {shown}"))?),
    };
    for (number, line) in (1..).zip(BufReader::new(input).lines()) {
        let line = line.with_context(|| shown.clone())?;
        match Row::parse(&line) {
            Ok(Some(row)) => each(&row)?,
            Ok(None) => {}
            // The first line may well be a heading.
            Err(RowError::Timestamp(_)) if number == 1 => {}
            Err(error) => return Err(error).with_context(|| format!("{shown}:{number}")),
        }
    }
    Ok(())
}

fn write_row(
    out: &mut impl Write,
    row: &Row<'_>,
    score: f64,
    seen: &Observation,
) -> io::Result<()> {
    let Observation { expected, lower, upper, signal, state, .. } = seen;
    write!(out, "{},{},{score:.6},", row.timestamp, row.text)?;
    // Before the first value there is nothing to expect.
    let known = !matches!(state, State::Warming { have: 0, .. });
    for number in [*expected, *lower, *upper] {
        if known && number.is_finite() {
            // Of a number hardly different from zero, and of a huge one, nobody counts the digits.
            let plain = number == 0.0 || PLAIN.contains(&number.abs());
            if plain { write!(out, "{number}") } else { write!(out, "{number:e}") }?;
        }
        out.write_all(b",")?;
    }
    writeln!(out, "{}", signal.as_ref().map_or("", |signal| signal.kind.label()))
}

/// Magnitudes written without an exponent.
const PLAIN: std::ops::Range<f64> = 1e-6..1e15;

/// The path below `base`, without steps upwards.
fn relative(file: &Path, base: &Path) -> PathBuf {
    let below = file.strip_prefix(base).unwrap_or(file);
    below.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// Whether who read standard output is gone: no fault of ours.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}
