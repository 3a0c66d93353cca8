//! What does a record cost from its append until a cursor has read it?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::{Config, Disk, Sync, Wal};
use popkit_benches::syslog::MESSAGES;

const RECORDS: u64 = 4096;

fn append_and_read(criterion: &mut Criterion) {
    let record = MESSAGES[0].1.as_bytes();
    let mut group = criterion.benchmark_group("wal/4096 of 256 B");
    group.throughput(Throughput::Elements(RECORDS));
    group.sample_size(20);
    for (name, sync) in [("no sync", Sync::None), ("durable", Sync::Durable)] {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let disk = Disk::open(directory.path()).expect("the directory is there");
        let wal = Wal::open(disk, Config::default().sync(sync)).expect("it is empty");
        let mut cursor = Cursor::open(&wal, "sink", Start::Oldest).expect("nobody has it open");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut last = None;
                for at in 0..RECORDS {
                    last =
                        Some(wal.append(1, at, &[black_box(record)]).expect("the disk has room"));
                }
                if let Some(receipt) = last {
                    receipt.wait().expect("the disk can be written");
                }
                for _ in 0..RECORDS {
                    let record =
                        cursor.wait_next().expect("the disk can be read").expect("it is open");
                    if record.seq.is_multiple_of(RECORDS) {
                        cursor.commit(record.position).expect("the disk can be written");
                    }
                    black_box(record);
                }
            });
        });
        drop(cursor);
        wal.close().expect("the disk can be written");
    }
    group.finish();
}

criterion_group!(benches, append_and_read);
criterion_main!(benches);
