//! What a fleet has learned survives being put away, moved and damaged in part.
#![cfg(all(feature = "alerts", feature = "snapshots"))]

mod noise;

use std::time::Duration;

use anomaly::{Config, Detector, Fleet, Labels, LoadError, Policy, RestoreError, Sample, shard_of};
use noise::{Noise, at};
use proptest::prelude::*;

fn series(i: u32) -> Labels {
    Labels::new([("host", format!("h{i}")), ("metric", "load".to_owned())])
}

fn fleet() -> Fleet {
    Fleet::new(Config::default().learning(20), Policy::default())
}

/// A fleet of so many series that has seen the seconds `from..until`.
fn run(fleet: &mut Fleet, many: u32, from: u32, until: u32) -> Vec<String> {
    let mut noise = Noise(u64::from(from));
    let mut said = Vec::new();
    for second in from..until {
        for i in 0..many {
            let sample = Sample::new(at(f64::from(second)), f64::from(i) + noise.normal());
            said.push(format!("{:?}", fleet.observe(&series(i), sample)));
        }
    }
    said
}

fn saved(fleet: &Fleet, wanted: impl Fn(&Labels) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    fleet.save(&mut bytes, wanted).expect("a vector takes everything");
    bytes
}

#[test]
fn going_on_equals_never_stopping() {
    let mut whole = fleet();
    run(&mut whole, 5, 0, 100);
    let bytes = saved(&whole, |_| true);
    let mut resumed = fleet();
    let loaded = resumed.load(&bytes).expect("just saved");
    assert_eq!((loaded.restored, loaded.older, loaded.refused), (5, 0, 0));
    assert_eq!(run(&mut whole, 5, 100, 200), run(&mut resumed, 5, 100, 200));
    assert_eq!(sorted(&whole), sorted(&resumed));
}

/// The state of every series, in the order of their labels.
fn sorted(fleet: &Fleet) -> Vec<(Labels, Vec<u8>)> {
    let mut all: Vec<_> =
        fleet.detectors().map(|(labels, detector)| (labels.clone(), detector.to_bytes())).collect();
    all.sort();
    all
}

#[test]
fn shards_that_move_come_together_in_any_order() {
    let mut whole = fleet();
    run(&mut whole, 12, 0, 60);
    let parts: Vec<Vec<u8>> =
        (0..3).map(|shard| saved(&whole, |labels| shard_of(labels, 3) == shard)).collect();
    let stale = saved(&whole, |_| true);
    run(&mut whole, 12, 60, 90);
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut together = fleet();
        let mut restored = 0;
        for part in order {
            restored += together.load(&parts[part]).expect("just saved").restored;
        }
        assert_eq!(restored, 12);
        run(&mut together, 12, 60, 90);
        // What was saved before knows less.
        let loaded = together.load(&stale).expect("just saved");
        assert_eq!((loaded.restored, loaded.older), (0, 12));
        assert_eq!(sorted(&together), sorted(&whole));
    }
}

#[test]
fn a_damaged_record_is_refused_and_seen_and_learns_anew() {
    let mut whole = fleet();
    run(&mut whole, 4, 0, 60);
    let bytes = saved(&whole, |_| true);
    for position in (18..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        let mut resumed = fleet();
        let loaded = resumed.load(&damaged).expect("the beginning is whole");
        assert!(loaded.refused >= 1, "a flipped bit at {position} went unseen");
        assert_eq!(resumed.stats().refused, loaded.refused);
        assert_eq!(resumed.stats().series as u64, loaded.restored);
        run(&mut resumed, 4, 60, 62);
        assert_eq!(resumed.stats().series, 4);
    }
    for length in (18..bytes.len()).step_by(97) {
        let loaded = fleet().load(&bytes[..length]).expect("the beginning is whole");
        assert!(loaded.restored < 4);
    }
}

#[test]
fn what_is_no_snapshot_is_named() {
    let refused = |bytes: &[u8]| fleet().load(bytes).expect_err("it is none");
    assert_eq!(refused(b"").label(), "foreign");
    assert_eq!(refused(b"anomaly fleet\n"), LoadError::Foreign);
    let version = refused(b"anomaly fleet\n\x09\0\0\0");
    assert_eq!(version, LoadError::Version { found: 9 });
    assert_eq!(version.to_string(), "fleet snapshot of version 9, this is version 1");
    assert_eq!(Detector::from_bytes(b"short").expect_err("it is none"), RestoreError::Malformed);
    let bytes = Detector::new(Config::default()).to_bytes();
    let mut other = bytes.clone();
    other[0] ^= 0x40;
    assert_eq!(Detector::from_bytes(&other).expect_err("another").label(), "version");
    let mut damaged = bytes;
    damaged[20] ^= 1;
    assert_eq!(Detector::from_bytes(&damaged).expect_err("damaged"), RestoreError::Checksum);
}

#[test]
fn idle_series_are_given_up_and_their_places_used_again() {
    let mut fleet = fleet().idle_after(Duration::from_mins(1));
    run(&mut fleet, 10, 0, 5);
    for second in 5..100 {
        for i in 0..3 {
            fleet.observe(&series(i), Sample::new(at(f64::from(second)), 1.0));
        }
        fleet.handle_timeout(at(f64::from(second)));
    }
    assert_eq!((fleet.stats().series, fleet.stats().idle), (3, 7));
    run(&mut fleet, 12, 100, 102);
    assert_eq!(fleet.stats().series, 12);
    assert!(fleet.forget(&series(3)).is_some() && fleet.forget(&series(3)).is_none());
    assert_eq!(fleet.stats().series, 11);
}

#[test]
fn memory_is_bounded() {
    let each = Detector::new(Config::default().learning(20)).size_bytes();
    let mut fleet = fleet().most_bytes(each * 7 + 1);
    run(&mut fleet, 20, 0, 3);
    assert_eq!(fleet.stats().series, 7);
    assert!(fleet.stats().evicted >= 13);
}

proptest! {
    #[test]
    fn the_order_of_labels_does_not_matter(
        pairs in prop::collection::btree_map("[a-z]{1,4}", "[a-z0-9]{0,4}", 1..5),
        shards in 1_u32..50,
    ) {
        let forwards = Labels::new(pairs.clone());
        let backwards = Labels::new(pairs.into_iter().rev());
        prop_assert_eq!(shard_of(&forwards, shards), shard_of(&backwards, shards));
        prop_assert!(shard_of(&forwards, shards) < shards);
        let mut fleet = fleet();
        for second in 0..40 {
            let labels = if second % 2 == 0 { &forwards } else { &backwards };
            fleet.observe(labels, Sample::new(at(f64::from(second)), 1.0));
        }
        prop_assert_eq!(fleet.stats().series, 1);
    }

    #[test]
    fn any_bytes_are_survived(mut bytes: Vec<u8>, known: bool) {
        if known {
            bytes.splice(0..0, *b"anomaly fleet\n\x01\0\0\0");
        }
        let _ = fleet().load(&bytes);
        let _ = Detector::from_bytes(&bytes);
    }
}
