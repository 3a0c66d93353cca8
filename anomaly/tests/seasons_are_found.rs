//! Nobody says what a series repeats with: a day and the days of a week are found in it, and a day
//! ahead is foretold as well as if it had been said.

mod noise;

use std::f64::consts::TAU;
use std::time::Duration;

use anomaly::{Config, Detector, Sample, Season};
use noise::{Noise, at};

const PER_DAY: usize = 96;

/// Hours of the day, and days of the week from `day` on: less than half as much at weekends.
fn usual(day: usize, i: usize) -> f64 {
    let hours = (i % PER_DAY) as f64 * 24.0 / PER_DAY as f64;
    let weekend = (4..6).contains(&((i / PER_DAY + day) % 7));
    let height = if weekend { 12.0 } else { 30.0 };
    100.0 + 0.01 * i as f64 - height * (hours / 24.0 * TAU).cos()
}

/// The mean error of forecasts a day ahead in the sixth and the seventh week, and how often
/// something was told in them.
fn errors(config: Config, day: usize, seed: u64) -> (f64, u64) {
    let (mut detector, mut noise) = (Detector::new(config.forecasts(true)), Noise(seed));
    let (mut error, mut count, mut alarms) = (0.0, 0, 0);
    for i in 0..7 * 7 * PER_DAY {
        if i == 35 * PER_DAY {
            alarms = detector.stats().alarms;
        }
        detector.observe(Sample::new(at(900.0 * i as f64), usual(day, i) + noise.normal()));
        if i >= 35 * PER_DAY && i % 7 == 0 {
            let ahead = detector.forecast(Duration::from_hours(24), 0.9);
            let ahead = ahead.expect("it has learned for weeks");
            error += (ahead.expected - usual(day, i + PER_DAY)).abs();
            count += 1;
        }
    }
    (error / f64::from(count), detector.stats().alarms - alarms)
}

#[test]
fn days_of_the_week_are_foretold_unasked() {
    let found = || Config::default().discover_season(Duration::from_hours(8 * 24));
    let mut sums = [0.0; 3];
    // Whichever day of the week it begins with.
    for day in 0..7 {
        let (error, alarms) = errors(found(), day, 1 + day as u64);
        let week = errors(Config::default().season(Season::week()), day, 1 + day as u64);
        let of_day = errors(Config::default().season(Season::day()), day, 1 + day as u64);
        println!("{error:.2} found, week {week:.2?}, day {of_day:.2?}, {alarms} alarms");
        assert!(error < 0.65 * of_day.0, "{day}: {error} {of_day:?}");
        assert!(alarms <= 2 * 2 && alarms < of_day.1, "{day}: {alarms} {of_day:?}");
        for (sum, error) in sums.iter_mut().zip([error, week.0, of_day.0]) {
            *sum += error / 7.0;
        }
    }
    println!("mean error {sums:.2?}: found, week given, day given");
    assert!(sums[0] < 1.4 * sums[1], "{sums:?}");
}

/// A wave of a day, and a job that runs for four minutes of every hour, once a minute.
#[test]
fn a_job_of_every_hour_is_no_news() {
    let hourly = |config: Config| {
        let (mut detector, mut noise) = (Detector::new(config), Noise(7));
        let (mut error, mut alarms) = (0.0, 0);
        for i in 0..12 * 1440 {
            if i == 8 * 1440 {
                alarms = detector.stats().alarms;
            }
            let job = if (17..21).contains(&(i % 60)) { 25.0 } else { 0.0 };
            let day = 10.0 * (f64::from(i) / 1440.0 * TAU).sin();
            let value = 100.0 + day + job + noise.normal();
            let seen = detector.observe(Sample::new(at(60.0 * f64::from(i)), value));
            if i >= 8 * 1440 {
                error += (value - seen.expected).abs() / f64::from(4 * 1440);
            }
        }
        (error, detector.stats().alarms - alarms)
    };
    let (error, alarms) = hourly(Config::default().discover_season(Duration::from_hours(8 * 24)));
    let (of_day, alarms_of_day) = hourly(Config::default().season(Season::day()));
    let (of_none, _) = hourly(Config::default());
    println!(
        "error {error:.2} found, {of_day:.2} day, {of_none:.2} none; alarms {alarms}, {alarms_of_day}"
    );
}

/// Going on from a snapshot equals never stopping, in the middle of a trial too; and the room is
/// bounded.
#[cfg(feature = "snapshots")]
#[test]
fn a_search_is_put_away_and_taken_up() {
    let config = Config::default().discover_season(Duration::from_hours(8 * 24));
    let (mut detector, mut noise) = (Detector::new(config.clone()), Noise(5));
    let mut stopping = Detector::new(config);
    let mut most = 0;
    for i in 0..28 * PER_DAY {
        let sample = Sample::new(at(900.0 * i as f64), usual(0, i) + noise.normal());
        if i % 37 == 0 {
            stopping = Detector::from_bytes(&stopping.to_bytes()).expect("as it was written");
        }
        assert_eq!(detector.observe(sample), stopping.observe(sample), "{i}");
        most = most.max(detector.size_bytes());
    }
    println!("{most} bytes at most, {} at the end", detector.size_bytes());
    assert!(most < 6_000, "{most} bytes");
}

/// What is found where there is a day alone, or nothing, alarms no more than the budget allows.
#[test]
fn nothing_more_is_found_than_there_is() {
    let (mut alarms, mut weeks) = (0, 0);
    for seed in 0..12 {
        let config = Config::default().discover_season(Duration::from_hours(8 * 24));
        let (mut detector, mut noise) = (Detector::new(config), Noise(seed));
        let mut wander = 0.0;
        for i in 0..8 * 7 * PER_DAY {
            let day = (i % PER_DAY) as f64 / PER_DAY as f64 * TAU;
            wander = 0.9 * wander + 0.4 * noise.normal();
            let value = match seed % 3 {
                0 => 10.0 * day.sin() + noise.normal(),
                1 => 10.0 * day.sin() + wander,
                _ => wander,
            };
            detector.observe(Sample::new(at(900.0 * i as f64), value));
        }
        alarms += detector.stats().alarms;
        weeks += 8;
    }
    println!("{alarms} alarms in {weeks} weeks");
    assert!(alarms <= 2 * weeks, "{alarms} in {weeks} weeks");
}
