//! However the bytes are cut, the report is the same; whatever they are, nothing panics.

#![cfg(feature = "passive")]

mod common;

use common::wire::{From::*, *};
use proptest::prelude::*;
use tls_probe::{
    Config, LinkType, Outcome, Report, Side, Table,
    connection::{Connection, Segment},
    handshake::Handshake,
    hello::{ClientHello, ServerHello},
    segment::{Chunk, Reassembly},
};

/// What does not depend on how the stream was cut into packets.
fn gist(report: &Report) -> String {
    let Report { server_name, version, cipher, alpn, outcome, verdict, phases, idle, .. } = report;
    let messages = (report.client_messages, report.server_messages);
    format!(
        "{server_name:?} {version:?} {cipher:?} {alpn:?} {outcome:?} {verdict:?} {phases:?} \
         {idle:?} {messages:?}"
    )
}

/// Plays a handshake whose flights arrive in two segments at the same instant, the second first if
/// `swapped`.
fn cut(flights: &[(From, Vec<u8>)], which: usize, at: usize, swapped: bool) -> Report {
    let mut play = Play::connected(Config::default(), 10 * MS);
    for (number, (from, flight)) in flights.iter().enumerate() {
        let now = (10 + 50 * number as u64) * MS;
        if number != which {
            play.data(now, *from, flight);
            continue;
        }
        let (first, second) = flight.split_at(at);
        if swapped {
            let sequence = play.lose(*from, first);
            play.data(now, *from, second);
            play.segment(now, *from, ACK, sequence, first);
        } else {
            play.data(now, *from, first);
            play.data(now, *from, second);
        }
    }
    play.table.finish();
    play.report()
}

fn same_at_every_byte(flights: &[(From, Vec<u8>)]) {
    let whole = cut(flights, usize::MAX, 0, false);
    assert_eq!(whole.outcome, Outcome::Established, "{whole:#?}");
    for (which, (_, flight)) in flights.iter().enumerate() {
        for at in 1..flight.len() {
            for swapped in [false, true] {
                let parted = cut(flights, which, at, swapped);
                let note = format!("flight {which} cut at {at}, swapped {swapped}");
                assert_eq!(gist(&parted), gist(&whole), "{note}");
            }
        }
    }
}

#[test]
fn tls13_is_the_same_cut_at_every_byte() {
    same_at_every_byte(&[(C, client_hello(1200)), (S, flight13(300)), (C, finished13())]);
}

#[test]
fn tls12_is_the_same_cut_at_every_byte() {
    let flights = [(C, client_hello(0)), (S, flight12()), (C, keys12()), (S, finished12())];
    same_at_every_byte(&flights);
}

