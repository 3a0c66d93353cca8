//! `watch forecast`: where a series goes, and when it has filled what there is.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anomaly::{Config, Detector, Outlook, State, TimeTo, UnixNanos};
use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::watch_csv::each_row;
use crate::watch_season;

/// Say where a series goes, and when it reaches a capacity: one JSON object, with intervals
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The series, as `watch csv` reads it; `-` is standard input
    #[arg(value_name = "CSV")]
    pub file: PathBuf,
    /// What there is, in the unit of the series: the value that must not be reached
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub capacity: Option<f64>,
    /// How far ahead to look; as far as the series reaches back otherwise
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub within: Option<Duration>,
    /// Which share of what comes the interval is to hold (0.5 to 0.999)
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    pub coverage: f64,
    #[command(flatten)]
    season: watch_season::Args,
}

/// Reads, learns, looks ahead.
///
/// # Errors
///
/// When the file cannot be read, a row is none, or there are too few of them.
pub fn run(args: &Args) -> Result<()> {
    let file = args.file.display();
    ensure!((0.5..=0.999).contains(&args.coverage), "--coverage: give a share from 0.5 to 0.999");
    ensure!(args.capacity.is_none_or(f64::is_finite), "--capacity: give a number");
    let mut detector = Detector::new(args.season.of(Config::default().forecasts(true))?);
    let (mut first, mut last) = (None, None);
    each_row(&args.file, |row| {
        detector.observe(row.sample());
        if let Some(value) = row.value {
            first.get_or_insert(row.at);
            last = Some((row.at, value));
        }
        Ok(())
    })?;
    if let State::Warming { have, need } = detector.state() {
        bail!("{file}: {have} values are too few to look ahead: {need} are learned from");
    }
    let ((at, value), first) = last.zip(first).with_context(|| format!("{file}: no value"))?;
    let within = args.within.unwrap_or_else(|| at.since(first)).max(Duration::from_secs(1));
    let mut told = json!({
        "file": file.to_string(),
        "at_ns": at.as_nanos(),
        "value": value,
        "coverage": args.coverage,
        "within": within.as_secs_f64(),
        "forecast": forecast(&detector, within, args.coverage),
    });
    if let Some(capacity) = args.capacity {
        let time = detector.time_to(capacity, within, args.coverage);
        let time = time.with_context(|| format!("{file}: nothing to look ahead from"))?;
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        told["capacity"] = capacity.into();
        told["earliest"] = seconds(time.earliest).into();
        told["expected"] = seconds(time.expected).into();
        told["latest"] = seconds(time.latest).into();
        told["summary"] = sentence(at, capacity, within, args.coverage, time).into();
    }
    match writeln!(io::stdout(), "{told}") {
        // Who read it is gone: no fault of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Ever further ahead, up to the end.
fn forecast(detector: &Detector, within: Duration, coverage: f64) -> Value {
    let steps = (0..STEPS).rev().map(|halvings| within / (1 << halvings));
    let outlooks = steps.filter_map(|ahead| Some((ahead, detector.forecast(ahead, coverage)?)));
    let shown = |(ahead, outlook): (Duration, Outlook)| {
        let Outlook { at, expected, lower, upper } = outlook;
        json!({
            "at_ns": at.as_nanos(),
            "ahead": ahead.as_secs_f64(),
            "expected": expected,
            "lower": lower,
            "upper": upper,
        })
    };
    outlooks.map(shown).collect()
}

fn sentence(at: UnixNanos, capacity: f64, within: Duration, coverage: f64, time: TimeTo) -> String {
    let whole = |time: Duration| humantime::format_duration(rounded(time)).to_string();
    let sure = format!("{} % sure", coverage * 100.0);
    let Some(expected) = time.expected else {
        let within = whole(within);
        return match time.earliest {
            None => format!("{capacity} is not reached within {within} ({sure})"),
            Some(earliest) => format!(
                "{capacity} is not expected within {within}, but may be reached in {} ({sure})",
                whole(earliest)
            ),
        };
    };
    let earliest = whole(time.earliest.unwrap_or(expected));
    let latest = time.latest.map_or(format!("later than {}", whole(within)), whole);
    let date = i128::from(at.after(expected).as_nanos());
    let date = Timestamp::from_nanosecond(date).unwrap_or_default().strftime("%Y-%m-%d %H:%M");
    format!(
        "{capacity} is reached in {}, on {date} UTC ({earliest} to {latest}, {sure})",
        whole(expected)
    )
}

/// Two units are enough.
fn rounded(time: Duration) -> Duration {
    let seconds = time.as_secs();
    let unit = match seconds {
        0..60 => 1,
        60..7_200 => 60,
        7_200..172_800 => 600,
        172_800..5_184_000 => 3_600,
        _ => 86_400,
    };
    Duration::from_secs(seconds / unit * unit)
}

/// A picture of the way ahead, from a hundredth of it to its end.
const STEPS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_known() {
        let hours = |hours: u64| Some(Duration::from_hours(hours));
        let said = |earliest, expected, latest| {
            let time = TimeTo { earliest, expected, latest };
            sentence(UnixNanos::new(0), 90.0, Duration::from_hours(100), 0.9, time)
        };
        assert_eq!(
            said(hours(10), hours(11), hours(13)),
            "90 is reached in 11h, on 1970-01-01 11:00 UTC (10h to 13h, 90 % sure)"
        );
        assert!(
            said(hours(10), hours(50), None).ends_with("(10h to later than 4days 4h, 90 % sure)")
        );
        assert_eq!(said(None, None, None), "90 is not reached within 4days 4h (90 % sure)");
        assert!(said(hours(80), None, None).contains("may be reached in 3days 8h"));
    }
}
