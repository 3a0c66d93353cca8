//! Intervals of forecasts hold the share of values that they say, and thresholds are reached when
//! they say.

mod noise;

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;

use anomaly::{Config, Detector, Outlook, Sample, Season};
use noise::{Noise, at};

/// The share of values inside the 90 % intervals given `ticks` before, from `from` on.
fn coverage(config: Config, values: &[f64], ticks: u32, from: usize) -> f64 {
    let mut detector = Detector::new(config.forecasts(true));
    let mut under_way: VecDeque<(usize, Outlook)> = VecDeque::new();
    let (mut inside, mut all) = (0, 0);
    for (i, &value) in values.iter().enumerate() {
        detector.observe(Sample::new(at(i as f64 * 60.0), value));
        while under_way.front().is_some_and(|(due, _)| *due <= i) {
            let (_, outlook) = under_way.pop_front().expect("it was there");
            inside += u32::from((outlook.lower..=outlook.upper).contains(&value));
            all += 1;
        }
        if i >= from
            && let Some(outlook) = detector.forecast(Duration::from_mins(1) * ticks, 0.9)
        {
            under_way.push_back((i + ticks as usize, outlook));
        }
    }
    f64::from(inside) / f64::from(all)
}

const DRAWS: u64 = 4;

#[test]
fn on_synthetic_series() {
    type Draw = fn(&mut Noise, &mut f64, usize) -> f64;
    let shapes: [(&str, Draw, bool); 6] = [
        ("white", |n, _, _| n.normal(), false),
        (
            "autoregressive 0.9",
            |n, s, _| {
                *s = 0.9 * *s + n.normal();
                *s
            },
            false,
        ),
        (
            "random walk",
            |n, s, _| {
                *s += 0.1 * n.normal();
                *s + n.normal()
            },
            false,
        ),
        ("growing", |n, _, i| 0.01 * i as f64 + n.normal(), false),
        ("lognormal", |n, _, _| (0.5 * n.normal()).exp(), false),
        (
            "daily",
            |n, _, i| 10.0 * (i as f64 / 1440.0 * std::f64::consts::TAU).sin() + n.normal(),
            true,
        ),
    ];
    let mut wrong = false;
    for (name, draw, seasonal) in shapes {
        for ticks in [1, 10, 60, 240] {
            // The mean of some draws: what comes far ahead on a walk is few independent values.
            let shares = (11..11 + DRAWS).map(|seed| {
                let (mut noise, mut state) = (Noise(seed), 0.0);
                let values: Vec<f64> =
                    (0..28_800).map(|i| draw(&mut noise, &mut state, i)).collect();
                let config = Config::default();
                let config = if seasonal { config.season(Season::day()) } else { config };
                coverage(config, &values, ticks, 7200)
            });
            let share = shares.sum::<f64>() / DRAWS as f64;
            println!("{name}, {ticks} ahead: {:.1} % in the 90 % interval", share * 100.0);
            wrong |= !(0.85..=0.95).contains(&share);
        }
    }
    assert!(!wrong, "a coverage above is out of 85 to 95 %");
}

/// A disk that fills by 1 % an hour, with what is written and deleted meanwhile.
#[test]
fn time_to_a_threshold_is_an_interval_around_the_truth() {
    let mut right = 0;
    for seed in 0..20 {
        let (mut noise, mut wander) = (Noise(seed), 0.0);
        let mut detector = Detector::new(Config::default().forecasts(true));
        let used = |minute: f64| 20.0 + minute / 60.0;
        for minute in 0..2_880 {
            wander = 0.95 * wander + 0.1 * noise.normal();
            let value = used(f64::from(minute)) + wander + 0.2 * noise.normal();
            detector.observe(Sample::new(at(f64::from(minute) * 60.0), value));
        }
        // 68 % are used; 90 % will be in 22 hours.
        let day = Duration::from_hours(48);
        let time = detector.time_to(90.0, day, 0.9).expect("it has learned");
        let hours = |at: Option<Duration>| at.map(|at| at.as_secs_f64() / 3600.0);
        let expected = hours(time.expected).expect("it fills");
        assert!((expected - 22.0).abs() < 4.0, "seed {seed}: {expected} hours");
        let (earliest, latest) = (hours(time.earliest), hours(time.latest));
        right += u32::from(earliest < Some(22.0) && latest.is_none_or(|latest| latest > 22.0));
        assert!(earliest <= hours(time.expected), "{time:?}");
        let never = detector.time_to(5.0, day, 0.9).expect("it has learned");
        assert_eq!(never.expected, None, "it does not empty");
    }
    assert!(right >= 16, "the truth was inside {right} of 20 times");
}

#[test]
fn nothing_is_forecast_before_there_is_anything_to_go_by() {
    let mut detector = Detector::new(Config::default().forecasts(true));
    assert_eq!(detector.forecast(Duration::ZERO, 0.9), None);
    for second in 0..63 {
        detector.observe(Sample::new(at(f64::from(second)), 1.0));
    }
    assert_eq!(detector.forecast(Duration::from_secs(1), 0.9), None);
    let mut without = Detector::new(Config::default());
    for second in 0..100 {
        without.observe(Sample::new(at(f64::from(second)), 1.0));
        detector.observe(Sample::new(at(f64::from(second + 63)), 1.0));
    }
    assert_eq!(without.forecast(Duration::from_secs(1), 0.9), None);
    let outlook = detector.forecast(Duration::from_secs(10), 0.9).expect("it has learned");
    assert_eq!(outlook.expected, 1.0);
}

/// Public series, when `POPKIT_CORPORA` names the folder they are in: the coverage over all of
/// them together.
#[test]
fn on_public_series() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return;
    };
    let nab = std::path::Path::new(&corpora).join("nab");
    let list = std::fs::read_to_string(nab.join("files.txt")).expect("the list of files");
    for ticks in [1, 12, 72] {
        let (mut inside, mut files) = (0.0, 0.0);
        for file in list.lines().filter(|line| !line.starts_with('#')) {
            let text = std::fs::read_to_string(nab.join("data").join(file)).expect("a file");
            let rows = text.lines().skip(1).filter_map(|line| line.split_once(','));
            let values: Vec<f64> = rows.filter_map(|(_, value)| value.parse().ok()).collect();
            inside += coverage(Config::default(), &values, ticks, values.len() / 5);
            files += 1.0;
        }
        let share = inside / files;
        println!("public series, {ticks} ahead: {:.1} % in the 90 % interval", share * 100.0);
        assert!((0.85..=0.95).contains(&share), "{ticks} ahead: {share}");
    }
}
