//! Handshakes are kept whole and bulk is not, so that the ring reaches further back.

#![cfg(not(loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;

use proptest::prelude::*;
use ring_capture::{
    Config, Direction, Fixed, Frame, LinkType, Packet, Ring, Snaplen, Tap, TlsHandshakes, Whole,
    Window,
};

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

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 1;
/// Ethernet, IPv4, TCP.
const HEADERS: usize = 14 + 20 + 20;

/// A TCP segment over Ethernet between a client and 198.51.100.1.
fn segment(client: u32, server_port: u16, flags: u8, payload: usize) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0]);
    frame.extend((0x0a00_0000 | client >> 8).to_be_bytes());
    frame.extend([198, 51, 100, 1]);
    frame.extend((0x8000 | client as u16 & 0xff).to_be_bytes());
    frame.extend(server_port.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    frame.resize(HEADERS + payload, 0x17);
    frame
}

fn frame(timestamp_ns: u64, bytes: &[u8]) -> Frame<'_> {
    Frame {
        timestamp_ns,
        original_len: bytes.len() as u32,
        link: LinkType::Ethernet,
        interface: 0,
        direction: Direction::Inbound,
        bytes,
    }
}

fn keep(policy: &mut impl Snaplen, bytes: &[u8]) -> usize {
    let packet = Packet::parse(LinkType::Ethernet, bytes);
    let flow = packet.map_or(0, |p| p.flow.hash(42));
    policy.keep(packet.as_ref(), flow, &frame(0, bytes)).min(bytes.len())
}

#[test]
fn a_flow_is_whole_up_to_its_budget_and_headers_after() {
    let mut policy = TlsHandshakes::default().payload_bytes_per_flow(3000).beyond_headers(16);
    assert_eq!(keep(&mut policy, &segment(1, 443, SYN, 0)), HEADERS);
    for _ in 0..2 {
        assert_eq!(keep(&mut policy, &segment(1, 443, ACK, 1400)), HEADERS + 1400);
    }
    assert_eq!(keep(&mut policy, &segment(1, 443, ACK, 1400)), HEADERS + 200, "the budget's end");
    assert_eq!(keep(&mut policy, &segment(1, 443, ACK, 1400)), HEADERS + 16);
    assert_eq!(keep(&mut policy, &segment(2, 443, ACK, 1400)), HEADERS + 1400, "another flow");
    assert_eq!(keep(&mut policy, &segment(1, 443, SYN, 0)), HEADERS);
    assert_eq!(keep(&mut policy, &segment(1, 443, ACK, 1400)), HEADERS + 1400, "the port again");
    assert_eq!(keep(&mut policy, &segment(1, 443, SYN | ACK, 0)), HEADERS);
    keep(&mut policy, &segment(1, 443, ACK | FIN, 1600));
    assert_eq!(keep(&mut policy, &segment(1, 443, ACK, 1400)), HEADERS + 16, "a FIN is no renewal");
}

#[test]
fn what_was_cut_by_the_source_counts_in_full() {
    let mut policy = TlsHandshakes::default().payload_bytes_per_flow(3000);
    let cut = segment(1, 443, ACK, 96);
    let packet = Packet::parse(LinkType::Ethernet, &cut);
    let frame = Frame { original_len: 60_000, ..frame(0, &cut) };
    policy.keep(packet.as_ref(), 7, &frame);
    assert_eq!(policy.keep(packet.as_ref(), 7, &frame), HEADERS + 16);
}

#[test]
fn with_ports_named_other_flows_have_no_budget() {
    let mut policy = TlsHandshakes::default().ports(&[443, 8443]);
    assert_eq!(keep(&mut policy, &segment(1, 8443, ACK, 1000)), HEADERS + 1000);
    assert_eq!(keep(&mut policy, &segment(1, 80, ACK, 1000)), HEADERS + 16);
    let arp = [&[2; 12][..], &[8, 6], &[0; 46]].concat();
    assert_eq!(keep(&mut policy, &arp), arp.len(), "no flow: whole");
}

#[test]
fn a_tap_keeps_what_its_policy_says_and_tells_the_true_length() {
    let policies: [(Box<dyn Snaplen>, usize); 3] = [
        (Box::new(Whole), 1054),
        (Box::new(Fixed(96)), 96),
        (Box::new(TlsHandshakes::default().ports(&[80])), HEADERS + 16),
    ];
    for (policy, kept) in policies {
        let (ring, mut producers) = Ring::new(&Config::default().bytes(4 << 20)).expect("4 MiB");
        let mut tap = Tap::with_snaplen(producers.remove(0), policy);
        tap.push(&frame(1, &segment(1, 443, ACK, 1000))).expect("nobody reads");
        let mut scan = ring.scan(&Window::ALL, |_| true);
        let record = scan.next().expect("one record");
        assert_eq!((record.bytes.len(), record.meta.original_len), (kept, 1054));
    }
}

