//! Every kind of signal is found, with its onset, way and size, and not where there is none.

mod noise;

use std::time::Duration;

use anomaly::{Config, Detector, Direction, Kind, Observation, Sample, Season, Span, State};
use noise::{Noise, at};

/// A series of one value a second; the change begins at second 1000.
fn watch(config: Config, length: u32, change: impl Fn(u32, f64) -> f64) -> Vec<Observation> {
    let (mut noise, mut detector) = (Noise(5), Detector::new(config));
    (0..length)
        .map(|i| {
            let value = change(i, 10.0 + noise.normal());
            detector.observe(Sample::new(at(f64::from(i)), value))
        })
        .collect()
}

fn signals(observations: &[Observation]) -> Vec<(usize, Kind, Direction)> {
    let found = observations.iter().enumerate();
    found.filter_map(|(i, o)| o.signal.map(|s| (i, s.kind, s.direction))).collect()
}

#[test]
fn a_spike_and_a_dip() {
    let seen = watch(Config::default(), 1500, |i, value| match i {
        1000 => value + 40.0,
        1200 => value - 40.0,
        _ => value,
    });
    let expected = [(1000, Kind::Spike, Direction::Up), (1200, Kind::Spike, Direction::Down)];
    assert_eq!(signals(&seen), expected);
    let text = seen[1200].signal.expect("it is there").to_string();
    assert!(text.starts_with("dip: "), "{text}");
}

#[test]
fn a_level_shift_with_its_onset_and_size_and_its_end() {
    let seen =
        watch(Config::default(), 1500, |i, v| if (1000..1100).contains(&i) { v - 5.0 } else { v });
    let first = seen.iter().position(|o| o.signal.is_some()).expect("a shift is found");
    assert!((1000..1010).contains(&first), "{first}");
    let last = seen.iter().rposition(|o| o.signal.is_some()).expect("a shift is found");
    assert!((1099..1110).contains(&last), "{last}");
    let signal = seen[1050].signal.expect("it lasts");
    assert_eq!((signal.kind, signal.direction), (Kind::LevelShift, Direction::Down));
    assert_eq!(signal.onset, at(1000.0));
    assert!((signal.size + 5.0).abs() < 1.0, "{}", signal.size);
    assert!(signal.confidence > 0.9);
    assert!((signal.expected - 10.0).abs() < 1.0, "{}", signal.expected);
}

#[test]
fn an_alarm_teaches_nothing_until_it_is_the_new_normal() {
    let config = Config::default().adopt_after(Span::Samples(200.0));
    let seen = watch(config, 1500, |i, value| if i >= 1000 { value + 30.0 } else { value });
    assert!(seen[1000..1190].iter().all(|o| (o.expected - 10.0).abs() < 1.5));
    assert!(seen[1210..].iter().all(|o| o.signal.is_none()));
    assert!((seen[1499].expected - 40.0).abs() < 1.5, "{}", seen[1499].expected);
}

#[test]
fn a_shift_below_the_floor_does_not_matter() {
    let config = || Config::default().scale_floor(20.0);
    let small = watch(config(), 1500, |i, value| if i >= 1000 { value + 15.0 } else { value });
    assert_eq!(signals(&small), []);
    let large = watch(config(), 1010, |i, value| if i >= 1000 { value + 100.0 } else { value });
    assert!(!signals(&large).is_empty());
}

#[test]
fn a_flatline() {
    let seen =
        watch(Config::default(), 1200, |i, v| if (1000..1100).contains(&i) { 10.5 } else { v });
    let found = signals(&seen);
    assert!((1008..1030).contains(&found[0].0), "{:?}", found[0]);
    assert!(found.iter().all(|(i, kind, _)| *kind == Kind::Flatline && *i < 1100));
    assert_eq!(seen[1050].signal.expect("it lasts").onset, at(1000.0));
}

