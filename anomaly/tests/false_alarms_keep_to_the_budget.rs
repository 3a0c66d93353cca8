//! How many alarms pure noise raises, against the budget of one a week.

mod noise;

use anomaly::{Config, Detector, Sample, Season};
use noise::{Noise, at};

/// The value of a series at a minute, from its state.
type Draw = fn(&mut Noise, &mut f64, u64) -> f64;

/// Alarms a week at one value a minute, without floor, over `SEEDS` series of `WEEKS`.
fn alarms_per_week(config: &Config, draw: Draw) -> f64 {
    let mut alarms = 0;
    for seed in 0..SEEDS {
        let (mut noise, mut state) = (Noise(seed), 0.0);
        let mut detector = Detector::new(config.clone());
        for minute in 0..WEEKS * 10_080 {
            let value = draw(&mut noise, &mut state, minute);
            detector.observe(Sample::new(at(minute as f64 * 60.0), value));
        }
        alarms += detector.stats().alarms;
    }
    alarms as f64 / (SEEDS * WEEKS) as f64
}

#[test]
fn on_independent_noise_of_any_shape() {
    let shapes: [(&str, Draw); 7] = [
        ("normal", |n, _, _| n.normal()),
        ("uniform", |n, _, _| n.uniform()),
        ("laplace", |n, _, _| (n.uniform() - 0.5).signum() * -(1.0 - n.uniform()).ln()),
        ("lognormal, sigma 0.5", |n, _, _| (0.5 * n.normal()).exp()),
        ("lognormal, sigma 1", |n, _, _| n.normal().exp()),
        ("power law, exponent 3", |n, _, _| (1.0 - n.uniform()).powf(-1.0 / 3.0)),
        ("quantised", |n, _, _| (1.5 * n.normal()).round()),
    ];
    for (name, draw) in shapes {
        let rate = alarms_per_week(&Config::default(), draw);
        println!("{name}: {rate:.2} alarms a week, budget 1");
        assert!(rate <= 2.0, "{name}: {rate} alarms a week");
    }
}

#[test]
fn on_a_daily_wave_with_and_without_a_season() {
    let wave: Draw =
        |n, _, minute| 10.0 * (minute as f64 / 1440.0 * std::f64::consts::TAU).sin() + n.normal();
    for config in [Config::default(), Config::default().season(Season::day())] {
        let rate = alarms_per_week(&config, wave);
        println!("wave: {rate:.2} alarms a week, budget 1");
        assert!(rate <= 2.0, "{rate} alarms a week");
    }
}

/// Counted from the third week on: two periods are what a weekly season takes.
#[test]
fn on_a_growing_week_with_its_weekend_once_learned() {
    let mut alarms = 0;
    for seed in 0..SEEDS {
        let mut noise = Noise(seed);
        let mut detector = Detector::new(Config::default().season(Season::week()));
        let mut while_learning = 0;
        for minute in 0..(2 + WEEKS) * 10_080 {
            let day = f64::from(minute as u32) / 1440.0;
            let away = |from: f64| ((day % 7.0 - from) * 8.0).clamp(0.0, 1.0);
            let weekend = 1.0 - 0.3 * (away(5.0) - away(6.875));
            let wave = 1.0 + 0.3 * (day * std::f64::consts::TAU).sin();
            let value = 100.0 * (1.0 + day / 100.0) * weekend * (wave + 0.02 * noise.normal());
            detector.observe(Sample::new(at(minute as f64 * 60.0), value));
            if minute == 2 * 10_080 {
                while_learning = detector.stats().alarms;
            }
        }
        alarms += detector.stats().alarms - while_learning;
    }
    let rate = alarms as f64 / (SEEDS * WEEKS) as f64;
    println!("growing week: {rate:.2} alarms a week, budget 1");
    assert!(rate <= 2.0, "{rate} alarms a week");
}

#[test]
fn on_noise_that_remembers_itself() {
    let shapes: [(&str, Draw); 4] = [
        ("autoregressive 0.5", |n, state, _| {
            *state = 0.5 * *state + n.normal();
            *state
        }),
        ("autoregressive 0.8", |n, state, _| {
            *state = 0.8 * *state + n.normal();
            *state
        }),
        ("autoregressive 0.9", |n, state, _| {
            *state = 0.9 * *state + n.normal();
            *state
        }),
        ("autoregressive 0.9, Laplace", |n, state, _| {
            *state = 0.9 * *state + (n.uniform() - 0.5).signum() * -(1.0 - n.uniform()).ln();
            *state
        }),
    ];
    for (name, draw) in shapes {
        let rate = alarms_per_week(&Config::default(), draw);
        println!("{name}: {rate:.2} alarms a week, budget 1");
        assert!(rate <= 2.0, "{name}: {rate} alarms a week");
    }
}

const SEEDS: u64 = 8;
const WEEKS: u64 = 4;
