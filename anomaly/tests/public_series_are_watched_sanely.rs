//! The public series of the Numenta benchmark, when `POPKIT_CORPORA` names the folder they are
//! in: what was said never changes when more is seen, and artificial anomalies are found.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anomaly::{Config, Detector, Observation, Sample, Season, UnixNanos};

/// The folder, or one line that says it is not there.
fn corpus() -> Option<PathBuf> {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return None;
    };
    Some(Path::new(&corpora).join("nab"))
}

/// The instant of `2014-04-10 07:15:00`, with months of 31 days: good enough for order and for
/// the time of day.
fn instant(text: &str) -> UnixNanos {
    let mut parts = text.split(['-', ' ', ':', '.']).map(|part| part.parse::<f64>().unwrap());
    let mut next = || parts.next().unwrap();
    let (year, month, day) = (next() - 2014.0, next() - 1.0, next() - 1.0);
    let (hour, minute, second) = (next(), next(), next());
    let days = (year * 12.0 + month) * 31.0 + day;
    let seconds = days * 86_400.0 + hour * 3600.0 + minute * 60.0 + second;
    UnixNanos::new(seconds as i64 * 1_000_000_000)
}

fn series(file: &Path) -> Vec<Sample> {
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().skip(1).filter_map(|line| line.split_once(','));
    rows.map(|(when, value)| Sample::new(instant(when), value.parse().unwrap())).collect()
}

fn watch(samples: &[Sample]) -> Vec<Observation> {
    let mut detector = Detector::new(Config::default().season(Season::day()));
    samples.iter().map(|sample| detector.observe(*sample)).collect()
}

fn files(nab: &Path) -> Vec<String> {
    let list = std::fs::read_to_string(nab.join("files.txt")).unwrap();
    list.lines().map(str::to_owned).filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn what_was_said_of_a_prefix_stays_said() {
    let Some(nab) = corpus() else { return };
    for file in files(&nab) {
        let samples = series(&nab.join("data").join(&file));
        let whole = watch(&samples);
        for cut in [samples.len() / 3, samples.len() * 4 / 5] {
            let part = format!("{:?}", watch(&samples[..cut]));
            assert!(part == format!("{:?}", &whole[..cut]), "{file} at {cut}");
        }
    }
}

#[test]
fn artificial_anomalies_are_found_and_artificial_calm_is_kept() {
    let Some(nab) = corpus() else { return };
    let windows = std::fs::read_to_string(nab.join("windows.json")).unwrap();
    let windows: std::collections::BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&windows).unwrap();
    let (mut found, mut all) = (0, 0);
    for file in files(&nab).iter().filter(|file| file.starts_with("artificial")) {
        let seen = watch(&series(&nab.join("data").join(file)));
        let probation = (seen.len() * 15 / 100).min(750);
        let told: Vec<_> =
            seen[probation..].iter().filter(|o| o.signal.is_some()).map(|o| o.at).collect();
        for (from, until) in &windows[file] {
            let window = instant(from)..=instant(until);
            let hit = told.iter().any(|at| window.contains(at));
            println!("{file}: {}", if hit { "found" } else { "not found" });
            (found, all) = (found + usize::from(hit), all + 1);
        }
        if windows[file].is_empty() {
            println!("{file}: {} of {} values in alarm", told.len(), seen.len());
            assert!(told.len() * 100 <= seen.len(), "{file}: {} values in alarm", told.len());
        }
    }
    assert!(found * 3 >= all * 2, "{found} of {all} found");
}
