//! What does parsing a message cost, against peers that read the same grammars?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_pipeline::message::payload::Payload;
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::timestamp::Timestamp;
use popkit_benches::syslog::{JSON, MESSAGES};
use syslog_loose::Variant;

fn parsers(criterion: &mut Criterion) {
    let policy = Policy { year: Year::Fixed(2026), ..Policy::default() };
    let received = Timestamp::from_unix_ns(1_790_000_000_000_000_000);
    for (name, text) in MESSAGES {
        let mut group = criterion.benchmark_group(format!("parse/{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("log-pipeline", |bencher| {
            bencher.iter(|| parse(black_box(text.as_bytes()), received, &policy).error.is_none());
        });
        // The year and zone are given, so that it does not ask the system for them.
        group.bench_function("syslog_loose", |bencher| {
            let zone = Some(chrono::Utc);
            bencher.iter(|| {
                let either = Variant::Either;
                syslog_loose::parse_message_with_year_tz(black_box(text), |_| 2026, zone, either)
            });
        });
        if name != "rfc3164" {
            group.bench_function("syslog_rfc5424", |bencher| {
                bencher.iter(|| syslog_rfc5424::parse_message(black_box(text)).is_ok());
            });
        }
        group.finish();
    }
}

fn payload(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("payload");
    group.throughput(Throughput::Bytes(JSON.len() as u64));
    group.bench_function("log-pipeline, every field", |bencher| {
        bencher.iter(|| {
            let payload = Payload::parse(black_box(JSON.as_bytes())).expect("it is one");
            payload.fields().count()
        });
    });
    group.bench_function("serde_json, value", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(JSON)).is_ok());
    });
    group.finish();
}

criterion_group!(benches, parsers, payload);
criterion_main!(benches);
