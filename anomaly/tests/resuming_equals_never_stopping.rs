//! A detector put away and restored goes on exactly as the one that never stopped; what cannot be
//! a detector is refused.
#![cfg(feature = "serde")]

mod noise;

use std::time::Duration;

use anomaly::{Config, Detector, RestoreError, Sample, Season, Snapshot};
use noise::{Noise, at};
use proptest::prelude::*;

/// Noise with gaps, some values far out, and from 150 to 190 a shift.
fn samples(seed: u64) -> Vec<Sample> {
    let (mut noise, mut now) = (Noise(seed), 0.0);
    (0..400)
        .map(|i| {
            now += 0.5 + noise.uniform();
            let far = if i % 37 == 36 { 6.0 } else { 0.0 };
            let value = noise.normal() + far + if (150..190).contains(&i) { 20.0 } else { 0.0 };
            let missing = noise.uniform() < 0.05;
            Sample::new(at(now), if missing { f64::NAN } else { value })
        })
        .collect()
}

fn detector() -> Detector {
    let season = Season::new(Duration::from_mins(1), 12);
    Detector::new(Config::default().learning(30).season(season).scale_floor(0.1))
}

fn put_away(detector: &Detector) -> String {
    serde_json::to_string(&detector.snapshot()).unwrap()
}

/// Stops before a sample, goes on from the snapshot, and compares the next `steps` samples.
fn stop_at(stop: usize, samples: &[Sample], steps: usize) {
    let mut whole = detector();
    for sample in &samples[..stop] {
        whole.observe(*sample);
    }
    let snapshot: Snapshot = serde_json::from_str(&put_away(&whole)).unwrap();
    let mut resumed = Detector::restore(snapshot).unwrap();
    for sample in samples[stop..].iter().take(steps) {
        let (a, b) = (whole.observe(*sample), resumed.observe(*sample));
        // Debug text tells every bit of a float, and NaN from nothing.
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "stopped at {stop}");
    }
    assert_eq!(put_away(&whole), put_away(&resumed), "stopped at {stop}");
}

#[test]
fn at_every_moment() {
    (0..400).for_each(|stop| stop_at(stop, &samples(1), 5));
}

proptest! {
    #[test]
    fn at_any_moment(seed: u64, stop in 0_usize..400) {
        stop_at(stop, &samples(seed), 400);
    }

    #[test]
    fn a_tampered_snapshot_never_panics(seed: u64, at_byte in any::<prop::sample::Index>(), byte: u8) {
        let mut running = detector();
        for sample in samples(1) {
            running.observe(sample);
        }
        let mut text = put_away(&running).into_bytes();
        let at_byte = at_byte.index(text.len());
        text[at_byte] = byte;
        if let Ok(snapshot) = serde_json::from_slice::<Snapshot>(&text)
            && let Ok(mut restored) = Detector::restore(snapshot)
        {
            for sample in samples(seed) {
                restored.observe(sample);
            }
        }
    }
}

#[test]
fn another_version_is_refused() {
    let text = put_away(&detector());
    let other = text.replacen(r#""version":4"#, r#""version":5"#, 1);
    let snapshot = serde_json::from_str(&other).unwrap();
    let refused = Detector::restore(snapshot).unwrap_err();
    assert_eq!(refused, RestoreError::Version { found: 5 });
    assert_eq!(refused.label(), "version");
    assert_eq!(refused.to_string(), "snapshot of version 5, this is version 4");
}

#[test]
fn an_impossible_model_is_refused() {
    let text = put_away(&detector());
    let other = text.replacen(r#""slot":0"#, r#""slot":60000"#, 1);
    assert_ne!(text, other);
    let refused = Detector::restore(serde_json::from_str(&other).unwrap()).unwrap_err();
    assert_eq!(refused, RestoreError::Impossible { part: "model" });
}
