//! Who is told what: silences, maintenance windows, inhibition, repetition.
#![cfg(feature = "alerts")]

mod noise;

use std::time::Duration;

use anomaly::{
    Alerts, Config, Detector, Dispatch, Event, Inhibition, Labels, Matchers, Observation, Policy,
    Sample, Silence, Status, UnixNanos,
};
use noise::{Noise, at};

/// Series in alarm or not, without the noise.
struct World {
    alerts: Alerts,
    strange: Observation,
    calm: Observation,
    on: Vec<Labels>,
    seen: Vec<Labels>,
}

impl World {
    fn new(policy: Policy) -> Self {
        let (mut detector, mut noise) = (Detector::new(Config::default()), Noise(1));
        let mut value = |second: i32, value: f64| {
            detector.observe(Sample::new(at(f64::from(second)), value + 0.2 * noise.normal()))
        };
        let calm = (0..100).map(|second| value(second, 0.0)).last().expect("a hundred");
        let strange = value(100, 50.0);
        assert!(strange.signal.is_some() && calm.signal.is_none() && calm.judged);
        Self { alerts: Alerts::new(policy), strange, calm, on: Vec::new(), seen: Vec::new() }
    }

    fn series(&mut self, labels: &[(&str, &str)], on: bool) {
        let labels = Labels::new(labels.iter().copied());
        self.on.retain(|other| *other != labels);
        self.seen.retain(|other| *other != labels);
        self.seen.push(labels.clone());
        self.on.extend(on.then_some(labels));
    }

    /// One second; what was told, as `status` and `host`s.
    fn step(&mut self, second: u32, dispatch: &mut Dispatch) -> Vec<(Status, String)> {
        let now = now(second);
        for labels in &self.seen {
            let seen = if self.on.contains(labels) { self.strange } else { self.calm };
            if let Some(event) = self.alerts.observe(now, labels, &seen) {
                dispatch.handle_event(now, &event);
            }
        }
        dispatch.handle_timeout(now, self.alerts.active());
        told(dispatch)
    }
}

fn told(dispatch: &mut Dispatch) -> Vec<(Status, String)> {
    let notices = std::iter::from_fn(|| dispatch.poll_notice());
    let host = |labels: &Labels| labels.value("host").unwrap_or("?").to_owned();
    notices
        .map(|n| (n.status, n.alert.series.iter().map(host).collect::<Vec<_>>().join(",")))
        .collect()
}

fn now(second: u32) -> UnixNanos {
    at(100.0 + f64::from(second))
}

fn policy() -> Policy {
    Policy::default().clear_after(Duration::from_secs(2))
}

fn matchers(text: &str) -> Matchers {
    text.parse().expect("matchers")
}

fn firing(hosts: &str) -> Vec<(Status, String)> {
    vec![(Status::Firing, hosts.into())]
}

#[test]
fn an_alert_is_told_once_again_and_when_it_is_over() {
    let mut world = World::new(policy());
    let mut dispatch = Dispatch::new().repeat(Duration::from_secs(10));
    world.series(&[("host", "a")], true);
    let mut all = Vec::new();
    for second in 0..40 {
        if second == 25 {
            world.series(&[("host", "a")], false);
        }
        for (status, hosts) in world.step(second, &mut dispatch) {
            all.push((second, status.label(), hosts));
        }
    }
    let told = [(0, "firing"), (10, "repeated"), (20, "repeated"), (27, "resolved")];
    assert_eq!(all, told.map(|(second, status)| (second, status, "a".to_owned())));
    let stats = dispatch.stats();
    assert_eq!((stats.firing, stats.repeated, stats.resolved), (1, 2, 1));
}

#[test]
fn waiting_gathers_the_series_of_an_incident() {
    let mut world = World::new(policy().group_by(["site"]));
    let mut dispatch = Dispatch::new().wait(Duration::from_secs(3));
    world.series(&[("host", "a"), ("site", "s")], true);
    assert_eq!(world.step(0, &mut dispatch), []);
    assert_eq!(dispatch.poll_timeout(), Some(now(3)));
    world.series(&[("host", "b"), ("site", "s")], true);
    assert_eq!((world.step(1, &mut dispatch), world.step(2, &mut dispatch)), (vec![], vec![]));
    assert_eq!(world.step(3, &mut dispatch), firing("a,b"));
    assert_eq!(dispatch.poll_timeout(), None);
}

#[test]
fn what_begins_and_ends_between_two_looks_is_told_whole() {
    let mut world = World::new(policy().group_by(["site"]));
    let mut dispatch = Dispatch::new();
    let series = |host| Labels::new([("host", host), ("site", "s")]);
    for (labels, seen) in [("a", world.strange), ("b", world.strange)] {
        if let Some(event) = world.alerts.observe(now(0), &series(labels), &seen) {
            dispatch.handle_event(now(0), &event);
        }
    }
    while let Some(event) = world.alerts.poll_forgotten(now(1_000)) {
        dispatch.handle_event(now(1_000), &event);
    }
    assert_eq!(
        told(&mut dispatch),
        [(Status::Firing, "a,b".into()), (Status::Resolved, "a,b".into())]
    );
    // Not when it did not even last for as long as an alert waits.
    let mut dispatch = Dispatch::new().wait(Duration::from_secs(30));
    let raised = world.alerts.observe(now(2_000), &series("a"), &world.strange);
    dispatch.handle_event(now(2_000), &raised.expect("it is raised"));
    let cleared =
        [2_001, 2_004].map(|second| world.alerts.observe(now(second), &series("a"), &world.calm));
    let [None, Some(cleared)] = cleared else { panic!("{cleared:?}") };
    dispatch.handle_event(now(2_004), &cleared);
    assert_eq!(told(&mut dispatch), []);
}

