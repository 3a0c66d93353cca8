//! Alerts under random series of changes: nothing is lost, nothing is left behind.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::shift::Direction;
use crate::signal::{Kind, State};

fn at(second: u32) -> UnixNanos {
    UnixNanos::new(i64::from(second) * 1_000_000_000)
}

fn observation(second: u32, onset: Option<u32>) -> Observation {
    let signal = onset.map(|onset| Signal {
        kind: Kind::LevelShift,
        onset: at(onset),
        at: at(second),
        direction: Direction::Up,
        size: 1.0,
        confidence: 0.9,
        expected: 0.0,
        lower: -1.0,
        upper: 1.0,
        seen: 5.0,
    });
    let score = if signal.is_some() { 0.9 } else { 0.1 };
    let (lower, upper) = (-1.0, 1.0);
    let (seen, expected, state) = (0.0, 0.0, State::Ready);
    Observation { at: at(second), seen, expected, lower, upper, score, judged: true, signal, state }
}

/// Which series, whether it is strange, and how much later than what came before.
fn steps() -> impl Strategy<Value = Vec<(usize, bool, u32)>> {
    prop::collection::vec((0_usize..8, any::<bool>(), 0_u32..20), 0..120)
}

/// The policy the random series are under, and the series.
fn world(raise_after: u64, most: usize) -> (Policy, Vec<Labels>) {
    let seconds = Duration::from_secs;
    let policy = Policy::default()
        .group_by(["rack"])
        .link_by(["host", "site"])
        .link_within(seconds(30))
        .raise_after(seconds(raise_after))
        .clear_after(seconds(15))
        .forget_after(seconds(60))
        .most_series(most);
    let series = (0..8).map(|i| {
        let own = [("id", i.to_string()), ("host", (i / 2).to_string())];
        let site = (i % 3 != 0).then(|| ("site", (i % 2).to_string()));
        let rack = (i >= 6).then(|| ("rack", "r".to_owned()));
        Labels::new(own.into_iter().chain(site).chain(rack))
    });
    (policy, series.collect())
}

proptest! {
    #[cfg(feature = "snapshots")]
    #[test]
    fn going_on_from_what_was_put_away_equals_never_stopping(
        steps in steps(), raise_after in 0_u64..10, most in 1_usize..10,
    ) {
        let (policy, series) = world(raise_after, most);
        let mut alerts = Alerts::new(policy.clone());
        let mut stopping = Alerts::new(policy.clone());
        let (mut now, mut onsets) = (0, [None; 8]);
        let forgotten = |alerts: &mut Alerts, now| {
            let mut gone: Vec<_> = std::iter::from_fn(|| alerts.poll_forgotten(at(now))).collect();
            gone.sort_by_key(|event| event.alert().id);
            gone
        };
        for (which, strange, later) in steps {
            now += later;
            onsets[which] = strange.then(|| onsets[which].unwrap_or(now));
            let seen = observation(now, onsets[which]);
            stopping = Alerts::resume(policy.clone(), at(0), &stopping.to_bytes()).expect("whole");
            prop_assert_eq!(
                alerts.observe(at(now), &series[which], &seen),
                stopping.observe(at(now), &series[which], &seen)
            );
            prop_assert_eq!(forgotten(&mut alerts, now), forgotten(&mut stopping, now));
        }
    }

    #[test]
    fn what_is_raised_is_cleared_and_what_is_active_was_raised(
        steps in steps(), raise_after in 0_u64..10, most in 1_usize..10,
    ) {
        let (policy, series) = world(raise_after, most);
        let mut alerts = Alerts::new(policy);
        let (mut on, mut ever) = (HashSet::new(), HashSet::new());
        let (mut now, mut onsets) = (0, [None; 8]);
        let mut take = |alerts: &Alerts, event: Option<Event>| {
            match event {
                Some(Event::Raised(alert)) => {
                    assert!(ever.insert(alert.id), "an id is used once");
                    on.insert(alert.id);
                }
                Some(Event::Cleared(alert)) => {
                    assert!(on.remove(&alert.id), "it was on");
                    assert!(alert.part_of.is_none_or(|id| on.contains(&id)), "what goes on is on");
                    assert!(alert.cleared_at.is_some());
                }
                None => {}
            }
            let active: HashSet<u64> = alerts.active().map(|alert| alert.id).collect();
            assert_eq!(active, on);
            for alert in alerts.active() {
                assert!(alert.series.contains(&alert.labels));
                assert_eq!(alert.origins[0].labels, alert.labels);
                let first = alert.origins.iter().map(|origin| origin.signal.onset).min();
                let first = first.expect("it has an origin").after(Duration::from_secs(1));
                assert!(alert.signal.onset <= first, "nobody moved long before the origin");
            }
            for state in alerts.restless.values() {
                if let Some(part) = state.part {
                    assert!(on.contains(&part.incident), "a part of what is on");
                }
            }
            assert!(alerts.restless.len() <= most);
        };
        for (which, strange, later) in steps {
            now += later;
            onsets[which] = strange.then(|| onsets[which].unwrap_or(now));
            let seen = observation(now, onsets[which]);
            let event = alerts.observe(at(now), &series[which], &seen);
            take(&alerts, event);
            while let Some(event) = alerts.poll_forgotten(at(now)) {
                take(&alerts, Some(event));
            }
        }
        while let Some(event) = alerts.poll_forgotten(at(now + 60)) {
            take(&alerts, Some(event));
        }
        assert!(alerts.restless.is_empty() && alerts.incidents.is_empty());
        assert!(alerts.groups.is_empty() && alerts.links.is_empty(), "nothing is left behind");
        let stats = alerts.stats();
        assert_eq!(stats.raised, stats.cleared);
    }
}
