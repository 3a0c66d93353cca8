//! Phases agree with tshark's timestamps on the same files to a microsecond: captures that are made here of
//! handshakes by rustls, and those of the corpora (which need `POPKIT_CORPORA`).

#![cfg(all(feature = "passive", feature = "active"))]

mod common;
#[expect(dead_code, unreachable_pub, reason = "this test needs a part of it")]
#[path = "live/programs.rs"]
mod programs;
#[path = "common/rustls_flights.rs"]
mod rustls_flights;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{
    tshark::compare,
    wire::{ACK, From, MS, Play, SYN},
};
use programs::there;
use rustls::version::{TLS12, TLS13};
use rustls_flights::{Kind, flights};
use tls_probe::Config;

/// A capture of a handshake by rustls, each flight in segments some microseconds apart.
fn record(file: &Path, flights: &[Vec<u8>]) {
    let mut play = Play::new(Config::default());
    let mut out = Vec::new();
    // Nanoseconds, version 2.4, Ethernet.
    for word in [0xa1b2_3c4d_u32, 2 | 4 << 16, 0, 0, 65_535, 1] {
        out.extend(word.to_le_bytes());
    }
    let mut at_ns = 1_700_000_000_123_456_789;
    let mut send = |from, flags, bytes: &[u8], wait_ns: u64| {
        at_ns += wait_ns;
        play.send(at_ns, from, flags, bytes);
        let (seconds, rest, len) = (at_ns / 1_000_000_000, at_ns % 1_000_000_000, play.frame.len());
        for word in [seconds as u32, rest as u32, len as u32, len as u32] {
            out.extend(word.to_le_bytes());
        }
        out.extend(&play.frame);
    };
    send(From::C, SYN, &[], 0);
    send(From::S, SYN | ACK, &[], 70_001);
    send(From::C, ACK, &[], 10 * MS + 3);
    for (number, flight) in flights.iter().enumerate() {
        let (from, to) = if number % 2 == 0 { (From::C, From::S) } else { (From::S, From::C) };
        for (part, bytes) in flight.chunks(600).enumerate() {
            send(from, ACK, bytes, if part == 0 { 7 * MS + 11 } else { 13_007 });
        }
        send(to, ACK, &[], 5 * MS);
    }
    fs::write(file, out).expect("a folder of our own");
}

#[test]
fn on_captures_of_rustls() {
    if !there("tshark", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("handshake.pcap");
    for (version, kind) in [
        (&TLS12, Kind::Full),
        (&TLS12, Kind::ClientCertificate),
        (&TLS12, Kind::Resumed),
        (&TLS13, Kind::Full),
        (&TLS13, Kind::Resumed),
        (&TLS13, Kind::Retried),
        (&TLS13, Kind::ClientCertificate),
    ] {
        record(&file, &flights(version, kind));
        assert_eq!(compare(&file, &Config::default()), 1, "{version:?} {kind:?}");
    }
}

#[test]
fn on_the_corpora() {
    use std::io::Write as _;
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return;
    };
    if !there("tshark", "--version") {
        return;
    }
    let mut compared = 0;
    for entry in fs::read_dir(PathBuf::from(corpora).join("tls")).expect("a folder of captures") {
        let file = entry.expect("an entry").path();
        if file.extension().is_some_and(|kind| kind == "pcap") {
            compared += compare(&file, &Config::default());
        }
    }
    println!("{compared} handshakes were compared");
    assert!(compared > 30, "{compared} handshakes were compared");
}
