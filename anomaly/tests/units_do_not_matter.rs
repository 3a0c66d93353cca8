//! The same series in another unit, from another zero, or at another time, is judged the same.

mod noise;

use std::time::Duration;

use anomaly::{Config, Detector, Observation, Sample};
use noise::{Noise, at};
use proptest::prelude::*;

/// Noise with a spike, a shift and a ramp, told in a unit, from a zero and at a start.
fn watch(seed: u64, unit: f64, zero: f64, start: u64) -> Vec<Observation> {
    let (mut noise, mut detector) = (Noise(seed), Detector::new(Config::default()));
    (0_u64..1200)
        .map(|i| {
            let shape = match i {
                400 => 15.0,
                600..700 => 8.0,
                900.. => 0.2 * (i - 900) as f64,
                _ => 0.0,
            };
            let at = at(0.0).after(Duration::from_secs(start + i));
            detector.observe(Sample::new(at, zero + unit * (shape + noise.normal())))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Powers of two change no rounding: everything is the same to the last bit.
    #[test]
    fn scaling(seed: u64, exponent in -40_i32..40) {
        let unit = f64::from(exponent).exp2();
        for (a, b) in watch(seed, 1.0, 0.0, 0).iter().zip(watch(seed, unit, 0.0, 0)) {
            prop_assert_eq!(a.score, b.score);
            prop_assert_eq!(a.expected * unit, b.expected);
            prop_assert_eq!(a.upper * unit, b.upper);
            let named = |o: &Observation| o.signal.map(|s| (s.kind, s.direction, s.onset));
            prop_assert_eq!(named(a), named(&b));
        }
    }

    /// Another zero rounds differently; what is said may differ where evidence is at the edge.
    #[test]
    fn shifting(seed: u64, zero in -1000_f64..1000.0) {
        let (plain, shifted) = (watch(seed, 1.0, 0.0, 0), watch(seed, 1.0, zero, 0));
        let same = plain.iter().zip(&shifted).filter(|(a, b)| {
            let named = |o: &Observation| o.signal.map(|s| (s.kind, s.direction));
            named(a) == named(b) && (a.expected + zero - b.expected).abs() < 1e-6
        });
        prop_assert!(same.count() >= 1190);
    }

    #[test]
    fn waiting(seed: u64, start in 0_u64..2_000_000_000) {
        for (a, b) in watch(seed, 1.0, 0.0, 0).iter().zip(watch(seed, 1.0, 0.0, start)) {
            prop_assert_eq!((a.score, a.expected), (b.score, b.expected));
        }
    }
}
