//! From whichever end the packets are seen, the one who stalled is named.

#![cfg(feature = "passive")]

mod common;

use std::time::Duration;

use common::wire::{From::*, *};
use proptest::prelude::*;
use tls_probe::{Config, Report, Vantage, Verdict};

/// Who stalls, and where in the handshake.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stall {
    Nobody,
    ClientBeforeHello,
    Server,
    ClientBeforeFinished,
}

/// A path of `one_way_ns` between the two ends, each crossing up to `jitter_ns` longer, with the capture
/// beside one of them.
struct Path {
    one_way_ns: u64,
    jitter_ns: u64,
    near: Vantage,
    state: u64,
    play: Play,
}

impl Path {
    /// `from` sends at `at_ns` of the shared clock; says when it arrives. The capture sees it at whichever of
    /// the two instants is at its end.
    fn send(&mut self, at_ns: u64, from: common::wire::From, flags: u8, payload: &[u8]) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let jitter = (self.state >> 33) % (self.jitter_ns + 1);
        let arrives_ns = at_ns + self.one_way_ns + jitter;
        let ours = if self.near == Vantage::Client { C } else { S };
        let seen_ns = if from == ours { at_ns } else { arrives_ns };
        self.play.send(seen_ns, from, flags, payload);
        arrives_ns
    }
}

/// A TLS 1.3 handshake with one stall, seen from beside `near`, judged for `vantage`.
fn play(
    path: (u64, u64),
    near: Vantage,
    seed: u64,
    stall: (Stall, u64),
    vantage: Vantage,
) -> Report {
    let config = Config::default().vantage(vantage);
    let play = Play::new(config);
    let (one_way_ns, jitter_ns) = path;
    let mut path = Path { one_way_ns, jitter_ns, near, state: seed, play };
    let wait = |who: Stall| if stall.0 == who { stall.1 } else { 0 };
    let think = 50_000;
    let at = path.send(0, C, SYN, &[]);
    let at = path.send(at + 20_000, S, SYN | ACK, &[]);
    let sent = at + 20_000;
    path.send(sent, C, ACK, &[]);
    let at = path.send(sent + think + wait(Stall::ClientBeforeHello), C, ACK, &client_hello(0));
    let answer = at + think + wait(Stall::Server);
    if stall.0 == Stall::Server {
        path.send(at + 30_000, S, ACK, &[]);
    }
    let at = path.send(answer, S, ACK, &flight13(900));
    if stall.0 == Stall::ClientBeforeFinished {
        path.send(at + 30_000, C, ACK, &[]);
    }
    path.send(at + think + wait(Stall::ClientBeforeFinished), C, ACK, &finished13());
    path.play.table.finish();
    path.play.report()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn a_stall_of_thrice_the_jitter_is_laid_at_the_right_door(
        one_way_us in 500_u64..100_000,
        jitter_share in 0_u64..8,
        seed in any::<u64>(),
        stall in prop_oneof![
            Just(Stall::Nobody), Just(Stall::ClientBeforeHello), Just(Stall::Server),
            Just(Stall::ClientBeforeFinished),
        ],
        more in 0_u64..400,
        near in prop_oneof![Just(Vantage::Client), Just(Vantage::Server)],
        told in any::<bool>(),
    ) {
        let rtt_ns = one_way_us * 2_000;
        let jitter_ns = rtt_ns * jitter_share / 100 / 2;
        // The least that is told of at all: a fiftieth of a second, or a quarter of the round trip.
        let least = (3 * jitter_ns).max((20 * MS).max(rtt_ns / 4) + 2 * jitter_ns);
        let length = least + more * MS;
        let vantage = if told { near } else { Vantage::Auto };
        let report = play((one_way_us * 1_000, jitter_ns), near, seed, (stall, length), vantage);
        let right = match stall {
            Stall::Nobody => Verdict::None,
            Stall::Server => Verdict::Server,
            _ => Verdict::Client,
        };
        prop_assert_eq!(report.verdict, right, "{:#?}", report);
        prop_assert_eq!(report.idle.total(), report.phases.total);
        let rtt = report.rtt.expect("a TCP handshake");
        let off = rtt.abs_diff(Duration::from_nanos(rtt_ns));
        prop_assert!(off <= Duration::from_nanos(2 * jitter_ns + 50_000), "{rtt:?} for {rtt_ns} ns");
    }
}

#[test]
fn without_the_tcp_handshake_the_capture_is_taken_to_be_beside_the_server() {
    let mut play = Play::new(Config::default().vantage(Vantage::Auto));
    play.data(0, C, &client_hello(0));
    play.data(2 * MS, S, &flight13(900));
    play.ack(12 * MS, C);
    play.data(412 * MS, C, &finished13());
    assert_eq!(play.report().verdict, Verdict::Client);
}