/// How far a ring of 16 MiB reaches back, at one packet a microsecond. Of a hundred packets, five
/// belong to the handshake of a flow that is new (a SYN, four of 1,300 bytes of payload), the others
/// to 400 bulk flows of 1,500-byte packets.
fn seconds_of_history<S: Snaplen>(policy: S) -> f64 {
    let (ring, mut producers) =
        Ring::new(&Config::default().bytes(16 << 20).seed(5)).expect("16 MiB");
    let mut tap = Tap::with_snaplen(producers.remove(0), policy);
    let [mut syn, mut hello, mut bulk] =
        [(SYN, 0), (ACK, 1300), (ACK, 1446)].map(|(flags, len)| segment(0, 443, flags, len));
    let before = ALLOCATIONS.get();
    for number in 0..400_000_u32 {
        let newcomer = 0x1_0000 + number / 100;
        let (bytes, client) = match number % 100 {
            0 => (&mut syn, newcomer),
            20 | 40 | 60 | 80 => (&mut hello, newcomer),
            _ => (&mut bulk, number.wrapping_mul(2_654_435_761) % 400),
        };
        bytes[26..30].copy_from_slice(&(0x0a00_0000 | client >> 8).to_be_bytes());
        bytes[34..36].copy_from_slice(&(0x8000 | client as u16 & 0xff).to_be_bytes());
        tap.push(&frame(u64::from(number) * 1000, bytes)).expect("nobody reads");
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "not one allocation for 400,000 packets");
    ring.history().expect("records").span().as_secs_f64()
}

#[test]
fn history_multiplies() {
    let whole = seconds_of_history(Whole);
    let adaptive = seconds_of_history(TlsHandshakes::default());
    let gain = adaptive / whole;
    // The README's figure.
    assert!((9.3..9.4).contains(&gain), "{adaptive} s / {whole} s = {gain}");
}

#[derive(Clone, Copy, Debug)]
struct Step {
    client: u32,
    flags: u8,
    payload: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let flags = prop_oneof![8 => Just(ACK), 1 => Just(SYN), 1 => Just(SYN | ACK), 1 => Just(FIN)];
    let step = (0_u32..20, flags, 0_usize..900);
    let step = step.prop_map(|(client, flags, payload)| Step { client, flags, payload });
    proptest::collection::vec(step, 0..300)
}

proptest! {
    /// A table with room for all is a map from flows to bytes.
    #[test]
    fn a_roomy_table_is_a_map(steps in steps(), budget in 0_u32..4000) {
        let mut policy = TlsHandshakes::default().payload_bytes_per_flow(budget);
        let mut model = HashMap::new();
        for Step { client, flags, payload } in steps {
            let passed = model.entry(client).or_insert(0);
            if flags == SYN {
                *passed = 0;
            }
            let left = (budget as usize).saturating_sub(*passed);
            *passed += payload;
            let want = HEADERS + payload.min(left.max(16));
            prop_assert_eq!(keep(&mut policy, &segment(client, 443, flags, payload)), want);
        }
    }

    /// A table far too small may keep more, never less, and never panics.
    #[test]
    fn a_table_too_small_keeps_rather_too_much(steps in steps(), budget in 0_u32..4000) {
        let mut roomy = TlsHandshakes::default().payload_bytes_per_flow(budget);
        let mut small = roomy.clone().flows(0);
        for Step { client, flags, payload } in steps {
            let frame = segment(client, 443, flags, payload);
            prop_assert!(keep(&mut small, &frame) >= keep(&mut roomy, &frame));
        }
    }

    #[test]
    fn any_bytes_under_any_policy(
        bytes in proptest::collection::vec(0_u8.., 0..200),
        link in 0_u16..300,
        original_len: u32,
        payload_at: usize,
        hash: u64,
    ) {
        let mut policy = TlsHandshakes::default().flows(64).beyond_headers(usize::MAX);
        let frame = Frame { original_len, link: link.into(), ..frame(0, &bytes) };
        let packet = Packet::parse(frame.link, &bytes).map(|p| Packet { payload_at, ..p });
        policy.keep(packet.as_ref(), hash, &frame);
    }
}
