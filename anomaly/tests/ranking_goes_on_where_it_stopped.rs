//! A ranking score put away and restored goes on exactly as the one that never stopped.
#![cfg(feature = "serde")]

mod noise;

use anomaly::Rarity;
use noise::{Noise, at};

#[test]
fn at_any_moment() {
    let mut noise = Noise(3);
    let values: Vec<f64> = (0..4_000)
        .map(|i| noise.normal() + if (2_000..2_040).contains(&i) { 9.0 } else { 0.0 })
        .collect();
    let minute = |i: usize| at(i as f64 * 60.0);
    for stop in [0, 1, 2, 99, 100, 1_500, 2_020, 3_999] {
        let mut whole = Rarity::new();
        for (i, value) in values[..stop].iter().enumerate() {
            whole.observe_at(minute(i), *value);
        }
        let text = serde_json::to_string(&whole).unwrap();
        let mut resumed: Rarity = serde_json::from_str(&text).unwrap();
        for (i, value) in values.iter().enumerate().skip(stop).take(300) {
            let (a, b) =
                (whole.observe_at(minute(i), *value), resumed.observe_at(minute(i), *value));
            assert_eq!(a.to_bits(), b.to_bits(), "stopped at {stop}, value {i}");
        }
    }
}

#[test]
fn a_snapshot_with_tables_cut_short_is_refused() {
    let text = serde_json::to_value(Rarity::new()).unwrap();
    for table in ["/day/quarters", "/day/hours", "/context/counts"] {
        let mut cut = text.clone();
        cut.pointer_mut(table).unwrap().as_array_mut().unwrap().pop();
        assert!(serde_json::from_value::<Rarity>(cut).is_err(), "{table}");
    }
    let mut elsewhere = text;
    *elsewhere.pointer_mut("/context/before").unwrap() = 255.into();
    let mut resumed: Rarity = serde_json::from_value(elsewhere).unwrap();
    for i in 0..20 {
        resumed.observe_at(at(f64::from(i)), f64::from(i % 3));
    }
}
