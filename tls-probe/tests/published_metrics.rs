//! What is published, under which names and labels, and that each name is described.

#![cfg(all(feature = "metrics", feature = "passive"))]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use common::wire::{From::*, *};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tls_probe::Config;

/// A recorder that remembers the last value of each series.
#[derive(Default)]
struct Notes {
    values: Arc<Mutex<BTreeMap<String, f64>>>,
    described: Mutex<BTreeSet<String>>,
}

struct Series(String, Arc<Mutex<BTreeMap<String, f64>>>);

impl Series {
    fn note(&self, change: impl Fn(f64) -> f64) {
        let mut values = self.1.lock().unwrap();
        let value = values.entry(self.0.clone()).or_default();
        *value = change(*value);
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.note(|value| value + by as f64);
    }
    fn absolute(&self, value: u64) {
        self.note(|_| value as f64);
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        self.note(|value| value + by);
    }
    fn decrement(&self, by: f64) {
        self.note(|value| value - by);
    }
    fn set(&self, value: f64) {
        self.note(|_| value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.note(|_| value);
    }
}

impl Notes {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
        let name = format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","));
        Arc::new(Series(name, Arc::clone(&self.values)))
    }

    fn describe(&self, name: &KeyName) {
        self.described.lock().unwrap().insert(name.as_str().to_owned());
    }
}

impl Recorder for Notes {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }
    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }
    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[test]
fn a_handshake_and_a_table() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(110 * MS, C, &client_hello(0));
    play.data(112 * MS, S, &flight13(900));
    play.ack(122 * MS, C);
    play.data(123 * MS, C, &finished13());
    let report = play.report();
    play.send(200 * MS, C, SYN, &[]);
    let notes = Notes::default();
    metrics::with_local_recorder(&notes, || {
        tls_probe::metrics::describe();
        tls_probe::metrics::publish(&report);
        tls_probe::metrics::publish_table(&play.table.stats());
    });
    let values = notes.values.lock().unwrap();
    for (series, want) in [
        ("tls_probe_phase_duration_seconds{phase=tcp}", 0.01),
        ("tls_probe_phase_duration_seconds{phase=client_hello}", 0.1),
        ("tls_probe_phase_duration_seconds{phase=server_flight}", 0.002),
        ("tls_probe_phase_duration_seconds{phase=client_flight}", 0.011),
        ("tls_probe_phase_duration_seconds{phase=total}", 0.123),
        ("tls_probe_idle_seconds{side=client}", 0.101),
        ("tls_probe_idle_seconds{side=server}", 0.002),
        ("tls_probe_idle_seconds{side=network}", 0.02),
        ("tls_probe_handshakes_total{outcome=established}", 1.0),
        ("tls_probe_verdicts_total{verdict=client}", 1.0),
        ("tls_probe_packets_total{}", 8.0),
        ("tls_probe_flows_total{}", 2.0),
        ("tls_probe_followed_flows{}", 1.0),
    ] {
        assert_eq!(values.get(series), Some(&want), "{series} in {values:#?}");
    }
    assert!(values["tls_probe_held_bytes{}"] > 0.0);
    let described = notes.described.lock().unwrap();
    let names = values.keys().map(|series| series.split('{').next().expect("a name"));
    for name in names {
        assert!(described.contains(name), "{name} is not described");
        assert!(name.starts_with("tls_probe_"));
    }
}
