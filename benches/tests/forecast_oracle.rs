//! Forecasts are about as good as those of batch models that see everything at once.

use std::time::Duration;

use anomaly::{Config, Detector, Sample, Season, UnixNanos};
use augurs_core::{Fit, Predict};
use augurs_ets::AutoETS;
use augurs_mstl::MSTLModel;
use popkit_benches::kpi::noise::Noise;

/// Four weeks in steps of ten minutes, and the day after them.
const LEARNED: usize = 28 * 144;
const AHEAD: usize = 144;

fn ours(values: &[f64], season: Option<Season>) -> Vec<f64> {
    let config = Config::default().forecasts(true);
    let config = season.map_or(config.clone(), |season| config.season(season));
    let mut detector = Detector::new(config);
    let step = Duration::from_mins(10);
    let start = UnixNanos::new(1_699_920_000_000_000_000);
    for (i, &value) in values[..LEARNED].iter().enumerate() {
        detector.observe(Sample::new(start.after(step * i as u32), value));
    }
    let expected = |ahead| detector.forecast(step * ahead, 0.9).expect("it has learned").expected;
    (1..=AHEAD as u32).map(expected).collect()
}

/// Mean error over the day.
fn error(values: &[f64], forecast: &[f64]) -> f64 {
    let off = values[LEARNED..].iter().zip(forecast).map(|(value, point)| (value - point).abs());
    off.sum::<f64>() / AHEAD as f64
}

#[test]
fn on_a_daily_season_as_good_as_mstl() {
    let (mut own, mut oracle) = (0.0, 0.0);
    for seed in 0..6 {
        let mut noise = Noise::new(seed);
        let day = |i: usize| (i as f64 / 144.0 * std::f64::consts::TAU).sin();
        let draw = |i| 100.0 + 0.001 * i as f64 + 10.0 * day(i) + noise.normal();
        let values: Vec<f64> = (0..LEARNED + AHEAD).map(draw).collect();
        own += error(&values, &ours(&values, Some(Season::day())));
        let ets = AutoETS::non_seasonal().into_trend_model();
        let fitted = MSTLModel::new(vec![144], ets).fit(&values[..LEARNED]).expect("MSTL fits");
        oracle += error(&values, &fitted.predict(AHEAD, None).expect("MSTL predicts").point);
    }
    println!("mean error {:.3}, MSTL with ETS {:.3}", own / 6.0, oracle / 6.0);
    assert!(own < 1.1 * oracle, "{own} {oracle}");
}

#[test]
fn without_a_season_as_good_as_ets() {
    let (mut own, mut oracle) = (0.0, 0.0);
    for seed in 0..6 {
        let (mut noise, mut walk) = (Noise::new(seed), 0.0);
        let draw = |_| {
            walk += 0.05 * noise.normal();
            100.0 + walk + noise.normal()
        };
        let values: Vec<f64> = (0..LEARNED + AHEAD).map(draw).collect();
        own += error(&values, &ours(&values, None));
        let fitted = AutoETS::non_seasonal().fit(&values[..LEARNED]).expect("ETS fits");
        oracle += error(&values, &fitted.predict(AHEAD, None).expect("ETS predicts").point);
    }
    println!("mean error {:.3}, ETS {:.3}", own / 6.0, oracle / 6.0);
    assert!(own < 1.1 * oracle, "{own} {oracle}");
}