#[test]
fn a_silence_covers_an_incident_when_it_covers_all_of_it() {
    let mut world = World::new(policy().group_by(["site"]));
    let mut dispatch = Dispatch::new();
    dispatch.silence(Silence::new(matchers("host=~a|b")).until(now(30)));
    for host in ["a", "b"] {
        world.series(&[("host", host), ("site", "s")], true);
    }
    assert_eq!((0..5).flat_map(|s| world.step(s, &mut dispatch)).collect::<Vec<_>>(), []);
    assert_eq!(dispatch.stats().silenced, 1);
    // One that is not silenced joins.
    world.series(&[("host", "c"), ("site", "s")], true);
    assert_eq!(world.step(5, &mut dispatch), firing("a,b,c"));
    // Another begins in silence and outlasts it.
    world.series(&[("host", "b"), ("site", "t")], true);
    assert_eq!((6..30).flat_map(|s| world.step(s, &mut dispatch)).collect::<Vec<_>>(), []);
    assert_eq!(world.step(30, &mut dispatch), firing("b"));
}

#[test]
fn what_was_told_is_told_to_be_over_in_silence_too() {
    let mut world = World::new(policy());
    let mut dispatch = Dispatch::new().repeat(Duration::from_secs(1));
    world.series(&[("host", "a")], true);
    assert_eq!(world.step(0, &mut dispatch), firing("a"));
    dispatch.silence(Silence::new(matchers("host=a")));
    assert_eq!((1..5).flat_map(|s| world.step(s, &mut dispatch)).collect::<Vec<_>>(), []);
    world.series(&[("host", "a")], false);
    let told: Vec<_> = (5..10).flat_map(|s| world.step(s, &mut dispatch)).collect();
    assert_eq!(told, [(Status::Resolved, "a".into())]);
}

#[test]
fn maintenance_is_a_silence_that_comes_back() {
    let mut world = World::new(policy());
    let mut dispatch = Dispatch::new();
    // The clock starts at 22:15 on a Tuesday.
    let window = "Tue 22:10-22:16".parse().expect("a window");
    dispatch.silence(Silence::new(matchers("host=a")).weekly(window));
    for host in ["a", "b"] {
        world.series(&[("host", host)], true);
    }
    assert_eq!(world.step(0, &mut dispatch), firing("b"));
    let end = (1..120).find(|second| !world.step(*second, &mut dispatch).is_empty());
    assert_eq!(end, Some(60), "22:16:00");
}

#[test]
fn the_worse_mutes_what_follows_from_it() {
    let mut world = World::new(policy());
    let router = Inhibition::new(matchers("role=router"), matchers("role!=router")).equal(["site"]);
    let mut dispatch = Dispatch::new().inhibit(router);
    world.series(&[("host", "r"), ("role", "router"), ("site", "s")], true);
    world.series(&[("host", "a"), ("role", "web"), ("site", "s")], true);
    world.series(&[("host", "b"), ("role", "web"), ("site", "t")], true);
    let told = world.step(0, &mut dispatch);
    assert_eq!(told, [firing("r"), firing("b")].concat());
    assert_eq!(dispatch.stats().inhibited, 1);
    world.series(&[("host", "r"), ("role", "router"), ("site", "s")], false);
    let told: Vec<_> = (1..6).flat_map(|s| world.step(s, &mut dispatch)).collect();
    assert_eq!(told, [(Status::Resolved, "r".into()), (Status::Firing, "a".into())]);
}

#[test]
fn alerts_of_both_sides_do_not_mute_each_other() {
    let mut world = World::new(policy());
    let mut dispatch =
        Dispatch::new().inhibit(Inhibition::new(matchers("host=~.+"), matchers("host=~.+")));
    for host in ["a", "b"] {
        world.series(&[("host", host)], true);
    }
    assert_eq!(world.step(0, &mut dispatch).len(), 2);
}

#[test]
fn lost_events_are_made_up_for_and_state_is_bounded() {
    let mut world = World::new(policy());
    let mut dispatch = Dispatch::new();
    let a = Labels::new([("host", "a")]);
    let raised = world.alerts.observe(now(0), &a, &world.strange);
    assert!(matches!(raised, Some(Event::Raised(_))));
    // Nobody handed it on.
    dispatch.handle_timeout(now(1), world.alerts.active());
    assert_eq!(told(&mut dispatch), firing("a"));
    assert!(world.alerts.poll_forgotten(now(1_000)).is_some());
    dispatch.handle_timeout(now(1_000), world.alerts.active());
    assert_eq!(told(&mut dispatch), [(Status::Resolved, "a".into())]);

    for n in 0..5_000 {
        let labels = Labels::new([("host", n.to_string())]);
        let event = world.alerts.observe(now(2_000), &labels, &world.strange);
        if let Some(event) = event {
            dispatch.handle_event(now(2_000), &event);
        }
        dispatch.silence(Silence::new(matchers("host=nobody")));
    }
    dispatch.handle_timeout(now(2_000), world.alerts.active());
    assert_eq!(told(&mut dispatch).len(), Dispatch::MOST);
    assert!(dispatch.stats().dropped > 0);
}
