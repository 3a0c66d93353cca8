//! A triggered flow is followed to its end, once, within every limit.

#![cfg(not(loom))]

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use ring_capture::{
    Accepted, Config, Cursor, Direction, FlowKey, Frame, LinkType, Meta, Producer, Rate, Recorder,
    RecorderConfig, Recording, Refused, Ring, Tap, Trigger, Window,
};

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn ring() -> (Ring, Tap) {
    let config = Config::default().bytes(64 << 10).block_bytes(4096);
    let (ring, mut producers) = Ring::new(&config).expect("sixteen small blocks");
    (ring, Tap::new(producers.remove(0)))
}

fn client(number: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, (number >> 8) as u8], 10_000 + (number & 0xff)))
}

fn flow(number: u16) -> FlowKey {
    FlowKey::tcp(client(number), "198.51.100.1:443".parse().expect("an address"))
}

/// A TCP packet of the client's, as raw IP.
fn packet(number: u16, flags: u8, payload: usize) -> Vec<u8> {
    let client = client(number);
    let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0];
    match client {
        SocketAddr::V4(v4) => ip.extend(v4.ip().octets()),
        SocketAddr::V6(_) => unreachable!("clients are IPv4"),
    }
    ip.extend([198, 51, 100, 1]);
    ip.extend(client.port().to_be_bytes());
    ip.extend([1, 187, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    ip.extend(vec![7; payload]);
    ip
}

fn push(tap: &mut Tap, at_ns: u64, bytes: &[u8]) {
    let frame = Frame {
        timestamp_ns: at_ns,
        original_len: bytes.len() as u32,
        link: LinkType::Raw,
        interface: 0,
        direction: Direction::Inbound,
        bytes,
    };
    tap.push(&frame).expect("nobody holds every block");
}

fn trigger(number: u16, at_ns: u64) -> Trigger {
    Trigger { source: Some(client(number).ip()), ..Trigger::new(flow(number), at_ns, "test") }
}

fn times(recording: &Recording) -> Vec<u64> {
    recording.packets.iter().map(|packet| packet.timestamp_ns).collect()
}

#[test]
fn a_flow_is_followed_for_its_time_even_if_the_ring_goes_round() {
    let (ring, mut tap) = ring();
    let mut recorder = Recorder::default();
    for ms in 0..10 {
        push(&mut tap, 10 * SECOND + ms * MS, &packet(1, 0x10, 10));
    }
    assert_eq!(recorder.trigger(trigger(1, 10 * SECOND + 9 * MS)), Ok(Accepted::Begun));
    for ms in 10..300 {
        push(&mut tap, 10 * SECOND + ms * MS, &packet(1, 0x10, 10));
        // Others, so many that the ring goes round every thirty milliseconds.
        push(&mut tap, 10 * SECOND + ms * MS, &packet(2, 0x10, 2000));
        if ms % 10 == 0 {
            recorder.handle_timeout(10 * SECOND + ms * MS, &ring);
        }
    }
    let recording = recorder.poll_recording().expect("a quarter of a second has passed");
    let want: Vec<u64> = (0..=259).map(|ms| 10 * SECOND + ms * MS).collect();
    assert_eq!(times(&recording), want);
    assert!(!recording.incomplete && !recording.truncated);
    assert!(recorder.poll_recording().is_none());
}

#[test]
fn a_flow_that_ends_is_complete_a_little_later() {
    let (ring, mut tap) = ring();
    let mut recorder = Recorder::new(RecorderConfig::default().linger(Duration::from_millis(5)));
    push(&mut tap, SECOND, &packet(1, 0x02, 0));
    recorder.trigger(trigger(1, SECOND)).expect("the first");
    push(&mut tap, SECOND + MS, &packet(1, 0x11, 0));
    push(&mut tap, SECOND + 3 * MS, &packet(1, 0x10, 0));
    recorder.handle_timeout(SECOND + 4 * MS, &ring);
    assert!(recorder.poll_recording().is_none(), "the last acknowledgement may be under way");
    assert_eq!(recorder.next_at_ns(), Some(SECOND + 6 * MS));
    recorder.handle_timeout(SECOND + 6 * MS, &ring);
    assert_eq!(recorder.poll_recording().map(|r| r.packets.len()), Some(3));
}

#[test]
fn a_recording_ends_at_its_limit_of_bytes_and_says_so() {
    let (ring, mut tap) = ring();
    let mut recorder = Recorder::new(RecorderConfig::default().max_flow_bytes(64 << 10));
    recorder.trigger(trigger(1, SECOND)).expect("the first");
    for step in 0..60 {
        push(&mut tap, SECOND + step * MS, &packet(1, 0x10, 2000));
        recorder.handle_timeout(SECOND + step * MS, &ring);
    }
    let recording = recorder.poll_recording().expect("at its limit");
    assert!(recording.truncated);
    assert_eq!(recording.packets.len(), (64 << 10) / 2040);
    assert_eq!(recorder.stats().truncated, 1);
}

#[test]
fn one_recording_a_flow_and_its_later_reasons() {
    let (ring, mut tap) = ring();
    let mut recorder = Recorder::default();
    push(&mut tap, SECOND, &packet(1, 0x10, 0));
    recorder.trigger(trigger(1, SECOND)).expect("the first");
    for _ in 0..100 {
        assert_eq!(recorder.trigger(trigger(1, SECOND + MS)), Ok(Accepted::Joined));
    }
    recorder.handle_timeout(2 * SECOND, &ring);
    let recording = recorder.poll_recording().expect("one");
    assert_eq!(recording.further_reasons.len(), 16, "the first few");
    assert!(recorder.poll_recording().is_none());
    assert_eq!(recorder.trigger(trigger(1, 2 * SECOND + MS)), Err(Refused::Quiet));
    assert_eq!(recorder.trigger(trigger(1, 4 * SECOND)), Ok(Accepted::Begun));
}

#[test]
fn rates_and_loads_are_limited_and_refusals_counted() {
    let config = RecorderConfig::default()
        .per_network(Rate { per_second: 1.0, burst: 2 })
        .per_kind(Rate { per_second: 1.0, burst: 3 })
        .max_active(5);
    let mut recorder = Recorder::new(config);
    let mut outcomes = Vec::new();
    for number in [0x001, 0x002, 0x003, 0x101, 0x102] {
        outcomes.push(recorder.trigger(trigger(number, SECOND)));
    }
    let begun = Ok(Accepted::Begun);
    // All clients are of 192.0.2.0/24: the third of the network is one too many.
    assert_eq!(outcomes[..3], [begun, begun, Err(Refused::NetworkRate)]);
    let elsewhere = |number, at_ns| Trigger { source: None, ..trigger(number, at_ns) };
    assert_eq!(recorder.trigger(elsewhere(20, SECOND)), begun);
    assert_eq!(recorder.trigger(elsewhere(21, SECOND)), Err(Refused::KindRate));
    let other = Trigger { kind: "other".into(), ..elsewhere(22, SECOND) };
    assert_eq!(recorder.trigger(other), begun, "another kind has its own rate");
    assert_eq!(recorder.trigger(elsewhere(23, 9 * SECOND)), begun);
    assert_eq!(recorder.trigger(elsewhere(24, 9 * SECOND)), Err(Refused::TooManyActive));
    let stats = recorder.stats();
    assert_eq!((stats.begun, stats.active), (5, 5));
    assert_eq!((stats.refused_rate, stats.refused_load), (4, 1));
}

#[test]
fn what_the_ring_no_longer_has_is_said() {
    let (ring, mut tap) = ring();
    for ms in 0..200 {
        push(&mut tap, SECOND + ms * MS, &packet(1, 0x10, 2000));
    }
    let mut recorder = Recorder::default();
    recorder.trigger(trigger(1, SECOND + 199 * MS)).expect("the first");
    recorder.finish(SECOND + 200 * MS, &ring);
    let recording = recorder.poll_recording().expect("what there is");
    assert!(recording.incomplete);
    assert!(!recording.packets.is_empty() && recording.packets.len() < 200);
}

fn number(producer: &mut Producer, at_ns: u64, flow: u64, order: u32) {
    let meta = Meta { timestamp_ns: at_ns, flow, user: order, ..Meta::default() };
    producer.push(&meta, &[0; 8]).expect("nobody holds every block");
}

proptest! {
    /// In any number of steps, with records that arrive late, everything is found once.
    #[test]
    fn steps_give_what_one_extract_gives(
        pushes in prop::collection::vec((0_usize..2, 0_u64..3, 0_u64..50, any::<bool>()), 0..120),
    ) {
        let config = Config::default().bytes(128 << 10).block_bytes(4096).producers(2);
        let (ring, mut producers) = Ring::new(&config).expect("small blocks");
        let (mut cursor, mut placed, mut now) = (Cursor::default(), Vec::new(), 1_000);
        for (order, (producer, flow, late, step)) in (0..).zip(pushes) {
            now += 1;
            // The second producer is behind: its records are pushed after later ones of the first.
            let at_ns = if producer == 1 { now - late } else { now };
            number(&mut producers[producer], at_ns, flow, order);
            if step {
                let mut new = ring.extract_after(1, &Window::ALL, &mut cursor);
                while let Some((place, record)) = new.next_placed() {
                    placed.push((place, record.meta.user));
                }
                prop_assert!(!new.missing() && !new.truncated());
            }
        }
        let mut new = ring.extract_after(1, &Window::ALL, &mut cursor);
        while let Some((place, record)) = new.next_placed() {
            placed.push((place, record.meta.user));
        }
        drop(new);
        placed.sort_unstable();
        let mut once = ring.extract(1, &Window::ALL);
        let mut want = Vec::new();
        while let Some((place, record)) = once.next_placed() {
            want.push((place, record.meta.user));
        }
        prop_assert_eq!(placed, want);
    }
}
