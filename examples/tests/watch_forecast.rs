//! `watch forecast`: what grows evenly is full when it must be.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use common::{run, said};
use serde_json::Value;

const WATCH: &str = env!("CARGO_BIN_EXE_watch");

/// Minutes of a disk that fills by one an hour's sixtieth each, from `value` on.
fn series(folder: &Path, rows: u32, growth: f64) -> String {
    let mut text = String::from("timestamp,value\n");
    for i in 0..rows {
        let noise = f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        let value = 100.0 + growth * f64::from(i) + 4.0 * noise;
        writeln!(text, "{},{value}", 1_700_000_000 + i * 60).expect("memory");
    }
    let path = folder.join("disk.csv");
    std::fs::write(&path, text).expect("room");
    path.to_string_lossy().into_owned()
}

fn forecast(args: &[&str]) -> Value {
    let output = run(Command::new(WATCH).arg("forecast").args(args));
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).expect("one object")
}

#[test]
fn what_grows_evenly_is_full_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = series(folder.path(), 3_000, 0.1);
    let told = forecast(&[&file, "--capacity", "500"]);
    // From 400 by a tenth a minute: a thousand minutes.
    let seconds = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("{name}: {told}"));
    assert!((seconds("expected") / 60_000.0 - 1.0).abs() < 0.05, "{told}");
    assert!((40_000.0..61_000.0).contains(&seconds("earliest")), "{told}");
    assert!(seconds("earliest") < seconds("expected") && seconds("expected") < seconds("latest"));
    assert_eq!(told["at_ns"].as_i64(), Some((1_700_000_000 + 2_999 * 60) * 1_000_000_000));
    let ahead = told["forecast"].as_array().expect("a list");
    assert_eq!(ahead.len(), 8);
    assert!(ahead.iter().all(|step| step["lower"].as_f64() < step["upper"].as_f64()), "{told}");
    assert!(
        told["summary"].as_str().is_some_and(|text| text.starts_with("500 is reached in 16h")),
        "{told}"
    );

    let told = forecast(&[&file, "--capacity", "5000", "--within", "1d", "--coverage", "0.8"]);
    assert!(told["expected"].is_null() && told["earliest"].is_null(), "{told}");
    assert!(told["summary"].as_str().is_some_and(|text| text.contains("not reached within 1day")));
    assert!(forecast(&[&file]).get("capacity").is_none());
}

#[test]
fn what_shrinks_reaches_nothing_from_above() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = series(folder.path(), 900, -0.1);
    let told = forecast(&[&file, "--capacity", "0", "--season", "day", "--zone", "Europe/Berlin"]);
    let expected = told["expected"].as_f64().unwrap_or_else(|| panic!("{told}"));
    assert!((expected / 6_000.0 - 1.0).abs() < 0.25, "{told}");
}

#[test]
fn mistakes_are_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = series(folder.path(), 20, 0.0);
    for (args, text) in [
        (&[&*file][..], "20 values are too few to look ahead"),
        (&[&file, "--coverage", "90"], "a share from 0.5"),
        (&[&file, "--capacity", "NaN"], "give a number"),
        (&[&file, "--season", "day", "--zone", "Europe/Bonn"], "Europe/Bonn"),
    ] {
        let output = run(Command::new(WATCH).arg("forecast").args(args));
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(text), "{}", said(&output));
    }
}