/// One handshake with a round trip of 10 ms, seen beside `near`, in which `stall` happens.
fn stalled(near: Vantage, vantage: Vantage, stall: Stall, length_ns: u64) -> Report {
    play((5 * MS, 0), near, 1, (stall, length_ns), vantage)
}

/// The server's flight is lost on its way, sent again after 300 ms, and acknowledged.
fn lost(near: Vantage, vantage: Vantage) -> Report {
    let play = Play::new(Config::default().vantage(vantage));
    let mut path = Path { one_way_ns: 5 * MS, jitter_ns: 0, near, state: 0, play };
    let at = path.send(0, C, SYN, &[]);
    let at = path.send(at, S, SYN | ACK, &[]);
    path.send(at, C, ACK, &[]);
    let at = path.send(at, C, ACK, &client_hello(0));
    let (first, second) = (flight13(2_000), flight13(700));
    let (first, second) = (&first[..1_000], &second[..700]);
    if near == Vantage::Server {
        // It leaves, and is lost beyond the capture.
        path.send(at, S, ACK, first);
        path.send(at, S, ACK, second);
        path.send(at + 12 * MS, C, ACK, &[]);
        let sequence = path.play.sequence(S, first.len() + second.len());
        path.play.segment(at + 300 * MS, S, ACK, sequence, first);
    } else {
        // The capture never sees it, but what comes behind it.
        let sequence = path.play.lose(S, first);
        path.send(at, S, ACK, second);
        path.send(at + 5 * MS, C, ACK, &[]);
        path.play.segment(at + 305 * MS, S, ACK, sequence, first);
    }
    path.send(at + 306 * MS, C, ACK, &[]);
    path.send(at + 307 * MS, C, ACK, &finished13());
    path.play.table.finish();
    path.play.report()
}

#[test]
fn every_verdict_from_every_vantage() {
    for near in [Vantage::Client, Vantage::Server] {
        for vantage in [near, Vantage::Auto] {
            for (stall, verdict, who) in [
                (Stall::Nobody, Verdict::None, "no silence"),
                (Stall::ClientBeforeHello, Verdict::Client, "the client said nothing"),
                (Stall::Server, Verdict::Server, "the server"),
                (Stall::ClientBeforeFinished, Verdict::Client, "the client"),
            ] {
                let report = stalled(near, vantage, stall, 250 * MS);
                assert_eq!(report.verdict, verdict, "{near:?} {vantage:?} {stall:?} {report:#?}");
                assert!(report.because.starts_with(who), "{}", report.because);
                let idle = [report.idle.client, report.idle.server];
                let to_blame = match verdict {
                    Verdict::Client => Some(0),
                    Verdict::Server => Some(1),
                    _ => None,
                };
                for (side, idle) in idle.into_iter().enumerate() {
                    let want = if to_blame == Some(side) { 250 } else { 0 };
                    assert_eq!(idle.as_millis(), want, "{near:?} {vantage:?} {stall:?}");
                }
                // The silent side is remote, and its host has acknowledged what it did not answer.
                let remote = match near {
                    Vantage::Client => Stall::Server,
                    _ => Stall::ClientBeforeFinished,
                };
                if stall == remote {
                    assert!(report.because.contains("(one round trip)"), "{}", report.because);
                }
            }
            let report = lost(near, vantage);
            assert_eq!(report.verdict, Verdict::Network, "{near:?} {vantage:?} {report:#?}");
            assert!(report.because.starts_with("a packet was lost"), "{}", report.because);
        }
    }
}

#[test]
fn a_client_whose_first_acknowledgement_is_its_hello_is_seen_from_the_right_end() {
    for near in [Vantage::Client, Vantage::Server] {
        let play = Play::new(Config::default().vantage(Vantage::Auto));
        let mut path = Path { one_way_ns: 5 * MS, jitter_ns: 0, near, state: 0, play };
        let at = path.send(0, C, SYN, &[]);
        let at = path.send(at, S, SYN | ACK, &[]);
        let at = path.send(at, C, ACK, &client_hello(0));
        let at = path.send(at, S, ACK, &flight13(900));
        path.send(at, C, ACK, &[]);
        path.send(at + 300 * MS, C, ACK, &finished13());
        path.play.table.finish();
        let report = path.play.report();
        assert_eq!(report.verdict, Verdict::Client, "{near:?} {report:#?}");
        assert_eq!(report.rtt, Some(Duration::from_millis(10)), "{near:?}");
        // Beside the server the round trip is known only later: the hello's stays with the client.
        let hello = if near == Vantage::Server { 10 } else { 0 };
        assert_eq!(report.idle.client.as_millis(), 300 + hello, "{near:?} {report:#?}");
    }
}
