//! What does a push cost, against peers with the same memory?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use popkit_benches::rings::candidates;

fn push(criterion: &mut Criterion) {
    for memory in [16_usize << 20, 256 << 20] {
        for len in [64, 512, 1500, 9000] {
            let mut group = criterion.benchmark_group(format!("push/{}MiB/{len}B", memory >> 20));
            group.throughput(Throughput::Bytes(len as u64));
            let bytes = vec![7; len];
            for mut candidate in candidates(memory, len) {
                candidate.push((memory / len * 2) as u64, &bytes);
                group.bench_function(BenchmarkId::from_parameter(candidate.name()), |bencher| {
                    bencher.iter(|| candidate.push(1, black_box(&bytes)));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, push);
criterion_main!(benches);
