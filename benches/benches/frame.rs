//! How fast do frames come out of a stream?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_pipeline::frame::Decoder;
use popkit_benches::syslog::MESSAGES;

/// Frames of a read of 256 KiB, the most the relay reads at once.
fn count(stream: &[u8], read: usize) -> usize {
    let mut decoder = Decoder::default();
    let mut bytes = 0;
    for mut input in stream.chunks(read) {
        while let Some(frame) = decoder.next(&mut input) {
            bytes += frame.bytes.len();
        }
    }
    bytes
}

fn framing(criterion: &mut Criterion) {
    let text = MESSAGES[0].1;
    let mut group = criterion.benchmark_group("frame/256 B");
    for (name, frame) in [
        ("lf", format!("{text}\n")),
        ("crlf", format!("{text}\r\n")),
        ("octet counting", format!("{} {text}", text.len())),
    ] {
        let stream = frame.repeat(READ / frame.len());
        assert_eq!(count(stream.as_bytes(), READ), READ / frame.len() * text.len());
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| count(black_box(stream.as_bytes()), READ));
        });
        group.bench_function(format!("{name}, reads of 1500 B"), |bencher| {
            bencher.iter(|| count(black_box(stream.as_bytes()), 1500));
        });
    }
    group.finish();
}

const READ: usize = 256 << 10;

criterion_group!(benches, framing);
criterion_main!(benches);