#[test]
fn a_constant_series_may_stay_constant_and_its_first_move_is_told() {
    let seen = watch(Config::default(), 3000, |i, _| if i < 2000 { 5.0 } else { 6.0 });
    assert!(seen[..2000].iter().all(|o| o.signal.is_none() && o.expected == 5.0));
    assert!(seen[2000..2010].iter().any(|o| o.signal.is_some()));
    assert!(seen[2500..].iter().all(|o| o.signal.is_none()), "a constant is not strange for ever");
}

#[test]
fn missing_data_when_asked_for() {
    let gap = |i: u32, value: f64| if (1000..1100).contains(&i) { f64::NAN } else { value };
    let config = Config::default().missing_after(Duration::from_secs(30));
    let seen = watch(config, 1200, gap);
    let found = signals(&seen);
    assert_eq!(found[0], (1030, Kind::Missing, Direction::Down));
    assert_eq!(found.len(), 70);
    assert_eq!(seen[1099].signal.expect("still gone").onset, at(999.0));
    assert_eq!(signals(&watch(Config::default(), 1200, gap)), []);
}

#[test]
fn a_season_is_learned_and_a_missing_peak_is_a_change() {
    // A wave of 600 s; in its fourth period the upper half is cut off.
    let season = Season::new(Duration::from_mins(10), 60);
    let wave = |i: u32, value: f64| {
        let phase = f64::from(i) / 600.0 * std::f64::consts::TAU;
        let swing = 30.0 * (phase + 1.0).sin();
        let cut = (3000..3600).contains(&i);
        value + if cut { swing.min(0.0) } else { swing }
    };
    let seen = watch(Config::default().season(season), 3600, wave);
    let off: f64 = (1800..3000).map(|i| (seen[i].expected - wave(i as u32, 10.0)).abs()).sum();
    assert!(off / 1200.0 < 1.5, "mean error {}", off / 1200.0);
    assert_eq!(signals(&seen[1200..3000]), []);
    let found = signals(&seen);
    assert!(
        found.iter().any(|(_, kind, way)| *kind == Kind::LevelShift && *way == Direction::Down)
    );
}

#[test]
fn warming_up_is_said_and_signals_nothing() {
    let seen = watch(Config::default().learning(100), 200, |i, v| if i == 50 { 1e6 } else { v });
    assert_eq!(seen[0].state, State::Warming { have: 0, need: 100 });
    assert_eq!(seen[99].state, State::Warming { have: 99, need: 100 });
    assert_eq!(seen[100].state, State::Ready);
    assert_eq!(signals(&seen), []);
    assert!(seen[..100].iter().all(|o| !o.judged) && seen[100].judged);
}

/// The first signal of a kind, and how many values after the change it came.
fn first(observations: &[Observation], kind: Kind) -> (usize, anomaly::Signal) {
    let signal_of = |o: &Observation| o.signal.filter(|signal| signal.kind == kind);
    let at = observations.iter().position(|o| signal_of(o).is_some());
    let at = at.unwrap_or_else(|| panic!("no {kind:?} in {:?}", signals(observations)));
    (at, signal_of(&observations[at]).expect("it is there"))
}

#[test]
fn a_steep_slope_is_told_from_a_level() {
    let seen = watch(Config::default(), 1100, |i, v| v + 0.5 * f64::from(i.saturating_sub(1000)));
    let (found, signal) = first(&seen, Kind::SlopeChange);
    assert!((1010..1040).contains(&found), "{found}");
    assert_eq!(signal.direction, Direction::Up);
    assert!((signal.size - 0.5).abs() < 0.1, "{}", signal.size);
    assert!((990..1012).any(|second| signal.onset == at(f64::from(second))), "{:?}", signal.onset);
    assert!(signal.to_string().starts_with("slope change up by 1"), "{signal}");
}

