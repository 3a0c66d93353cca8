//! Alerts and what was told of them are put away and taken up: nothing is told twice, nothing is
//! forgotten, and what is damaged is refused.
#![cfg(all(feature = "alerts", feature = "snapshots"))]

mod noise;

use std::time::Duration;

use anomaly::{
    Alerts, Config, Detector, Dispatch, Event, Fleet, Labels, Observation, Policy, ResumeError,
    Sample, Silence, Status, UnixNanos,
};
use noise::{Noise, at};

fn now(second: u32) -> UnixNanos {
    at(f64::from(second))
}

fn policy() -> Policy {
    Policy::default().clear_after(Duration::from_secs(10)).link_by(["site"])
}

/// A strange value and a calm one.
fn seen() -> (Observation, Observation) {
    let (mut detector, mut noise) = (Detector::new(Config::default()), Noise(1));
    let mut value = |second: u32, value: f64| {
        detector.observe(Sample::new(now(second), value + 0.2 * noise.normal()))
    };
    let calm = (0..100).map(|second| value(second, 0.0)).last().expect("a hundred");
    (value(100, 50.0), calm)
}

fn series(host: &str) -> Labels {
    Labels::new([("host", host), ("site", "bonn")])
}

fn told(dispatch: &mut Dispatch) -> Vec<(Status, u64)> {
    std::iter::from_fn(|| dispatch.poll_notice()).map(|n| (n.status, n.alert.id)).collect()
}

/// Alerts with an incident of two series that was told, one of a third that is silenced, and
/// whom they were told to, by the 200th second.
fn put_away() -> (Vec<u8>, Vec<u8>) {
    let (strange, _) = seen();
    let (mut alerts, mut dispatch) = (Alerts::new(policy()), rules());
    for labels in [series("a"), series("b"), Labels::new([("host", "quiet")])] {
        if let Some(event) = alerts.observe(now(200), &labels, &strange) {
            dispatch.handle_event(now(200), &event);
        }
    }
    dispatch.handle_timeout(now(200), alerts.active());
    assert_eq!(told(&mut dispatch), [(Status::Firing, 1)]);
    (alerts.to_bytes(), dispatch.to_bytes())
}

fn rules() -> Dispatch {
    let mut dispatch = Dispatch::new().repeat(Duration::from_hours(1));
    dispatch.silence(Silence::new("host=quiet".parse().expect("matchers")).until(now(5_000)));
    dispatch
}

#[test]
fn what_was_told_is_told_again_when_it_is_due_and_resolved_once() {
    let (_, calm) = seen();
    let (alerts, dispatch) = put_away();
    // Down for longer than a silent series is kept: nobody was there to hear of it.
    let mut alerts = Alerts::resume(policy(), now(1_000), &alerts).expect("as it was written");
    let mut told_to = rules();
    told_to.resume(&dispatch).expect("as it was written");
    let mut all = Vec::new();
    for second in 1_000..1_100 {
        for labels in [series("a"), series("b")] {
            let b_is_on = labels == series("b") && second < 1_040;
            let seen = if b_is_on { seen().0 } else { calm };
            if let Some(event) = alerts.observe(now(second), &labels, &seen) {
                told_to.handle_event(now(second), &event);
            }
        }
        assert_eq!(alerts.poll_forgotten(now(second)), None);
        told_to.handle_timeout(now(second), alerts.active());
        all.extend(told(&mut told_to).into_iter().map(|(status, id)| (second, status, id)));
    }
    assert_eq!(all, [(1_050, Status::Resolved, 1)]);
    // The silence ends, and what it kept back is told with the number it has had all along.
    told_to.handle_timeout(now(5_000), alerts.active());
    assert_eq!(told(&mut told_to), [(Status::Firing, 2)]);
}

#[test]
fn the_repeat_is_due_when_it_was() {
    let (alerts, dispatch) = put_away();
    let alerts = Alerts::resume(policy(), now(300), &alerts).expect("as it was written");
    let mut told_to = rules();
    told_to.resume(&dispatch).expect("as it was written");
    assert_eq!(told_to.poll_timeout(), Some(now(200)), "the silenced one has been due since");
    told_to.handle_timeout(now(3_799), alerts.active());
    assert_eq!(told(&mut told_to), []);
    told_to.handle_timeout(now(3_800), alerts.active());
    assert_eq!(told(&mut told_to), [(Status::Repeated, 1)]);
}

#[test]
fn what_is_no_longer_on_is_told_to_be_over() {
    let (_, dispatch) = put_away();
    let mut told_to = rules();
    told_to.resume(&dispatch).expect("as it was written");
    told_to.handle_timeout(now(400), Alerts::new(policy()).active());
    assert_eq!(told(&mut told_to), [(Status::Resolved, 1)]);
}

#[test]
fn flapping_is_remembered_and_numbers_go_on() {
    let (strange, calm) = seen();
    let mut alerts = Alerts::new(policy());
    let mut raised = Vec::new();
    for second in 0_u32..600 {
        alerts = Alerts::resume(policy(), now(0), &alerts.to_bytes()).expect("as it was written");
        let seen = if second % 60 < 5 { strange } else { calm };
        let event = alerts.observe(now(1_000 + second), &series("a"), &seen);
        if let Some(Event::Raised(alert)) = event {
            raised.push((alert.id, alert.flapping));
        }
    }
    assert_eq!(raised[..4], [(1, false), (2, false), (3, false), (4, true)]);
}

#[test]
fn what_is_damaged_is_refused_and_changes_nothing() {
    let (alerts, dispatch) = put_away();
    let mut fleet = Fleet::new(Config::default(), policy());
    fleet.resume_alerts(now(300), &alerts).expect("as it was written");
    assert_eq!(fleet.alerts().active().count(), 2);
    let mut told_to = rules();
    told_to.resume(&dispatch).expect("as it was written");
    for bytes in [&alerts, &dispatch] {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(fleet.resume_alerts(now(300), &damaged).is_err(), "byte {at}");
            assert!(told_to.resume(&damaged).is_err(), "byte {at}");
            assert!(fleet.resume_alerts(now(300), &bytes[..at]).is_err(), "{at} bytes");
        }
    }
    let mut newer = alerts.clone();
    newer[0] = 9;
    let error = fleet.resume_alerts(now(300), &newer).expect_err("of another version");
    assert_eq!((error, error.label()), (ResumeError::Version { found: 9 }, "version"));
    assert_eq!(fleet.alerts().active().count(), 2, "as it was");
    assert!(told_to.poll_timeout().is_some(), "as it was");
}

#[test]
fn other_silences_let_go_what_the_first_kept_back() {
    let (alerts, dispatch) = put_away();
    let alerts = Alerts::resume(policy(), now(300), &alerts).expect("as it was written");
    let mut told_to = rules();
    told_to.resume(&dispatch).expect("as it was written");
    told_to.silence_only([Silence::new("host=nobody".parse().expect("matchers"))]);
    told_to.handle_timeout(now(301), alerts.active());
    assert_eq!(told(&mut told_to), [(Status::Firing, 2)]);
}
