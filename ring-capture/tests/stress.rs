//! Writers at full speed beside readers: every byte that a reader sees is the one written there.

#![cfg(not(loom))]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use ring_capture::{Config, Meta, Producer, Record, Ring, Window};

/// Every byte follows from the record's number, so that a torn or mixed-up record shows.
fn payload(number: u64, len: usize, into: &mut Vec<u8>) {
    into.clear();
    let mut x = number | 1;
    into.extend((0..len).map(|i| {
        x = x.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(i as u64);
        (x >> 56) as u8
    }));
}

fn len_of(number: u64) -> usize {
    (number.wrapping_mul(0x9e37_79b9) >> 7) as usize % 1_600
}

fn flow_of(number: u64) -> u64 {
    (number % 97).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn check(record: &Record<'_>, scratch: &mut Vec<u8>) -> u64 {
    let number = record.meta.timestamp_ns;
    assert_eq!(record.meta.flow, flow_of(number));
    assert_eq!(record.meta.user, number as u32);
    payload(number, len_of(number), scratch);
    assert_eq!(record.bytes, scratch.as_slice(), "record {number}");
    number
}

fn write(producer: &mut Producer, first: u64, count: u64) {
    let mut bytes = Vec::new();
    for number in first..first + count {
        payload(number, len_of(number), &mut bytes);
        let meta = Meta {
            timestamp_ns: number,
            flow: flow_of(number),
            user: number as u32,
            ..Meta::default()
        };
        producer.push(&meta, &bytes).expect("readers hold one block each");
    }
}

#[test]
fn readers_never_see_a_torn_record_and_never_cost_one() {
    // Miri is some thousand times slower; it looks for undefined behaviour, not for races of time.
    let count = if cfg!(miri) { 40 } else { 60_000 };
    let config = Config::default().bytes(2 * 16 * 4096).block_bytes(4096).producers(2);
    let (ring, producers) = Ring::new(&config).expect("sixteen small blocks each");
    let (done, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..)
            .zip(producers)
            .map(|(i, mut p)| scope.spawn(move || write(&mut p, 1 + i * 1_000_000_000, count)))
            .collect();
        for reader in 0..if cfg!(miri) { 2 } else { 4 } {
            let (ring, done, seen) = (&ring, &done, &seen);
            scope.spawn(move || {
                let mut scratch = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    read_all(ring, reader, &mut scratch, seen);
                }
            });
        }
        for writer in writers {
            writer.join().expect("a writer");
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut scratch = Vec::new();
    read_all(&ring, 0, &mut scratch, &seen);
    let stats = ring.stats();
    assert_eq!(stats.pushed, 2 * count);
    assert_eq!(stats.dropped_pinned, 0);
    assert_eq!(stats.pins, 0, "every hold was given back");
    assert!(seen.load(Ordering::Relaxed) > 0);
}

fn read_all(ring: &Ring, reader: u64, scratch: &mut Vec<u8>, seen: &AtomicU64) {
    if reader.is_multiple_of(2) {
        let mut scan = ring.scan(&Window::ALL, |_| true);
        while let Some(record) = scan.next() {
            check(&record, scratch);
            seen.fetch_add(1, Ordering::Relaxed);
        }
    } else {
        let mut extract = ring.extract(flow_of(reader), &Window::ALL);
        let mut before = 0;
        while let Some(record) = extract.next() {
            let number = check(&record, scratch);
            assert!(number > before, "in time order, none twice");
            before = number;
            seen.fetch_add(1, Ordering::Relaxed);
        }
    }
}