/// One of the segments two hosts might send: mostly handshake bytes, at jumbled numbers.
fn segments() -> impl Strategy<Value = Vec<(bool, u8, u16, u16, Vec<u8>)>> {
    let real = prop_oneof![
        Just(client_hello(20)),
        Just(flight13(60)),
        Just(flight12()),
        Just(keys12()),
        Just(finished12()),
        Just(finished13()),
        Just(record(21, &[2, 40])),
        prop::collection::vec(any::<u8>(), 0..80),
    ];
    let part = (real, any::<prop::sample::Index>()).prop_map(|(bytes, from)| {
        let from = from.index(bytes.len() + 1);
        bytes[from..].to_vec()
    });
    prop::collection::vec((any::<bool>(), 0u8..16, 0u16..400, 0u16..400, part), 0..40)
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_hello_that_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(hello) = ClientHello::parse(&bytes) {
            let _ = (hello.ciphers().count(), hello.versions().count(), hello.alpn().count());
            let _ = hello.extensions().count();
        }
        let _ = ServerHello::parse(&bytes);
    }

    #[test]
    fn arbitrary_streams_end_in_a_report(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..60)), 0..30),
    ) {
        let mut handshake = Handshake::new(&Config::default());
        handshake.bytes(0, Side::Client, [&client_hello(0)[..]]);
        for (at, (client, bytes)) in parts.iter().enumerate() {
            let side = if *client { Side::Client } else { Side::Server };
            handshake.bytes(at as u64, side, [&bytes[..]]);
        }
        let report = handshake.report(None, None);
        prop_assert_eq!(report.idle.total(), report.phases.total);
    }

    #[test]
    fn order_is_that_of_a_slow_model(
        segments in prop::collection::vec((0usize..60, prop::collection::vec(any::<u8>(), 1..20)), 0..30),
        base in any::<u32>(),
    ) {
        let mut order = Reassembly::new(4096);
        order.begin(base);
        let mut model = [None; 80];
        let mut out = Vec::new();
        for (at, bytes) in &segments {
            let sequence = base.wrapping_add(*at as u32);
            order.segment(sequence, bytes, bytes.len(), |chunk| match chunk {
                Chunk::Bytes(bytes) => out.extend_from_slice(bytes),
                Chunk::Hole(_) => panic!("nothing is missing that could not come"),
            });
            for (place, byte) in model[*at..].iter_mut().zip(bytes) {
                place.get_or_insert(*byte);
            }
            let want: Vec<u8> = model.iter().map_while(|byte| *byte).collect();
            prop_assert_eq!(&out, &want);
        }
    }

    #[test]
    fn arbitrary_segments_account_for_every_nanosecond(
        segments in segments(),
        times in prop::collection::vec(0u64..1000, 40),
        cut in 0usize..100,
    ) {
        let mut connection = Connection::new(&Config::default());
        for ((client, flags, sequence, number, payload), at_ms) in segments.iter().zip(times) {
            let side = if *client { Side::Client } else { Side::Server };
            let kept = payload.len().saturating_sub(if cut < 10 { cut } else { 0 });
            connection.segment(at_ms * MS, side, &Segment {
                sequence: u32::from(*sequence).wrapping_sub(100),
                acknowledgement: (flags & 1 != 0).then(|| u32::from(*number).wrapping_sub(100)),
                syn: flags & 6 == 6,
                fin: *flags == 9,
                rst: *flags == 8,
                payload: &payload[..kept],
                length: payload.len(),
                stamp: [0, 0, at_ms as u16],
            });
        }
        let report = connection.into_handshake().report(None, None);
        let idle = report.idle;
        prop_assert_eq!(idle.total(), report.phases.total);
    }

    #[test]
    fn arbitrary_frames_never_panic(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20),
        link in prop::sample::select(vec![0u32, 1, 101, 113, 276]),
    ) {
        let mut table = Table::new(Config::default().max_flows(4));
        for (at, frame) in frames.iter().enumerate() {
            table.packet(at as u64, LinkType::of(link).unwrap(), frame, 9_000);
            prop_assert!(table.len() <= 4);
        }
        table.finish();
    }

    #[test]
    fn a_real_frame_with_a_byte_changed_or_cut_never_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        kept in any::<prop::sample::Index>(),
    ) {
        let mut play = Play::new(Config::default());
        for (from, payload) in [(C, client_hello(30)), (S, flight12()), (C, keys12())] {
            play.data(MS, from, &payload);
            let mut frame = play.frame.clone();
            let at = at.index(frame.len());
            frame[at] = byte;
            let length = frame.len() as u32;
            frame.truncate(kept.index(frame.len() + 1));
            play.table.packet(2 * MS, LinkType::Ethernet, &frame, length);
        }
        play.table.finish();
    }
}

#[test]
fn the_table_stays_within_its_bound() {
    let mut table = Table::new(Config::default().max_flows(10));
    let mut play = Play::new(Config::default());
    play.data(0, C, &client_hello(0));
    for port in 0..1000u16 {
        let mut frame = play.frame.clone();
        frame[34..36].copy_from_slice(&port.to_be_bytes());
        table.packet(u64::from(port), LinkType::Ethernet, &frame, frame.len() as u32);
        assert!(table.len() <= 10);
    }
    assert_eq!(table.stats().evicted_flows, 990);
    assert_eq!(std::iter::from_fn(|| table.poll_report()).count(), 990);
}
