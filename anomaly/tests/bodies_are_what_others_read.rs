//! Notices as JSON Lines, for Alertmanager, PagerDuty and Slack.
#![cfg(feature = "sinks")]

mod noise;

use std::time::Duration;

use anomaly::sink::{Alertmanager, Secret, json_line, pagerduty, slack};
use anomaly::{Config, Dispatch, Fleet, Labels, Notice, Policy, Sample, Status, UnixNanos};
use noise::{Noise, at};
use serde_json::Value;

/// Two hosts of a site whose load shifts, and what is told of it.
fn notices() -> Vec<Notice> {
    let policy = Policy::default().group_by(["site"]).clear_after(Duration::from_secs(5));
    let mut fleet = Fleet::new(Config::default(), policy);
    let mut dispatch = Dispatch::new().wait(Duration::from_secs(5));
    let (mut noise, mut notices) = (Noise(3), Vec::new());
    for second in 0..250 {
        let now = at(f64::from(second));
        for host in ["a", "<b>&\"c\""] {
            let labels = Labels::new([("host", host), ("site", "bonn"), ("net.name", "x")]);
            let moved = if (200..220).contains(&second) { 5.0 } else { 0.0 };
            let value = 0.2 * noise.normal() + moved;
            fleet.observe(&labels, Sample::new(now, value));
        }
        while let Some(event) = fleet.poll_event() {
            dispatch.handle_event(now, &event);
        }
        dispatch.handle_timeout(now, fleet.alerts().active());
        notices.extend(std::iter::from_fn(|| dispatch.poll_notice()));
    }
    notices
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_line_says_everything_in_our_units() {
    let notices = notices();
    assert_eq!(notices.len(), 2, "{notices:?}");
    let lines = notices.iter().map(json_line).collect::<Vec<_>>();
    assert!(lines.iter().all(|line| !line.contains('\n')));
    let [firing, resolved] = [parsed(&lines[0]), parsed(&lines[1])];
    assert_eq!((&firing["status"], &resolved["status"]), (&"firing".into(), &"resolved".into()));
    assert_eq!(firing["id"], resolved["id"]);
    let onset = firing["onset_ns"].as_i64().expect("an instant");
    assert!((onset - at(200.0).as_nanos()).abs() <= 3_000_000_000, "{onset}");
    assert!(firing.get("cleared_at_ns").is_none());
    assert!(resolved["cleared_at_ns"].as_i64().expect("an instant") > at(220.0).as_nanos());
    assert_eq!(firing["series"].as_array().map(Vec::len), Some(2));
    assert_eq!(firing["group"]["site"], "bonn");
    assert!(firing["origins"][0]["deviation"].as_f64().is_some_and(|d| d > 2.0), "{firing}");
    for number in ["expected", "lower", "upper", "seen", "size", "confidence"] {
        assert!(firing[number].is_f64(), "{number}: {firing}");
    }
    assert!(firing["summary"].as_str().is_some_and(|text| text.contains("where")));
}

#[test]
fn alertmanager_gets_stable_labels_and_an_end_that_moves() {
    let notices = notices();
    let sink = Alertmanager::new(Duration::from_mins(1))
        .extra(Labels::new([("severity", "page"), ("2nd-key", "v")]))
        .generator("http://localhost/");
    let now = at(230.0);
    let body = parsed(&sink.body(now, &notices));
    let [firing, resolved] = &body.as_array().expect("a list")[..] else { panic!("{body}") };
    assert_eq!(firing["labels"], resolved["labels"]);
    let expected = serde_json::json!({
        "alertname": "BehaviourChanged", "site": "bonn", "severity": "page", "_nd_key": "v"
    });
    assert_eq!(firing["labels"], expected);
    assert_eq!(firing["endsAt"], "2023-11-14T22:21:10.000000000Z", "four minutes on");
    assert!(resolved["endsAt"].as_str() <= Some("2023-11-14T22:17:10.000000000Z"));
    assert!(firing["startsAt"].as_str() < resolved["endsAt"].as_str());
    assert_eq!(firing["generatorURL"], "http://localhost/");
    let annotations = firing["annotations"].as_object().expect("an object");
    assert!(annotations.values().all(Value::is_string), "as Alertmanager wants them");
    assert_eq!(annotations["series"], "2");
    // Cleared by clocks that disagree: over is over, but not before it began.
    let mut early = notices[1].clone();
    early.alert.cleared_at = Some(UnixNanos::new(0));
    let body = parsed(&sink.body(now, [&early]));
    assert_eq!(body[0]["endsAt"], body[0]["startsAt"]);
}

#[test]
fn chat_and_pager_are_told_in_their_words_and_within_their_bounds() {
    let mut notices = notices();
    let key = Secret::new("R0UTE");
    let [firing, resolved] = [&notices[0], &notices[1]].map(|n| parsed(&pagerduty(n, &key)));
    assert_eq!(
        (&firing["event_action"], &resolved["event_action"]),
        (&"trigger".into(), &"resolve".into())
    );
    assert_eq!(firing["dedup_key"], resolved["dedup_key"]);
    assert_eq!(firing["routing_key"], "R0UTE");
    assert_eq!(firing["payload"]["severity"], "error");
    let message = slack(&notices[0]);
    assert!(!message.contains("<b>") && message.contains("&lt;b&gt;&amp;"), "{message}");
    assert!(parsed(&message)["attachments"][0]["blocks"].as_array().is_some());

    let long = Labels::new([("host", "é".repeat(3_000))]);
    notices[0].alert.labels = long;
    notices[0].status = Status::Repeated;
    let body = parsed(&pagerduty(&notices[0], &key));
    let summary = body["payload"]["summary"].as_str().expect("text");
    assert_eq!(summary.chars().count(), 1_000);
    assert!(summary.ends_with('…'));
}
