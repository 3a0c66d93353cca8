//! What does it cost to get thirty packets out of ten thousand flows, by the index and by a scan?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use popkit_benches::rings::{Candidate, Ours};
use ring_capture::Window;

fn extract(criterion: &mut Criterion) {
    let memory = 256 << 20;
    let mut ours = Ours::new(memory);
    let bytes = vec![7; 850];
    // Twice round: each flow has about thirty records among the newest 256 MiB.
    ours.push((2 * memory / 900) as u64, &bytes);
    let mut group = criterion.benchmark_group("extract/256MiB/30 packets");
    let mut round = 0;
    // Another flow each time: what was read before is in the cache.
    let mut another = || {
        round += 997;
        Ours::flow(round)
    };
    group.bench_function(BenchmarkId::from_parameter("index"), |bencher| {
        bencher.iter(|| {
            let mut found = ours.ring.extract(another(), &Window::ALL);
            while let Some(record) = found.next() {
                black_box(record.bytes);
            }
        });
    });
    group.sample_size(10);
    group.bench_function(BenchmarkId::from_parameter("scan"), |bencher| {
        bencher.iter(|| {
            let flow = another();
            let mut found = ours.ring.scan(&Window::ALL, |record| record.meta.flow == flow);
            while let Some(record) = found.next() {
                black_box(record.bytes);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, extract);
criterion_main!(benches);
