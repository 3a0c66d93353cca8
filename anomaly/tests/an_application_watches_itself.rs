//! The recorder layer: everything is handed on, and watched.
#![cfg(feature = "metrics")]

mod noise;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use anomaly::metrics::{Own, layer};
use anomaly::{Config, Event, Fleet, Labels, Policy};
use metrics::{NoopRecorder, counter, gauge, histogram, with_local_recorder};
use noise::{Noise, at};

fn look(own: &mut Own, second: f64) -> BTreeMap<String, f64> {
    let samples = own.look(at(second)).into_iter();
    samples.map(|(labels, sample)| (labels.to_string(), sample.value)).collect()
}

#[test]
fn each_kind_of_metric_becomes_its_series() {
    let (recorder, mut own) = layer(NoopRecorder);
    with_local_recorder(&recorder, || {
        counter!("hits_total", "code" => "200").increment(7);
        gauge!("depth").set(3.0);
        gauge!("depth").increment(1.5);
        gauge!("depth").decrement(0.5);
        let _ = gauge!("untouched");
        assert_eq!(look(&mut own, 0.0), [(r#"{metric="depth"}"#.to_owned(), 4.0)].into());
        counter!("hits_total", "code" => "200").increment(20);
        for i in 1..=100 {
            histogram!("took_seconds").record(f64::from(i) / 100.0);
        }
        gauge!("untouched").increment(1.0);
    });
    let got = look(&mut own, 10.0);
    assert_eq!(got[r#"{code="200", metric="hits_total", of="rate"}"#], 2.0);
    assert_eq!(got[r#"{metric="untouched"}"#], 1.0);
    assert_eq!(got[r#"{metric="took_seconds", of="rate"}"#], 10.0);
    let p99 = got[r#"{metric="took_seconds", of="p99"}"#];
    assert!((p99 / 0.99 - 1.0).abs() < 0.03, "{p99}");
    // Values are of their own interval.
    let got = look(&mut own, 20.0);
    assert_eq!(got[r#"{metric="took_seconds", of="rate"}"#], 0.0);
    assert!(!got.contains_key(r#"{metric="took_seconds", of="p99"}"#));
}

#[test]
fn what_is_recorded_reaches_the_recorder_below() {
    let (below, mut lower) = layer(NoopRecorder);
    let (recorder, mut upper) = layer(below);
    with_local_recorder(&recorder, || {
        counter!("a").absolute(5);
        gauge!("b").set(2.0);
        histogram!("c").record(1.0);
        look(&mut upper, 0.0);
        look(&mut lower, 0.0);
        counter!("a").absolute(9);
        counter!("a").absolute(8);
        histogram!("c").record(1.0);
    });
    let got = look(&mut upper, 1.0);
    assert_eq!(got, look(&mut lower, 1.0));
    assert_eq!(got[r#"{metric="a", of="rate"}"#], 4.0);
    assert_eq!(got.len(), 5, "{got:?}");
}

#[test]
fn a_change_of_ones_own_is_noticed() {
    let (recorder, mut own) = layer(NoopRecorder);
    let mut fleet = Fleet::new(Config::default(), Policy::default());
    let mut noise = Noise(5);
    with_local_recorder(&recorder, || {
        for second in 0..300 {
            let slow = if second >= 250 { 8.0 } else { 1.0 };
            for _ in 0..20 {
                histogram!("took_seconds").record(slow * (1.0 + 0.1 * noise.normal()));
            }
            counter!("done_total").increment(20);
            for (labels, sample) in own.look(at(f64::from(second))) {
                fleet.observe(&labels, sample);
            }
        }
    });
    let raised: Vec<_> = std::iter::from_fn(|| fleet.poll_event())
        .filter_map(|event| if let Event::Raised(alert) = event { Some(alert) } else { None })
        .collect();
    let quantile = |of: &str| Labels::new([("metric", "took_seconds"), ("of", of)]);
    for of in ["p50", "p99"] {
        assert!(raised.iter().any(|alert| alert.labels == quantile(of)), "{raised:?}");
    }
}

#[test]
fn a_thread_watches_and_ends() {
    let (recorder, own) = layer(NoopRecorder);
    let (told, events) = mpsc::channel();
    let config = Config::default().learning(10).scale_floor(0.5);
    let watching =
        own.spawn(Fleet::new(config, Policy::default()), Duration::from_millis(5), move |event| {
            told.send(event.alert().labels.to_string()).expect("somebody listens");
        });
    with_local_recorder(&recorder, || {
        let mut level = 0.0;
        let first = loop {
            gauge!("level").set(level);
            match events.recv_timeout(Duration::from_millis(300)) {
                Ok(labels) => break labels,
                Err(_) => level += 100.0,
            }
            assert!(level < 2_000.0, "nothing was noticed");
        };
        assert_eq!(first, r#"{metric="level"}"#);
    });
    drop(watching);
    while events.try_recv().is_ok() {}
    assert_eq!(events.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}
