//! The fuzz targets on their seeds, without a fuzzer: what one found once is not found again. The seeds are
//! handshakes that rustls makes here and now.

#![cfg(all(feature = "passive", feature = "fingerprint", feature = "tokio"))]

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod entry;

mod common;
#[path = "common/rustls_flights.rs"]
mod rustls_flights;

use common::wire::{ACK, From, MS, Play, SYN};
use rustls::version::{TLS12, TLS13};
use rustls_flights::{Kind, flights};
use tls_probe::Config;

fn with_damage(seed: &[u8], entry: fn(&[u8])) {
    entry(seed);
    for cut in (0..seed.len()).step_by(7) {
        entry(&seed[..cut]);
    }
    for at in 0..seed.len().min(400) {
        let mut damaged = seed.to_vec();
        damaged[at] ^= 0xff;
        entry(&damaged);
    }
}

#[test]
fn hellos() {
    for version in [&TLS12, &TLS13] {
        let flights = flights(version, Kind::Full);
        with_damage(&flights[0], entry::hello);
        // Behind the record's and the message's header lies the bare hello.
        with_damage(&flights[0][9..], entry::hello);
    }
}

#[test]
fn orders() {
    let seed: Vec<u8> =
        (0..=255_u8).flat_map(|n| [n.wrapping_mul(37), n, n.wrapping_mul(11), n]).collect();
    with_damage(&seed, entry::order);
}

#[test]
fn handshakes() {
    for (version, kind) in [(&TLS12, Kind::ClientCertificate), (&TLS13, Kind::Full)] {
        let mut seed = vec![4, 1, 0, 0, 7, 9, 1, 0, 2, 9, 1, 0];
        for (number, flight) in flights(version, kind).iter().enumerate() {
            for part in flight.chunks(200) {
                seed.extend([(number % 2) as u8 | 0x42, 20, 0, part.len() as u8]);
                seed.extend(part);
            }
        }
        with_damage(&seed, entry::handshake);
    }
}

#[test]
fn frames() {
    for version in [&TLS12, &TLS13] {
        let mut play = Play::new(Config::default());
        let mut seed = Vec::new();
        let mut send = |from, flags, bytes: &[u8]| {
            play.send(MS, from, flags, bytes);
            play.frame.resize(play.frame.len().next_multiple_of(2), 0);
            let length = play.frame.len();
            seed.extend([(length / 2) as u8, (length >> 8) as u8, length as u8]);
            seed.extend(&play.frame);
        };
        send(From::C, SYN, &[]);
        send(From::S, SYN | ACK, &[]);
        for (number, flight) in flights(version, Kind::Full).iter().enumerate() {
            let from = if number % 2 == 0 { From::C } else { From::S };
            flight.chunks(400).for_each(|part| send(from, ACK, part));
        }
        with_damage(&seed, entry::frame);
    }
}
