//! The ring against its peers as ratios: `cargo run --release --bin ring_report`.
//!
//! CPU time of the thread, every candidate in turn round after round, medians. Takes some minutes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use popkit_benches::clock::{cpu_time, median_and_spread};
use popkit_benches::rings::{Candidate, FLOWS, Ours, candidates};
use ring_capture::Window;

fn main() {
    println!("| memory | record | candidate | ns a record | × memcpy | spread |");
    println!("|---|---|---|---|---|---|");
    for memory in [16 << 20, 256 << 20] {
        for len in [64, 512, 1500, 9000] {
            push(memory, len);
        }
    }
    println!();
    with_readers();
    extract();
}

fn push(memory: usize, len: usize) {
    let bytes = vec![7; len];
    let mut candidates = candidates(memory, len);
    // Once round, so that no page is new and every queue is full.
    let round = (memory / len) as u64;
    for candidate in &mut candidates {
        candidate.push(round * 2, &bytes);
    }
    let count = round.clamp(20_000, 200_000);
    let mut taken = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for (candidate, taken) in candidates.iter_mut().zip(&mut taken) {
            taken.push(nanoseconds(|| candidate.push(count, &bytes)) / count as f64);
        }
    }
    let mut floor = None;
    for (candidate, taken) in candidates.iter().zip(&mut taken) {
        let (median, spread) = median_and_spread(taken);
        let floor = *floor.get_or_insert(median);
        let (name, mebibytes) = (candidate.name(), memory >> 20);
        let (ratio, spread) = (median / floor, spread * 100.0);
        println!(
            "| {mebibytes} MiB | {len} B | {name} | {median:.1} | {ratio:.2} | {spread:.0} % |"
        );
    }
}

/// The writer alone, and beside four threads that scan without pause.
fn with_readers() {
    let mut ours = Ours::new(64 << 20);
    let bytes = vec![7; 512];
    ours.push(400_000, &bytes);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(nanoseconds(|| ours.push(100_000, &bytes)) / 1e5);
        let (stop, ring) = (AtomicBool::new(false), ours.ring.clone());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut scan = ring.scan(&Window::ALL, |_| true);
                        while !stop.load(Ordering::Relaxed) && scan.next().is_some() {
                            std::hint::spin_loop();
                        }
                    }
                });
            }
            beside.push(nanoseconds(|| ours.push(100_000, &bytes)) / 1e5);
            stop.store(true, Ordering::Relaxed);
        });
    }
    let (alone, _) = median_and_spread(&mut alone);
    let (beside, spread) = median_and_spread(&mut beside);
    println!(
        "Writer of 512 B beside 4 scanning readers: {beside:.1} ns a record, {:.2} × alone ({alone:.1} ns), spread {:.0} %",
        beside / alone,
        spread * 100.0
    );
    assert_eq!(ours.ring.stats().dropped_pinned, 0, "readers cost no record");
}

/// Thirty packets of one flow out of 256 MiB of ten thousand flows, by the index and by a scan.
fn extract() {
    let mut ours = Ours::new(256 << 20);
    let bytes = vec![7; 850];
    ours.push(2 * (256 << 20) / 900, &bytes);
    let (mut indexed, mut scanned) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u64 * 4 {
        // Another flow each time: what was read before is in the cache.
        let flow = Ours::flow(round * 997);
        let mut found = 0;
        indexed.push(nanoseconds(|| {
            let mut extract = ours.ring.extract(flow, &Window::ALL);
            while let Some(record) = extract.next() {
                found += usize::from(record.bytes[0] == 7);
            }
        }));
        assert!((20..=40).contains(&found), "{found} records of the flow");
        if round % 8 == 0 {
            scanned.push(nanoseconds(|| {
                let mut scan = ours.ring.scan(&Window::ALL, |r| r.meta.flow == flow);
                while scan.next().is_some() {
                    found -= 1;
                }
            }));
            assert_eq!(found, 0, "the scan finds the same");
        }
    }
    let (indexed, spread) = median_and_spread(&mut indexed);
    let (scanned, _) = median_and_spread(&mut scanned);
    println!(
        "About 30 packets out of 256 MiB and {FLOWS} flows: {:.1} µs by the index (spread {:.0} %), {:.2} ms by a scan: {:.0} ×",
        indexed / 1e3,
        spread * 100.0,
        scanned / 1e6,
        scanned / indexed
    );
}

fn nanoseconds(work: impl FnOnce()) -> f64 {
    let begin = cpu_time();
    work();
    cpu_time().saturating_sub(begin).max(Duration::from_nanos(1)).as_nanos() as f64
}

const ROUNDS: usize = 15;
