//! Series of many sources make one incident, whose origin is who moved first and most; what flaps
//! is held on.
#![cfg(feature = "alerts")]

mod noise;

use std::time::Duration;

use anomaly::{Alert, Alerts, Config, Event, Fleet, Labels, Policy, Sample};
use noise::{Noise, at};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied())
}

/// One value a second of each series, raised by what `moved` says; what happened, and when.
fn run(
    fleet: &mut Fleet,
    all: &[Labels],
    seconds: std::ops::Range<u32>,
    moved: impl Fn(usize, u32) -> f64,
) -> Vec<(u32, Event)> {
    let (mut noise, mut events) = (Noise(7), Vec::new());
    for second in seconds {
        for (i, labels) in all.iter().enumerate() {
            let value = 0.2 * noise.normal() + moved(i, second);
            fleet.observe(labels, Sample::new(at(f64::from(second)), value));
        }
        fleet.handle_timeout(at(f64::from(second)));
        events.extend(std::iter::from_fn(|| fleet.poll_event()).map(|event| (second, event)));
    }
    events
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy() -> Policy {
    Policy::default()
        .link_by(["host", "site"])
        .link_within(seconds(60))
        .raise_after(seconds(3))
        .clear_after(seconds(10))
}

/// TLS, DNS, logs and metrics of a site, with no label that all have but the site; a stranger.
fn sources() -> [Labels; 5] {
    [
        labels(&[("source", "tls"), ("site", "bonn"), ("idle", "server")]),
        labels(&[("source", "dns"), ("site", "bonn"), ("resolver", "r1")]),
        labels(&[("source", "log"), ("host", "db1"), ("severity", "error")]),
        labels(&[("source", "metric"), ("host", "db1"), ("site", "bonn"), ("name", "disk")]),
        labels(&[("source", "metric"), ("host", "x9"), ("site", "ulm"), ("name", "disk")]),
    ]
}

fn only(fleet: &Fleet) -> Alert {
    let mut active = fleet.alerts().active();
    let alert = active.next().expect("one is on").clone();
    assert!(active.next().is_none(), "one alone");
    alert
}

#[test]
fn four_sources_of_one_site_are_one_incident_and_the_first_mover_its_origin() {
    let mut fleet = Fleet::new(Config::default(), policy());
    // The disk goes first, the log a little later, then all that waits for it.
    let from = [215, 220, 205, 200, u32::MAX];
    let events =
        run(&mut fleet, &sources(), 0..260, |i, second| if second >= from[i] { 10.0 } else { 0.0 });
    let [(raised, Event::Raised(first))] = &events[..] else { panic!("{events:?}") };
    assert!((203..206).contains(raised), "{raised}");
    assert_eq!(first.labels, sources()[3]);
    let alert = only(&fleet);
    assert_eq!((alert.id, &alert.group, alert.series.len()), (first.id, &first.group, 4));
    let ranked: Vec<_> = alert.origins.iter().map(|origin| origin.labels.clone()).collect();
    assert_eq!(ranked, [3, 2, 0, 1].map(|i| sources()[i].clone()));
    assert!(alert.origins.iter().all(|origin| origin.deviation > 5.0), "{:?}", alert.origins);
    assert_eq!(fleet.stats().alerts.linked, 3);
    assert!(alert.to_string().contains("and 3 more series"), "{alert}");

    let events = run(&mut fleet, &sources(), 260..300, |_, _| 0.0);
    let [(_, Event::Cleared(cleared))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((cleared.id, &cleared.group, cleared.series.len()), (first.id, &first.group, 4));
}

#[test]
fn of_those_that_move_together_the_one_that_moves_most_is_first() {
    let mut fleet = Fleet::new(Config::default(), policy());
    let size = [10.0, 20.0, 40.0, 15.0, 0.0];
    let moved = |i: usize, second| if second >= 200 { size[i] } else { 0.0 };
    let events = run(&mut fleet, &sources(), 0..230, moved);
    let alert = only(&fleet);
    // The log of the host was a matter of its own, until the disk showed what it belongs to.
    let [.., (_, Event::Cleared(log))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&log.labels, log.part_of), (&sources()[2], Some(alert.id)));
    assert_eq!(alert.series.len(), 4);
    assert_eq!(alert.labels, sources()[2], "{alert}");
    assert_eq!(alert.origins[1].labels, sources()[1]);
    let events = run(&mut fleet, &sources(), 230..260, |_, _| 0.0);
    let [(_, Event::Cleared(cleared))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((cleared.id, fleet.alerts().active().count()), (alert.id, 0));
}

#[test]
fn what_shares_nothing_or_not_the_time_is_another_incident() {
    let mut fleet = Fleet::new(Config::default(), policy());
    let events = run(&mut fleet, &sources(), 0..320, |i, second| match i {
        0 | 4 if second >= 200 => 10.0,
        // The same site, two minutes later.
        1 if second >= 310 => 10.0,
        _ => 0.0,
    });
    let raised = events.iter().filter(|(_, event)| matches!(event, Event::Raised(_))).count();
    assert_eq!((raised, fleet.alerts().active().count()), (3, 3), "{events:?}");
}

#[test]
fn what_flaps_is_told_a_few_times_and_then_held_on() {
    // Twenty seconds bad, thirty good, for half an hour: 36 times.
    let flapping = |damped: u32| {
        let policy = policy().damp_flapping(damped, Duration::from_hours(1));
        let mut fleet = Fleet::new(Config::default(), policy);
        let events = run(&mut fleet, &sources()[..1], 0..2_000, |_, second| {
            if second >= 200 && second % 50 < 20 { 10.0 } else { 0.0 }
        });
        (events, fleet.stats().alerts)
    };
    let (undamped, stats) = flapping(1_000);
    assert!(undamped.len() > 60, "{}", undamped.len());
    assert_eq!(stats.flapping, 0);
    let (events, stats) = flapping(3);
    assert!(events.len() <= 11, "{}", events.len());
    assert!(stats.flapping > 0);
    let (_, last) = events.last().expect("some");
    assert!(matches!(last, Event::Raised(alert) if alert.flapping), "{last:?}");
}

#[test]
fn hysteresis_and_least_duration_hold_an_alert_on() {
    let spike = |_, second: u32| if (200..204).contains(&second) { 10.0 } else { 0.0 };
    let on_for = |policy: Policy| {
        let mut fleet = Fleet::new(Config::default(), policy);
        let events = run(&mut fleet, &sources()[..1], 0..400, spike);
        match &events[..] {
            [(raised, Event::Raised(_)), (cleared, Event::Cleared(_))] => cleared - raised,
            _ => 0,
        }
    };
    let short = on_for(policy());
    assert!((10..20).contains(&short), "{short}");
    assert!((100..103).contains(&on_for(policy().least_duration(seconds(100)))));
    assert_eq!(on_for(policy().raise_confidence(1.0)), 0, "nothing is that sure");
    assert_eq!(on_for(policy().calm_below(0.0)), 0, "nothing is that calm: it stays on");
}

#[test]
fn many_series_that_come_and_go_take_bounded_room() {
    let policy = policy().most_series(8).clear_after(seconds(0)).raise_after(seconds(0));
    let mut alerts = Alerts::new(policy);
    let mut detector = anomaly::Detector::new(Config::default());
    let mut noise = Noise(1);
    for second in 0..100 {
        detector.observe(Sample::new(at(f64::from(second)), 0.2 * noise.normal()));
    }
    let strange = detector.observe(Sample::new(at(100.0), 50.0));
    assert!(strange.signal.is_some());
    let (mut raised, mut cleared) = (0, 0);
    for n in 0..1_000 {
        let series = labels(&[("host", &n.to_string()), ("site", &(n / 3).to_string())]);
        raised += u32::from(alerts.observe(at(100.0), &series, &strange).is_some());
        while let Some(event) = alerts.poll_forgotten(at(100.0 + f64::from(n % 2) * 600.0)) {
            assert!(matches!(event, Event::Cleared(_)));
            cleared += 1;
        }
        assert!(alerts.active().count() <= 8);
    }
    assert_eq!(raised, cleared);
    assert!(raised >= 300, "{raised}");
}
