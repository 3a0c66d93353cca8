//! Raising, clearing and grouping, and the bounds of a fleet.
#![cfg(feature = "alerts")]

mod noise;

use std::time::Duration;

use anomaly::{Config, Event, Fleet, Kind, Labels, Policy, Sample};
use noise::{Noise, at};
use proptest::prelude::*;

fn series(host: &str, metric: &str) -> Labels {
    Labels::new([("host", host), ("metric", metric)])
}

/// One value a second of each series, ten more while `slow` says so; what happened, and when.
fn run(
    fleet: &mut Fleet,
    all: &[Labels],
    length: u32,
    slow: impl Fn(&Labels, u32) -> bool,
) -> Vec<(u32, Event)> {
    let (mut noise, mut events) = (Noise(2), Vec::new());
    for second in 0..length {
        for labels in all {
            let value = 0.2 * noise.normal() + if slow(labels, second) { 10.0 } else { 0.0 };
            fleet.observe(labels, Sample::new(at(f64::from(second)), value));
        }
        fleet.handle_timeout(at(f64::from(second)));
        events.extend(std::iter::from_fn(|| fleet.poll_event()).map(|event| (second, event)));
    }
    events
}

fn policy() -> Policy {
    let seconds = Duration::from_secs;
    Policy::default().group_by(["host"]).raise_after(seconds(3)).clear_after(seconds(10))
}

#[test]
fn series_of_one_host_moving_together_are_one_incident() {
    let all = ["cpu", "disk", "net", "load"].map(|metric| series("a", metric));
    let mut fleet = Fleet::new(Config::default(), policy());
    // The disk moves first.
    let events = run(&mut fleet, &all, 400, |labels, second| {
        let from = if labels.value("metric") == Some("disk") { 198 } else { 200 };
        (from..260).contains(&second)
    });
    let [(raised, Event::Raised(first)), (cleared, Event::Cleared(last))] = &events[..] else {
        panic!("{events:?}");
    };
    assert!((200..206).contains(raised) && (270..280).contains(cleared), "{raised} {cleared}");
    assert_eq!(first.labels, series("a", "disk"), "{first} {last}");
    assert_eq!(last.labels, first.labels);
    assert_eq!(last.series.len(), 4);
    assert_eq!(last.group.to_string(), r#"{host="a"}"#);
    assert!(last.to_string().contains("and 3 more series"), "{last}");
    let stats = fleet.stats().alerts;
    assert_eq!((stats.raised, stats.cleared, stats.grouped), (1, 1, 3));
    assert_eq!(fleet.alerts().active().count(), 0);
}

#[test]
fn two_hosts_are_two_incidents() {
    let all = [series("a", "cpu"), series("b", "cpu")];
    let mut fleet = Fleet::new(Config::default(), policy());
    let events = run(&mut fleet, &all, 300, |_, second| second >= 200);
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].1.alert().id, events[1].1.alert().id);
}

#[test]
fn what_is_short_is_not_told_and_what_wavers_is_told_once() {
    let all = [series("a", "cpu")];
    let mut fleet = Fleet::new(Config::default(), policy());
    assert_eq!(run(&mut fleet, &all, 500, |_, second| second > 150 && second % 100 == 99), []);
    assert!(fleet.stats().alerts.short_lived >= 3);
    // Eight seconds bad, eight good: calm for less than ten, so it is all one.
    let mut fleet = Fleet::new(Config::default(), policy());
    let wavering = |_: &Labels, second: u32| (200..280).contains(&second) && second % 16 < 8;
    let events = run(&mut fleet, &all, 400, wavering);
    assert!(matches!(&events[..], [(_, Event::Raised(_)), (_, Event::Cleared(_))]), "{events:?}");
}

#[test]
fn a_silent_series_is_missed_and_one_that_is_gone_is_forgotten() {
    let all = [series("a", "cpu")];
    let config = Config::default().missing_after(Duration::from_secs(20));
    let mut fleet = Fleet::new(config, policy());
    run(&mut fleet, &all, 200, |_, _| false);
    let mut events = Vec::new();
    for second in 200..300 {
        fleet.handle_timeout(at(f64::from(second)));
        events.extend(fleet.poll_event());
    }
    let [Event::Raised(alert)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((alert.signal.kind, alert.signal.onset), (Kind::Missing, at(199.0)));
    // It comes back: cleared.
    let mut noise = Noise(9);
    for second in 300..330 {
        let sample = Sample::new(at(f64::from(second)), 0.2 * noise.normal());
        fleet.observe(&all[0], sample);
    }
    assert!(matches!(fleet.poll_event(), Some(Event::Cleared(_))));

    let mut fleet = Fleet::new(Config::default(), policy().forget_after(Duration::from_mins(1)));
    let events = run(&mut fleet, &all, 210, |_, second| second >= 200);
    assert_eq!(events.len(), 1);
    fleet.handle_timeout(at(268.0));
    assert_eq!(fleet.poll_event(), None);
    fleet.handle_timeout(at(269.0));
    assert!(matches!(fleet.poll_event(), Some(Event::Cleared(_))));
}

#[test]
fn a_fleet_gives_up_the_series_unheard_of_for_the_longest_time() {
    let mut fleet = Fleet::new(Config::default(), Policy::default()).most_series(3);
    for (second, name) in ["a", "b", "c", "a", "d", "e"].into_iter().enumerate() {
        fleet.observe(&Labels::new([("name", name)]), Sample::new(at(second as f64), 1.0));
    }
    let mut kept: Vec<_> = fleet.detectors().map(|(labels, _)| labels.to_string()).collect();
    kept.sort();
    assert_eq!(kept, [r#"{name="a"}"#, r#"{name="d"}"#, r#"{name="e"}"#]);
    assert_eq!((fleet.stats().series, fleet.stats().evicted), (3, 2));
}

proptest! {
    #[test]
    fn the_order_of_labels_makes_no_difference(
        pairs in prop::collection::btree_map("[a-d]{1,2}", "[a-z]{0,2}", 0..5)
            .prop_flat_map(|map| {
                let pairs: Vec<_> = map.into_iter().collect();
                (Just(pairs.clone()), Just(pairs).prop_shuffle())
            })
    ) {
        let (a, b) = (Labels::new(pairs.0), Labels::new(pairs.1));
        prop_assert_eq!(&a, &b);
        let mut fleet = Fleet::new(Config::default(), Policy::default());
        fleet.observe(&a, Sample::new(at(0.0), 1.0));
        fleet.observe(&b, Sample::new(at(1.0), 1.0));
        prop_assert_eq!(fleet.stats().series, 1);
    }
}
