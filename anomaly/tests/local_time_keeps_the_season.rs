//! Nine in the morning stays nine in the morning when clocks move.
#![cfg(feature = "zones")]

use std::time::Duration;

use anomaly::{Config, Detector, Kind, Observation, Sample, Season, UnixNanos, Zone};

mod noise;
use noise::{Noise, at};

const MINUTE: i64 = 60_000_000_000;
/// Central European time by its POSIX rules, so that no database is needed.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
/// Five weeks before the last Sunday of March and of October 2024, midnight UTC.
const BEFORE_MARCH: i64 = 1_711_843_200 - 35 * 86_400;
const BEFORE_OCTOBER: i64 = 1_729_987_200 - 35 * 86_400;

/// Requests a minute of people who come at eight and leave at six, local time; two weeks past
/// the clock's move. `from` is in Unix seconds.
fn watch(config: Config, from: i64) -> Vec<Observation> {
    let local = Zone::named(BERLIN).expect("it is a POSIX string");
    let (mut noise, mut detector) = (Noise(3), Detector::new(config));
    (0..49 * 1440)
        .map(|minute| {
            let at = UnixNanos::new(from * 1_000_000_000 + minute * MINUTE);
            let of_day = local.local(at).as_nanos().rem_euclid(1440 * MINUTE) / MINUTE;
            let rising = ((of_day as f64 - 480.0) / 90.0).clamp(0.0, 1.0);
            let falling = ((of_day as f64 - 1080.0) / 90.0).clamp(0.0, 1.0);
            detector.observe(Sample::new(at, 20.0 + 80.0 * (rising - falling) + noise.normal()))
        })
        .collect()
}

/// Mean error of what was expected in the two days after the move.
fn error(observations: &[Observation]) -> f64 {
    let after = &observations[35 * 1440 + 120..37 * 1440];
    after.iter().map(|o| (o.seen - o.expected).abs()).sum::<f64>() / after.len() as f64
}

#[test]
fn in_march_and_in_october() {
    for (name, from) in [("March", BEFORE_MARCH), ("October", BEFORE_OCTOBER)] {
        let zone = Zone::named(BERLIN).expect("it is a POSIX string");
        for season in [Season::day(), Season::week()] {
            let local = watch(Config::default().season(season).zone(zone.clone()), from);
            let utc = watch(Config::default().season(season), from);
            let (local_error, utc_error) = (error(&local), error(&utc));
            println!("{name}: mean error {local_error:.2} in local time, {utc_error:.2} in UTC");
            assert!(local_error < 0.8 * utc_error, "{name}: {local_error} {utc_error}");
            let told = |all: &[Observation]| {
                let after = &all[35 * 1440..40 * 1440];
                after.iter().filter(|o| o.signal.is_some_and(|s| s.kind != Kind::Spike)).count()
            };
            assert!(told(&local) * 3 < told(&utc), "{name}: {} {}", told(&local), told(&utc));
        }
    }
}

#[test]
fn moving_to_another_zone_moves_the_days_and_nothing_else() {
    // The same local days twelve hours apart, seen from zones twelve hours apart.
    let run = |zone: &str, hours: u64| {
        let zone = Zone::named(zone).expect("it is a POSIX string");
        let config = Config::default().season(Season::day()).zone(zone);
        let (mut noise, mut detector) = (Noise(4), Detector::new(config));
        let seen = (0..8 * 1440).map(|minute| {
            let value = (minute % 1440) as f64 / 10.0 + noise.normal();
            let at = at(0.0).after(Duration::from_mins(hours * 60 + minute));
            let seen = detector.observe(Sample::new(at, value));
            (seen.expected.to_bits(), seen.score.to_bits())
        });
        seen.collect::<Vec<_>>()
    };
    assert!(run("UTC0", 12) == run("HERE-12", 0));
}
