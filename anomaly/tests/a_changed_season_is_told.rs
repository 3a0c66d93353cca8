//! A season that moves, shrinks, grows, turns over or goes is told as that, and one that stays is
//! not.

mod noise;

use std::f64::consts::TAU;

use anomaly::{Config, Detector, Kind, Observation, Sample, Season};
use noise::{Noise, at};

const PER_DAY: usize = 288;
/// Days before the change, and after.
const BEFORE: usize = 14;
const AFTER: usize = 5;

/// A day's shape at so many hours: a morning and an evening.
fn shape(hours: f64) -> f64 {
    let phase = hours / 24.0 * TAU;
    -(phase + 0.4).cos() + 0.35 * (2.0 * phase).sin()
}

/// How the day looks after a change: what is made of the hour, and of the shape.
type Change = (&'static str, fn(f64) -> f64);

const CHANGES: [Change; 7] = [
    ("three hours late", |hours| shape(hours - 3.0)),
    ("six hours late", |hours| shape(hours - 6.0)),
    ("upside down", |hours| -shape(hours)),
    ("gone", |_| 0.0),
    ("half", |hours| 0.5 * shape(hours)),
    ("a third less", |hours| 0.67 * shape(hours)),
    ("half as much again", |hours| 1.5 * shape(hours)),
];

/// What kinds of noise there are: white, one that remembers, and one with spikes.
fn noise(kind: u32, random: &mut Noise, last: &mut f64) -> f64 {
    let normal = random.normal();
    match kind {
        0 => normal,
        1 => {
            *last = 0.8 * *last + 0.6 * normal;
            *last
        }
        _ => normal + if random.uniform() < 0.005 { 15.0 } else { 0.0 },
    }
}

fn watch(
    config: &Config,
    kind: u32,
    seed: u64,
    swing: f64,
    after: fn(f64) -> f64,
) -> Vec<Observation> {
    let (mut detector, mut random) = (Detector::new(config.clone()), Noise(seed));
    let mut last = 0.0;
    (0..(BEFORE + AFTER) * PER_DAY)
        .map(|i| {
            let hours = (i % PER_DAY) as f64 * 24.0 / PER_DAY as f64;
            let season = if i < BEFORE * PER_DAY { shape(hours) } else { after(hours) };
            let growth = 0.002 * i as f64;
            let value = 100.0 + growth + swing * season + noise(kind, &mut random, &mut last);
            detector.observe(Sample::new(at(300.0 * i as f64), value))
        })
        .collect()
}

/// When it is first told that the season changed, in hours.
fn told(seen: &[Observation]) -> Option<usize> {
    let is_season = |o: &Observation| o.signal.is_some_and(|s| s.kind == Kind::SeasonChange);
    seen.iter().position(is_season).map(|at| at * 24 / PER_DAY)
}

#[test]
fn a_change_is_told_within_a_day_and_a_quarter() {
    let config = Config::default().season(Season::day());
    // How high the season is, in deviations of the noise, and how small a change may be.
    for (swing, changes) in [(10.0, &CHANGES[..]), (4.0, &CHANGES[1..4])] {
        for (name, after) in changes {
            for (kind, seed) in [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5), (2, 6)] {
                let seen = watch(&config, kind, seed, swing, *after);
                let (calm, changed) = seen.split_at(BEFORE * PER_DAY);
                assert_eq!(told(calm), None, "before: {name}, noise {kind}");
                let hours = told(changed);
                let most = if *name == "a third less" { 96 } else { 30 };
                assert!(
                    hours.is_some_and(|hours| hours <= most),
                    "{name} at {swing}, noise {kind}, seed {seed}: {hours:?}"
                );
            }
        }
    }
}

#[test]
fn an_incident_of_some_hours_is_none() {
    let config = Config::default().season(Season::day());
    for (from, lasts) in [(7, 2), (9, 4), (11, 3), (14, 6), (23, 5)] {
        for (seed, size) in [(1, 12.0), (2, -12.0), (3, 40.0)] {
            let (mut detector, mut noise) = (Detector::new(config.clone()), Noise(seed));
            let mut kinds = Vec::new();
            for i in 0..(BEFORE + AFTER) * PER_DAY {
                let hours = (i % PER_DAY) as f64 * 24.0 / PER_DAY as f64;
                let since = i.checked_sub(BEFORE * PER_DAY + from * PER_DAY / 24);
                let on = since.is_some_and(|since| since < lasts * PER_DAY / 24);
                let value = 100.0 + 10.0 * shape(hours) + noise.normal();
                let value = value + if on { size } else { 0.0 };
                let seen = detector.observe(Sample::new(at(300.0 * i as f64), value));
                kinds.extend(seen.signal.map(|signal| signal.kind));
            }
            assert!(kinds.contains(&Kind::LevelShift), "{from} {lasts} {seed}: {kinds:?}");
            assert!(!kinds.contains(&Kind::SeasonChange), "{from} {lasts} {seed}");
        }
    }
}

#[test]
fn a_season_that_stays_is_not_told() {
    let config = Config::default().season(Season::day());
    let (mut days, mut false_alarms) = (0, 0);
    for seed in 100..124 {
        let (mut detector, mut random) = (Detector::new(config.clone()), Noise(seed));
        let (mut last, mut was_on) = (0.0, false);
        for i in 0..60 * PER_DAY {
            let hours = (i % PER_DAY) as f64 * 24.0 / PER_DAY as f64;
            let value = 100.0 + 5.0 * shape(hours) + noise(seed as u32 % 3, &mut random, &mut last);
            let seen = detector.observe(Sample::new(at(300.0 * i as f64), value));
            let is_on = seen.signal.is_some_and(|s| s.kind == Kind::SeasonChange);
            false_alarms += u32::from(is_on && !was_on);
            was_on = is_on;
        }
        days += 60;
    }
    println!("{false_alarms} in {days} days");
    // The budget is one of any kind in a week: a tenth of it is room enough.
    assert!(false_alarms * 70 <= days, "{false_alarms} in {days} days");
}
