//! What does following handshakes cost a packet? A mix of 10,000 connections, five packets of a hundred of
//! new handshakes; then a handshake alone.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use popkit_benches::mix::{Mix, mix};
use tls_probe::{Config, LinkType, Table};

fn follow(mix: &Mix) -> usize {
    let mut table = Table::new(Config::default());
    let mut reports = 0;
    for (at_ns, frame) in mix {
        table.packet(*at_ns, LinkType::Ethernet, black_box(frame), frame.len() as u32);
        while table.poll_report().is_some() {
            reports += 1;
        }
    }
    reports
}

fn passive(criterion: &mut Criterion) {
    let mix = mix(100_000).expect("the demo's recording is in the repository");
    let (bulk, beginning): (Mix, Mix) =
        mix.iter().cloned().partition(|(_, frame)| frame.len() > 1_500);
    let mut group = criterion.benchmark_group("passive");
    for (name, packets) in [("mix", &mix), ("bulk alone", &bulk), ("handshakes alone", &beginning)]
    {
        assert_eq!(follow(packets) > 0, name != "bulk alone", "{name}");
        group.throughput(Throughput::Elements(packets.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| follow(packets)));
    }
    group.finish();
}

criterion_group!(benches, passive);
criterion_main!(benches);
