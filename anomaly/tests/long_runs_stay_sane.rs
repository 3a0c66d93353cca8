//! Numbers that are added up for ever stay numbers, and what is expected stays right.

mod noise;

use anomaly::{Config, Detector, Sample, Season};
use noise::{Noise, at};

/// A daily wave with noise, an incident now and then, and gaps, once a second.
fn run(values: u64) {
    let config = Config::default().season(Season::day()).forecasts(true);
    let (mut noise, mut detector) = (Noise(1), Detector::new(config));
    let (mut off, mut judged) = (0.0, 0_u64);
    for i in 0..values {
        let phase = (i % 86_400) as f64 / 86_400.0 * std::f64::consts::TAU;
        let incident = if i % 50_000 < 20 { 30.0 } else { 0.0 };
        let value = 1e6 + 10.0 * phase.sin() + noise.normal() + incident;
        let value = if i % 977 == 0 { f64::NAN } else { value };
        let seen = detector.observe(Sample::new(at(i as f64), value));
        assert!(seen.expected.is_finite() && seen.lower <= seen.upper, "{i}: {seen:?}");
        if seen.judged && incident == 0.0 {
            off += (seen.seen - seen.expected).abs();
            judged += 1;
        }
    }
    let stats = detector.stats();
    println!("{values} values: mean error {:.3}, {stats:?}", off / judged as f64);
    assert!(off / (judged as f64) < 0.9, "mean error {}", off / judged as f64);
    assert!(stats.alarms + 1 >= values / 50_000 && stats.alarms < values / 10_000, "{stats:?}");
}

#[test]
fn of_a_million_values() {
    run(1_000_000);
}

/// Some minutes in a release build.
#[test]
#[ignore = "long: for the nightly run"]
fn of_a_hundred_million_values() {
    run(100_000_000);
}
