//! A handle of a fleet's series saves the look at its labels, and never names another series.
#![cfg(feature = "alerts")]

mod noise;

use anomaly::{Config, Fleet, Labels, Policy, Sample};
use noise::{Noise, at};

fn series(name: &str) -> Labels {
    Labels::new([("name", name)])
}

fn fleet(most: usize) -> Fleet {
    Fleet::new(Config::default(), Policy::default()).most_series(most)
}

#[test]
fn says_what_the_labels_say() {
    let (mut noise, mut by_labels, mut by_handle) = (Noise(1), fleet(9), fleet(9));
    let id = by_handle.series_id(&series("a"));
    for i in 0..600 {
        let far = if i > 500 { 30.0 } else { 0.0 };
        let sample = Sample::new(at(f64::from(i)), noise.normal() + far);
        let (a, b) = (by_labels.observe(&series("a"), sample), by_handle.observe_id(id, sample));
        assert_eq!(format!("{:?}", Some(a)), format!("{b:?}"));
        assert_eq!(by_labels.poll_event(), by_handle.poll_event());
    }
    assert_eq!(by_handle.stats().alerts.raised, 1);
    assert_eq!(by_handle.series_id(&series("a")), id);
    assert_eq!(by_labels.stats(), by_handle.stats());
}

#[test]
fn of_a_series_given_up_it_names_nothing() {
    let mut fleet = fleet(2);
    let sample = Sample::new(at(0.0), 1.0);
    let ids = ["a", "b", "c"].map(|name| fleet.series_id(&series(name)));
    // The third took the place of the first.
    assert_eq!(fleet.stats().evicted, 1);
    assert_eq!(ids.map(|id| fleet.observe_id(id, sample).is_some()), [false, true, true]);
    fleet.forget(&series("b"));
    assert!(fleet.observe_id(ids[1], sample).is_none());
    let again = fleet.series_id(&series("b"));
    assert_ne!(again, ids[1]);
    assert!(fleet.observe_id(again, sample).is_some());
}

#[test]
fn a_handle_used_is_a_series_heard_of() {
    let mut fleet = fleet(2);
    let first = fleet.series_id(&series("a"));
    fleet.series_id(&series("b"));
    fleet.observe_id(first, Sample::new(at(0.0), 1.0));
    fleet.series_id(&series("c"));
    assert!(fleet.detector(&series("a")).is_some() && fleet.detector(&series("b")).is_none());
}
