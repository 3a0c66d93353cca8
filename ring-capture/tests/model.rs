//! The ring against a slow obvious model: a list of everything that was ever pushed.

#![cfg(not(loom))]

use proptest::prelude::*;
use ring_capture::{Config, Direction, Meta, Producer, Record, Ring, Window};

/// What was pushed, in the order of pushing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pushed {
    at_ns: u64,
    producer: u16,
    order: u32,
    flow: u64,
    bytes: Vec<u8>,
}

/// (producer, flow, bytes, nanoseconds since the push before)
fn pushes() -> impl Strategy<Value = Vec<(u16, u64, usize, u64)>> {
    let flow = prop_oneof![3 => 0_u64..4, 1 => Just(64), 1 => Just(128), 1 => any::<u64>()];
    let len = prop_oneof![0_usize..200, 0_usize..4048];
    prop::collection::vec((0_u16..2, flow, len, 0_u64..5), 0..400)
}

fn push(producer: &mut Producer, record: &Pushed) {
    let meta = Meta {
        timestamp_ns: record.at_ns,
        original_len: 9_000,
        flow: record.flow,
        user: record.order,
        interface: record.producer,
        direction: Direction::Inbound,
    };
    producer.push(&meta, &record.bytes).expect("no reader holds a block");
}

fn pushed(record: &Record<'_>) -> Pushed {
    assert_eq!(record.meta.original_len, 9_000);
    assert_eq!(record.meta.direction, Direction::Inbound);
    Pushed {
        at_ns: record.meta.timestamp_ns,
        producer: record.meta.interface,
        order: record.meta.user,
        flow: record.meta.flow,
        bytes: record.bytes.to_vec(),
    }
}

fn fill(pushes: &[(u16, u64, usize, u64)]) -> (Ring, Vec<Pushed>) {
    let config = Config::default().bytes(2 * 5 * 4096).block_bytes(4096).producers(2);
    let (ring, mut producers) = Ring::new(&config).expect("five small blocks each");
    let mut model = Vec::new();
    let mut now = 1_000;
    for (order, &(producer, flow, len, wait)) in (0..).zip(pushes) {
        now += wait;
        let bytes = (0..len).map(|i| (order as usize * 31 + i) as u8).collect();
        let record = Pushed { at_ns: now, producer, order, flow, bytes };
        push(&mut producers[usize::from(producer)], &record);
        model.push(record);
    }
    (ring, model)
}

/// What the ring must still hold of one producer: its newest records, in whole blocks.
fn kept(model: &[Pushed], producer: u16) -> Vec<Pushed> {
    let mut blocks: Vec<(usize, Vec<Pushed>)> = Vec::new();
    for record in model.iter().filter(|r| r.producer == producer) {
        let size = 40 + record.bytes.len().next_multiple_of(8);
        match blocks.last_mut() {
            Some((used, block)) if *used + size <= 4096 => {
                *used += size;
                block.push(record.clone());
            }
            _ => blocks.push((size, vec![record.clone()])),
        }
    }
    // Of five blocks one is the spare.
    let gone = blocks.len().saturating_sub(4);
    blocks.drain(..gone);
    blocks.into_iter().flat_map(|(_, block)| block).collect()
}

proptest! {
    #[test]
    fn a_scan_gives_the_newest_blocks_whole_and_in_order(pushes in pushes()) {
        let (ring, model) = fill(&pushes);
        let mut want = kept(&model, 0);
        want.extend(kept(&model, 1));
        want.sort();
        let mut scan = ring.scan(&Window::ALL, |_| true);
        let mut got = Vec::new();
        while let Some(record) = scan.next() {
            got.push(pushed(&record));
        }
        prop_assert!(got.is_sorted_by_key(|r| r.at_ns));
        got.sort();
        prop_assert_eq!(got, want);
        prop_assert_eq!(ring.stats().pushed, model.len() as u64);
        prop_assert!(ring.stats().pins <= 1, "a reader holds one block at a time");
    }

    #[test]
    fn an_extract_is_the_scan_of_one_flow(
        pushes in pushes(),
        flow in prop_oneof![0_u64..4, Just(64), any::<u64>()],
        from in 1_000_u64..1_500,
        span in 0_u64..800,
    ) {
        let (ring, _) = fill(&pushes);
        let window = Window { from_ns: from, until_ns: from + span };
        let mut scan = ring.scan(&window, |r| r.meta.flow == flow);
        let mut want = Vec::new();
        while let Some(record) = scan.next() {
            want.push(pushed(&record));
        }
        drop(scan);
        let mut extract = ring.extract(flow, &window);
        let mut got = Vec::new();
        while let Some(record) = extract.next() {
            got.push(pushed(&record));
        }
        prop_assert!(!extract.truncated());
        prop_assert!(got.is_sorted_by_key(|r| r.at_ns));
        got.sort();
        want.sort();
        prop_assert_eq!(got, want);
        drop(extract);
        prop_assert_eq!(ring.stats().pins, 0);
    }

    #[test]
    fn history_is_what_every_producer_still_has(pushes in pushes()) {
        let (ring, model) = fill(&pushes);
        let kept = [kept(&model, 0), kept(&model, 1)];
        let oldest = kept.iter().filter_map(|k| k.first()).map(|r| r.at_ns).max();
        let newest = kept.iter().filter_map(|k| k.last()).map(|r| r.at_ns).max();
        let history = ring.history();
        prop_assert_eq!(history.map(|h| h.oldest_ns), oldest);
        prop_assert_eq!(history.map(|h| h.newest_ns), newest);
    }

    #[test]
    fn steps_that_run_out_are_said(pushes in pushes(), steps in 0_usize..40) {
        let (ring, _) = fill(&pushes);
        let all = ring.extract(1, &Window::ALL).remaining();
        let some = ring.extract_within(1, &Window::ALL, steps);
        prop_assert!(some.remaining() <= steps);
        prop_assert!(some.truncated() || some.remaining() == all);
    }
}
