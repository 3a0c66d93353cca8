//! Whatever comes in, nothing panics, what comes out is finite, and the unit and zero of the
//! series make no difference.

mod noise;

use anomaly::{Config, Detector, Observation, Sample, Season, UnixNanos};
use noise::{Noise, at};
use proptest::prelude::*;
use std::time::Duration;

fn any_sample() -> impl Strategy<Value = (i64, f64)> {
    let value = prop_oneof![
        4 => -10.0..10.0,
        2 => prop::num::f64::ANY,
        1 => Just(0.0),
        1 => prop::sample::select(vec![1e30, -1e30, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY]),
    ];
    let instant = prop_oneof![8 => 0..4_000_000_000_i64, 1 => any::<i64>()];
    (instant, value)
}

fn assert_finite(observation: &Observation) -> Result<(), TestCaseError> {
    let Observation { expected, lower, upper, score, signal, .. } = observation;
    prop_assert!(expected.is_finite() && lower.is_finite() && upper.is_finite(), "{observation:?}");
    prop_assert!(lower <= expected && expected <= upper, "{observation:?}");
    prop_assert!((0.0..=1.0).contains(score), "{observation:?}");
    prop_assert_eq!(signal.is_some(), *score >= 0.5);
    if let Some(signal) = signal {
        prop_assert!(signal.size.is_finite() && (0.5..=1.0).contains(&signal.confidence));
        prop_assert!(!signal.to_string().is_empty());
    }
    Ok(())
}

fn run(values: &[f64], map: impl Fn(f64) -> f64, floor: f64) -> Vec<Observation> {
    let season = Season::new(Duration::from_secs(50), 10);
    let config = Config::default().learning(30).scale_floor(floor).season(season);
    let mut detector = Detector::new(config);
    let samples = values.iter().enumerate();
    samples.map(|(i, v)| detector.observe(Sample::new(at(i as f64), map(*v)))).collect()
}

/// Noise with a spike and a shift in it.
fn eventful(seed: u64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let shift = 100 + (noise.uniform() * 200.0) as usize;
    (0..400)
        .map(|i| {
            let spike = if i == 80 { 50.0 } else { 0.0 };
            noise.normal() + spike + if i > shift { 8.0 } else { 0.0 }
        })
        .collect()
}

proptest! {
    #[test]
    fn arbitrary_samples(samples in prop::collection::vec(any_sample(), 0..400), floor in 0.0..5.0) {
        let season = Season::new(Duration::from_nanos(777_777), 7);
        let config = Config::default()
            .learning(0)
            .scale_floor(floor)
            .season(season)
            .missing_after(Duration::from_nanos(1));
        let mut detector = Detector::new(config);
        for (instant, value) in samples {
            let observation = detector.observe(Sample::new(UnixNanos::new(instant), value));
            assert_finite(&observation)?;
        }
    }

    #[test]
    fn arbitrary_values_in_order(values in prop::collection::vec(any_sample(), 0..600)) {
        let mut detector = Detector::new(Config::default().learning(20));
        let mut now = UnixNanos::new(0);
        for (step, value) in values {
            now = now.after(Duration::from_nanos(step.unsigned_abs() % 4_000_000_000 + 1));
            assert_finite(&detector.observe(Sample::new(now, value)))?;
        }
    }

    #[test]
    fn another_unit_makes_no_difference(seed: u64, exponent in -40_i32..40) {
        let unit = 2_f64.powi(exponent);
        let values = eventful(seed);
        let (ours, theirs) = (run(&values, |v| v, 0.5), run(&values, |v| v * unit, 0.5 * unit));
        for (a, b) in ours.iter().zip(&theirs) {
            prop_assert!((a.expected * unit - b.expected).abs() <= 1e-5 * unit);
            prop_assert!((a.score - b.score).abs() < 1e-4, "{a:?} {b:?}");
            prop_assert_eq!(a.signal.map(|s| s.kind), b.signal.map(|s| s.kind));
        }
    }

    #[test]
    fn another_zero_makes_no_difference(seed: u64, offset in -1_000_000_i32..1_000_000) {
        let offset = f64::from(offset);
        let values = eventful(seed);
        let (ours, theirs) = (run(&values, |v| v, 0.0), run(&values, |v| v + offset, 0.0));
        for (a, b) in ours.iter().zip(&theirs) {
            prop_assert!((a.expected + offset - b.expected).abs() <= 1e-4);
            prop_assert!((a.score - b.score).abs() < 1e-3, "{a:?} {b:?}");
            prop_assert_eq!(a.signal.map(|s| s.kind), b.signal.map(|s| s.kind));
        }
    }
}

#[test]
fn late_and_duplicate_samples_are_counted_and_teach_nothing() {
    let mut noise = Noise(1);
    let (mut clean, mut dirty) =
        (Detector::new(Config::default()), Detector::new(Config::default()));
    for i in 0..500 {
        let sample = Sample::new(at(f64::from(i)), noise.normal());
        assert_eq!(clean.observe(sample), dirty.observe(sample));
        let again = dirty.observe(Sample { value: 1e9, ..sample });
        let late = dirty.observe(Sample::new(at(f64::from(i) - 0.5), -1e9));
        assert!(!again.judged && again.signal.is_none() && !late.judged);
        dirty.observe(Sample::missing(at(f64::from(i) + 0.9)));
    }
    let stats = dirty.stats();
    assert_eq!((stats.values, stats.duplicate, stats.late, stats.missing), (500, 500, 500, 500));
    assert_eq!(clean.stats().alarms, stats.alarms);
}