#[test]
fn a_slope_too_slow_for_single_values_is_found_in_blocks() {
    let drift = |i: u32, v: f64| v - 0.01 * f64::from(i.saturating_sub(3000));
    let seen = watch(Config::default(), 4500, drift);
    assert_eq!(signals(&seen[..3000]), []);
    let (found, signal) = first(&seen, Kind::SlopeChange);
    assert!((3064..3600).contains(&found), "{found}");
    assert_eq!(signal.direction, Direction::Down);
    assert!((-0.02..-0.003).contains(&signal.size), "{}", signal.size);
}

#[test]
fn more_noise_and_less() {
    // Around the mean of the series, so that its level stays where it is.
    for (factor, way) in [(5.0, Direction::Up), (0.15, Direction::Down)] {
        let change = |i, v: f64| if i >= 2000 { 10.0 + (v - 10.0) * factor } else { v };
        let seen = watch(Config::default(), 2600, change);
        assert_eq!(signals(&seen[..2000]), []);
        let (found, signal) = first(&seen, Kind::VarianceChange);
        assert!((2030..2200).contains(&found), "{factor}: {found}");
        assert_eq!(signal.direction, way);
        // The mean deviation of a normal is 0.8 of its standard deviation.
        assert!((signal.size / (0.8 * (factor - 1.0)) - 1.0).abs() < 0.5, "{}", signal.size);
        assert!(signal.to_string().starts_with("values scatter by"), "{signal}");
    }
}

#[test]
fn a_season_that_is_gone_or_half_as_high() {
    let season = || Config::default().season(Season::new(Duration::from_mins(10), 60));
    for left in [0.0, 0.5] {
        let wave = |i: u32, value: f64| {
            let height = if i >= 6000 { 30.0 * left } else { 30.0 };
            value + height * (f64::from(i) / 600.0 * std::f64::consts::TAU).sin()
        };
        let seen = watch(season(), 9000, wave);
        assert_eq!(signals(&seen[2000..6000]), []);
        let (found, signal) = first(&seen, Kind::SeasonChange);
        assert!((6100..7000).contains(&found), "{left}: {found}");
        assert_eq!(signal.direction, Direction::Down);
        assert!(signal.onset >= at(5850.0) && signal.size < -1.0, "{signal}");
        assert!(signal.to_string().contains(" less of the learned one"), "{signal}");
    }
}

#[test]
fn what_cannot_be_is_told_at_once_and_never_learned() {
    let config = || Config::default().known_range(0.0, 100.0);
    let seen =
        watch(config(), 1200, |i, v| if i == 5 || (1000..1100).contains(&i) { -3.0 } else { v });
    let found = signals(&seen);
    assert_eq!(found[0], (5, Kind::OutOfRange, Direction::Down));
    assert_eq!(found[1..].iter().filter(|(_, kind, _)| *kind == Kind::OutOfRange).count(), 100);
    let signal = seen[1050].signal.expect("it lasts");
    assert_eq!((signal.onset, signal.size), (at(1000.0), -3.0));
    assert_eq!(signal.to_string(), "-3 is 3 below the known range, for 50 s");
    assert!((seen[1150].expected - 10.0).abs() < 1.0, "{}", seen[1150].expected);
    assert!(seen[1102..].iter().all(|o| o.signal.is_none()));
}

#[test]
fn a_season_nobody_told_of_is_found_and_learned() {
    let wave =
        |i: u32, value: f64| value + 30.0 * (f64::from(i) / 600.0 * std::f64::consts::TAU).sin();
    let found = Config::default().discover_season(Duration::from_hours(1));
    let error = |config: Config| {
        let seen = watch(config, 9000, wave);
        seen[6000..].iter().map(|o| (o.seen - o.expected).abs()).sum::<f64>() / 3000.0
    };
    let (found, without) = (error(found), error(Config::default()));
    let given = error(Config::default().season(Season::new(Duration::from_mins(10), 96)));
    println!("mean error {found:.2} found, {given:.2} given, {without:.2} without");
    assert!(found < 1.05 * given && found < 0.95 * without, "{found} {given} {without}");
}
