//! Every interleaving of small rings: publication, recycling against pins, the spare block.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p ring-capture --release --test loom`. The model checker sees
//! each byte of the arena through shadow cells (`sync.rs`), so that an unordered access fails here.

#![cfg(loom)]

use loom::thread;
use ring_capture::{Config, Meta, Producer, PushError, Record, Ring, Window};

/// A record that fills a block, so that blocks turn over with every push.
fn push(producer: &mut Producer, number: u64) -> Result<(), PushError> {
    let meta = Meta { timestamp_ns: number, flow: 1, user: number as u32, ..Meta::default() };
    producer.push(&meta, &[number as u8; LEN]).map(|_| ())
}

fn check(record: &Record<'_>) -> u64 {
    let number = record.meta.timestamp_ns;
    assert_eq!(record.meta.user, number as u32);
    assert_eq!(record.bytes, [number as u8; LEN]);
    number
}

fn scan(ring: &Ring) -> Vec<u64> {
    let mut scan = ring.scan(&Window::ALL, |_| true);
    let mut seen = Vec::new();
    while let Some(record) = scan.next() {
        seen.push(check(&record));
    }
    seen
}

fn extract(ring: &Ring) -> Vec<u64> {
    let mut extract = ring.extract(1, &Window::ALL);
    let mut seen = Vec::new();
    while let Some(record) = extract.next() {
        seen.push(check(&record));
    }
    seen
}

fn ring(producers: usize, blocks: usize) -> (Ring, Vec<Producer>) {
    let config = Config::default()
        .bytes(blocks * producers * BLOCK)
        .block_bytes(BLOCK)
        .producers(producers)
        .seed(1);
    Ring::new(&config).expect("small blocks")
}

fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}

/// A reader that comes while a record is being published sees all of it or nothing.
#[test]
fn publication() {
    explore(3, || {
        let (ring, mut producers) = ring(1, 3);
        let mut producer = producers.remove(0);
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || extract(&ring))
        };
        push(&mut producer, 1).expect("empty");
        push(&mut producer, 2).expect("room");
        let seen = reader.join().expect("the reader");
        assert!([&[][..], &[1], &[1, 2]].contains(&&seen[..]), "{seen:?}");
    });
}

/// The writer goes round the ring while a reader holds a block: the block stays as it was.
#[test]
fn recycling_against_a_pin() {
    explore(3, || {
        let (ring, mut producers) = ring(1, 3);
        let mut producer = producers.remove(0);
        push(&mut producer, 1).expect("empty");
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || scan(&ring))
        };
        for number in 2..5 {
            push(&mut producer, number).expect("one block is held at most");
        }
        let seen = reader.join().expect("the reader");
        assert!(seen.is_sorted(), "{seen:?}");
        // Current and one before; both others, where the reader moved on while the writer looked
        // for a spare and was in the way twice. Nobody was in the way for good.
        let seen = scan(&ring);
        assert!((2..=3).contains(&seen.len()) && seen.is_sorted(), "{seen:?}");
        assert_eq!(seen.last(), Some(&4), "{seen:?}");
    });
}

/// The writer recycles what an extraction is on its way to: it is found, or it is said to be gone.
#[test]
fn recycling_against_an_extraction() {
    explore(2, || {
        let (ring, mut producers) = ring(1, 3);
        let mut producer = producers.remove(0);
        push(&mut producer, 1).expect("empty");
        push(&mut producer, 2).expect("room");
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || extract(&ring))
        };
        push(&mut producer, 3).expect("one block is held at most");
        let seen = reader.join().expect("the reader");
        assert!(seen.is_sorted(), "{seen:?}");
        assert_eq!(scan(&ring).last(), Some(&3));
    });
}

/// Two producers and two readers, one by scan and one by index.
#[test]
fn two_producers_two_readers() {
    explore(2, || {
        let (ring, mut producers) = ring(2, 3);
        let mut second = producers.remove(1);
        let mut first = producers.remove(0);
        push(&mut first, 1).expect("empty");
        let writer = thread::spawn(move || {
            push(&mut second, 2).expect("empty");
        });
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || extract(&ring))
        };
        push(&mut first, 3).expect("room");
        let seen = scan(&ring);
        assert!(seen.contains(&1) && seen.is_sorted(), "{seen:?}");
        let seen = reader.join().expect("the reader");
        assert!(seen.contains(&1) && seen.is_sorted(), "{seen:?}");
        writer.join().expect("the writer");
        assert_eq!(scan(&ring), [1, 2, 3]);
        assert_eq!(ring.stats().pins, 0);
    });
}

/// With all blocks held, a push is refused and not torn; when one is let go, the writer goes on.
#[test]
fn two_readers_may_hold_what_the_writer_wants() {
    explore(2, || {
        let (ring, mut producers) = ring(1, 3);
        let mut producer = producers.remove(0);
        push(&mut producer, 1).expect("empty");
        push(&mut producer, 2).expect("room");
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let ring = ring.clone();
                thread::spawn(move || scan(&ring))
            })
            .collect();
        for number in 3..5 {
            match push(&mut producer, number) {
                Ok(()) | Err(PushError::AllPinned) => {}
                Err(other) => panic!("{other}"),
            }
        }
        for reader in readers {
            let seen = reader.join().expect("a reader");
            assert!(seen.is_sorted(), "{seen:?}");
        }
        push(&mut producer, 5).expect("nobody holds a block");
        assert_eq!(scan(&ring).last(), Some(&5));
    });
}

/// One record to a block: the smallest ring turns over with every push.
const LEN: usize = BLOCK - 48;
const BLOCK: usize = 64;
