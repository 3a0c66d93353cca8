//! What statsd datagrams become at each flush.
#![cfg(feature = "feeds")]

use std::collections::BTreeMap;

use anomaly::feed::Statsd;
use anomaly::{Labels, UnixNanos};

fn flush(statsd: &mut Statsd, second: i64) -> BTreeMap<String, f64> {
    let samples = statsd.flush(UnixNanos::new(second * 1_000_000_000));
    samples.into_iter().map(|(labels, sample)| (labels.to_string(), sample.value)).collect()
}

#[test]
fn every_type_becomes_its_series() {
    let mut statsd = Statsd::new(Labels::new([("source", "statsd")]));
    assert!(flush(&mut statsd, 0).is_empty());
    let datagram = "hits:1|c\nhits:2|c|@0.1|#env:prod\nhits:3|c|@0.1|#env:prod\n\
                    depth:10|g\ndepth:-3|g\ndepth:+1|g\n\
                    took:10:20:30|ms|@0.5\nusers:ada|s\nusers:bob|s\nusers:ada|s\n";
    assert_eq!(statsd.handle_datagram(datagram.as_bytes()), None);
    let got = flush(&mut statsd, 10);
    let value = |labels: &str| got[&format!("{{{labels}, source=\"statsd\"}}")];
    assert_eq!(value(r#"metric="hits", of="rate""#), 0.1);
    assert_eq!(value(r#"env="prod", metric="hits", of="rate""#), 5.0);
    assert_eq!(value(r#"metric="depth""#), 8.0);
    assert_eq!(value(r#"metric="took", of="rate""#), 0.6);
    assert!((value(r#"metric="took", of="p50""#) / 20.0 - 1.0).abs() < 0.03);
    assert!((value(r#"metric="took", of="p99""#) / 30.0 - 1.0).abs() < 0.03);
    assert_eq!(value(r#"metric="users", of="members""#), 2.0);
    // Nothing came: counters and sets say so, gauges keep what they were.
    let got = flush(&mut statsd, 20);
    let value = |labels: &str| got[&format!("{{{labels}, source=\"statsd\"}}")];
    assert_eq!(value(r#"metric="hits", of="rate""#), 0.0);
    assert_eq!(value(r#"metric="depth""#), 8.0);
    assert_eq!(value(r#"metric="users", of="members""#), 0.0);
    assert_eq!(got.len(), 5, "no quantiles of nothing: {got:?}");
    for second in 3..64 {
        flush(&mut statsd, second * 10);
    }
    assert!(flush(&mut statsd, 700).is_empty(), "forgotten");
}

#[test]
fn mistakes_cost_their_line_and_floods_bounded_room() {
    let mut statsd = Statsd::new(Labels::default()).most_series(10);
    let error = statsd.handle_datagram(b"a:1|c\nnonsense\n_sc|x|0\n\xff:1|c\nb:1|c\n\n");
    assert_eq!(error.map(anomaly::feed::StatsdError::label), Some("type"));
    for i in 0..1_000 {
        statsd.handle_datagram(format!("x{i}:1e308|c|@0.001").as_bytes());
        statsd.handle_datagram(format!("a:{i}|s").as_bytes());
    }
    let stats = statsd.stats();
    assert_eq!(stats.malformed, 3);
    assert!(stats.refused > 900, "{stats:?}");
    flush(&mut statsd, 0);
    assert!(flush(&mut statsd, 10).values().all(|value| value.is_finite()));
}
