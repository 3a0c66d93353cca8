//! A trigger that joins a recording makes it longer, and nothing is missing between the two.

#![cfg(not(loom))]

use std::net::SocketAddr;
use std::time::Duration;

use ring_capture::{Accepted, Config, FlowKey, Meta, Recorder, Ring, Trigger};

const MS: u64 = 1_000_000;

#[test]
fn packets_passed_over_before_the_second_trigger_are_in_the_recording() {
    let ends: [SocketAddr; 2] = [([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 443).into()];
    let flow = FlowKey::tcp(ends[0], ends[1]);
    let config = Config::default().bytes(1 << 20).block_bytes(64 << 10);
    let (ring, mut producers) = Ring::new(&config).expect("sixteen small blocks");
    for at_ms in 0..100 {
        let hash = flow.hash(ring.seed());
        let meta = Meta { timestamp_ns: at_ms * MS, flow: hash, ..Meta::default() };
        producers[0].push(&meta, &[7; 60]).expect("nobody holds every block");
    }
    let trigger = |at_ms: u64| Trigger {
        pre: Duration::from_millis(10),
        post: Duration::from_millis(10),
        ..Trigger::new(flow, at_ms * MS, "test")
    };
    let mut recorder = Recorder::default();
    assert_eq!(recorder.trigger(trigger(50)), Ok(Accepted::Begun));
    // What is handed over in blocks is there before its time has come.
    recorder.handle_timeout(55 * MS, &ring);
    assert_eq!(recorder.trigger(trigger(75)), Ok(Accepted::Joined));
    recorder.handle_timeout(100 * MS, &ring);
    let recording = recorder.poll_recording().expect("its time is up");
    assert!(!recording.incomplete && !recording.truncated);
    let times: Vec<u64> = recording.packets.iter().map(|p| p.timestamp_ns / MS).collect();
    assert_eq!(times, (40..=85).collect::<Vec<u64>>());
}
