//! A packet of a known connection allocates nothing; a whole handshake a few times, whatever its length.

#![cfg(feature = "passive")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::wire::{From::*, *};
use tls_probe::{Config, LinkType, Table};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations while the frames go in.
fn taking<'f>(table: &mut Table, frames: impl IntoIterator<Item = &'f (u64, Vec<u8>)>) -> u64 {
    let before = ALLOCATIONS.get();
    for (at_ns, frame) in frames {
        table.packet(*at_ns, LinkType::Ethernet, frame, frame.len() as u32);
    }
    ALLOCATIONS.get() - before
}

/// The frames of a TLS 1.3 handshake whose server flight comes in segments of `size` bytes, each
/// acknowledged.
fn frames(size: usize) -> Vec<(u64, Vec<u8>)> {
    let mut play = Play::new(Config::default());
    let mut frames = Vec::new();
    let mut send = |from, flags, bytes: &[u8]| {
        let at_ns = frames.len() as u64 * MS;
        play.send(at_ns, from, flags, bytes);
        frames.push((at_ns, play.frame.clone()));
    };
    send(C, SYN, &[]);
    send(S, SYN | ACK, &[]);
    send(C, ACK, &[]);
    send(C, ACK, &client_hello(100));
    for part in flight13(3_000).chunks(size) {
        send(S, ACK, part);
        send(C, ACK, &[]);
    }
    send(C, ACK, &finished13());
    frames
}

#[test]
fn packets_of_a_handshake_allocate_nothing_but_for_its_hellos() {
    let frames = frames(700);
    let mut table = Table::new(Config::default());
    // The table's own growth, and the reports, once.
    taking(&mut table, &frames);
    while table.poll_report().is_some() {}
    let begins = taking(&mut table, &frames[..1]);
    assert_eq!(begins, 1, "by a connection: its timeline");
    assert_eq!(taking(&mut table, &frames[1..3]), 0, "by the TCP handshake");
    let hello = taking(&mut table, &frames[3..4]);
    assert!(hello <= 40, "{hello} by a ClientHello: its name and its fingerprints");
    let flight = &frames[4..frames.len() - 1];
    assert!(flight.len() > 8);
    assert_eq!(taking(&mut table, flight), 0, "by the server's flight and what acknowledges it");
    let last = taking(&mut table, &frames[frames.len() - 1..]);
    assert!(last <= 25, "{last} by the last packet: the report");
    assert_eq!(table.stats().flows, 2);
}

#[test]
fn a_flight_in_many_segments_costs_a_larger_timeline_and_a_hello_gathered() {
    let (short, long) = (frames(1_500), frames(50));
    let mut table = Table::new(Config::default());
    taking(&mut table, &short);
    while table.poll_report().is_some() {}
    let few = taking(&mut table, &short);
    while table.poll_report().is_some() {}
    let many = taking(&mut table, &long);
    assert!(many <= few + 8, "{many} by {} packets, {few} by {}", long.len(), short.len());
}

#[test]
fn packets_of_no_connection_of_ours_allocate_nothing() {
    let bulk: Vec<_> = (0..1_000_u32)
        .map(|number| {
            let mut play = Play::new(Config::default());
            play.data(0, C, &[0x5a; 1_400]);
            play.frame[26..30].copy_from_slice(&number.to_be_bytes());
            (u64::from(number), play.frame)
        })
        .collect();
    let mut table = Table::new(Config::default());
    assert_eq!(taking(&mut table, &bulk), 0);
    assert_eq!(table.stats().ignored_packets, 1_000);
}
