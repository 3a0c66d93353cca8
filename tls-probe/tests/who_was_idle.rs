//! The verdict on handshakes played under a virtual clock, one stall each.

#![cfg(feature = "passive")]

mod common;

use std::time::Duration;

use common::wire::{From::*, *};
use tls_probe::{Config, Outcome, Report, Vantage, Verdict, What};

fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}

fn check(report: &Report, outcome: Outcome, verdict: Verdict) {
    assert_eq!(report.outcome, outcome, "{report:#?}");
    assert_eq!(report.verdict, verdict, "{report:#?}");
    assert_eq!(report.idle.total(), report.phases.total, "{report:#?}");
}

/// A handshake of TLS 1.3 with a round trip of 10 ms; the arguments are what each party waits for
/// beyond that, in milliseconds.
fn play13(before_hello: u64, server: u64, before_finished: u64) -> Report {
    let mut play = Play::connected(Config::default(), 10 * MS);
    let mut now = 10 + before_hello;
    play.data(now * MS, C, &client_hello(0));
    play.ack(now * MS + 1, S);
    now += server;
    play.data(now * MS, S, &flight13(900));
    play.ack((now + 10) * MS, C);
    now += 10 + before_finished;
    play.data(now * MS, C, &finished13());
    play.report()
}

#[test]
fn a_brisk_handshake_is_nobodys_fault() {
    let report = play13(0, 2, 1);
    check(&report, Outcome::Established, Verdict::None);
    assert_eq!(report.server_name.as_deref(), Some("probe.example"));
    assert_eq!(report.version.unwrap().to_string(), "TLSv1.3");
    assert_eq!(report.cipher.unwrap().to_string(), "TLS_AES_128_GCM_SHA256");
    assert_eq!(report.client.unwrap().to_string(), "192.0.2.1:50000");
    assert_eq!(millis(report.rtt.unwrap()), 10);
    let phases = report.phases;
    assert_eq!(millis(phases.tcp.unwrap()), 10);
    assert_eq!(millis(phases.client_hello.unwrap()), 0);
    assert_eq!(millis(phases.server_flight.unwrap()), 2);
    assert_eq!(millis(phases.client_flight.unwrap()), 11);
    assert_eq!(millis(phases.total), 23);
}

#[test]
fn a_client_that_connects_and_waits_is_idle() {
    let report = play13(412, 2, 1);
    check(&report, Outcome::Established, Verdict::Client);
    assert_eq!((millis(report.idle.client), millis(report.idle.network)), (413, 20));
    assert!(report.because.contains("412 ms after its own ACK"), "{}", report.because);
}

#[test]
fn a_client_that_stalls_before_its_finished_is_idle_and_the_ack_proves_it() {
    let report = play13(0, 2, 412);
    check(&report, Outcome::Established, Verdict::Client);
    assert_eq!(
        report.because,
        "the client's host acknowledged our ServerHello within 10 ms (one round trip), \
         then the client said nothing for 412 ms before its flight"
    );
    let flight = report.timeline.events().iter().find(|e| e.what == What::ServerHello).unwrap();
    assert!(flight.is_acked());
}

#[test]
fn a_server_that_stalls_is_idle() {
    let report = play13(0, 300, 1);
    check(&report, Outcome::Established, Verdict::Server);
    assert_eq!(millis(report.idle.server), 300);
    assert!(report.because.contains("300 ms before its ServerHello"), "{}", report.because);
}

#[test]
fn a_lost_flight_is_the_networks() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(11 * MS, C, &client_hello(0));
    let flight = flight13(900);
    play.data(12 * MS, S, &flight);
    play.resend(212 * MS, S, &flight);
    play.resend(612 * MS, S, &flight);
    play.ack(622 * MS, C);
    play.data(623 * MS, C, &finished13());
    let report = play.report();
    check(&report, Outcome::Established, Verdict::Network);
    assert_eq!(report.retransmissions, 2);
    assert!(report.idle.network >= Duration::from_millis(610), "{report:#?}");
    assert!(report.because.starts_with("2 packets were lost"), "{}", report.because);
}

#[test]
fn a_path_that_holds_everything_back_is_the_networks() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(11 * MS, C, &client_hello(0));
    let flight = flight13(900);
    play.data(12 * MS, S, &flight);
    play.resend(32 * MS, S, &flight);
    play.resend(232 * MS, S, &flight);
    // The first acknowledgement comes with the answer.
    play.data(523 * MS, C, &finished13());
    let report = play.report();
    check(&report, Outcome::Established, Verdict::Network);
    assert_eq!(millis(report.idle.client), 1);
}

#[test]
fn a_hole_filled_late_is_the_networks() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    let hello = client_hello(1200);
    let (first, second) = hello.split_at(700);
    let sequence = play.lose(C, first);
    play.data(10 * MS, C, second);
    play.segment(230 * MS, C, ACK, sequence, first);
    play.data(231 * MS, S, &flight13(900));
    play.data(242 * MS, C, &finished13());
    let report = play.report();
    check(&report, Outcome::Established, Verdict::Network);
    assert_eq!(report.retransmissions, 1);
    assert_eq!(report.server_name.as_deref(), Some("probe.example"));
}

#[test]
fn the_same_packet_seen_twice_changes_nothing() {
    let mut play = Play::new(Config::default());
    let sends: [(u64, _, u8, Vec<u8>); 7] = [
        (0, C, SYN, vec![]),
        (0, S, SYN | ACK, vec![]),
        (10, C, ACK, vec![]),
        (10, C, ACK, client_hello(0)),
        (12, S, ACK, flight13(900)),
        (22, C, ACK, vec![]),
        (523, C, ACK, finished13()),
    ];
    for (at, from, flags, payload) in &sends {
        play.send(at * MS, *from, *flags, payload);
        play.again(at * MS + 20_000);
    }
    let report = play.report();
    check(&report, Outcome::Established, Verdict::Client);
    assert_eq!(report.retransmissions, 0);
    assert_eq!(report.idle, play13(0, 2, 501).idle);
    assert_eq!(play.table.stats().duplicate_packets, 6);
}

#[test]
fn in_tls12_the_servers_finished_ends_it() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(10 * MS, C, &client_hello(0));
    play.data(12 * MS, S, &flight12());
    play.data(23 * MS, C, &keys12());
    play.data(223 * MS, S, &finished12());
    let report = play.report();
    check(&report, Outcome::Established, Verdict::Server);
    assert_eq!(report.version.unwrap().to_string(), "TLSv1.2");
    assert_eq!(millis(report.phases.client_flight.unwrap()), 11);
    assert_eq!(report.server_messages.iter().collect::<Vec<_>>(), [2, 11, 14]);
    assert_eq!(report.client_messages.iter().collect::<Vec<_>>(), [1, 16]);
}

#[test]
fn who_gives_up_does_not_take_the_blame_for_the_wait() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(10 * MS, C, &client_hello(0));
    play.ack(10 * MS + 1, S);
    play.send(5_010 * MS, C, FIN | ACK, &[]);
    let report = play.report();
    check(&report, Outcome::Incomplete, Verdict::Server);
    assert!(report.because.contains("never went on"), "{}", report.because);

    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(10 * MS, C, &client_hello(0));
    play.data(12 * MS, S, &flight13(900));
    play.ack(22 * MS, C);
    play.send(5_010 * MS, S, RST | ACK, &[]);
    check(&play.report(), Outcome::Reset, Verdict::Client);
}

#[test]
fn a_timeout_is_the_awaited_sides() {
    let config = Config::default().handshake_timeout(Duration::from_secs(5));
    let mut play = Play::connected(config, 10 * MS);
    play.data(10 * MS, C, &client_hello(0));
    assert_eq!(play.table.poll_timeout(), Some(5_000 * MS));
    play.table.expire(6_000 * MS);
    let report = play.report();
    check(&report, Outcome::Timeout, Verdict::Server);
    assert_eq!(millis(report.phases.total), 5_000);
}

#[test]
fn an_alert_is_named() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(10 * MS, C, &client_hello(0));
    play.data(11 * MS, S, &record(21, &[2, 40]));
    let report = play.report();
    check(&report, Outcome::Alert, Verdict::None);
    assert_eq!(report.alert.unwrap().description, Some(40));
}

#[test]
fn beside_the_client_the_round_trip_is_the_servers_answer() {
    let mut play = Play::new(Config::default().vantage(Vantage::Client));
    play.send(0, C, SYN, &[]);
    play.send(10 * MS, S, SYN | ACK, &[]);
    play.ack(10 * MS, C);
    play.data(10 * MS, C, &client_hello(0));
    play.ack(20 * MS, S);
    play.data(320 * MS, S, &flight13(900));
    play.data(321 * MS, C, &finished13());
    let report = play.report();
    check(&report, Outcome::Established, Verdict::Server);
    assert_eq!((millis(report.idle.server), millis(report.idle.network)), (300, 20));
    assert!(report.because.starts_with("the server's host acknowledged our ClientHello"));
}

#[test]
fn after_starttls_the_clock_starts_at_the_hello() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(2_000 * MS, S, b"220 mail.example ESMTP\r\n");
    play.data(3_000 * MS, C, b"STARTTLS\r\n");
    play.data(3_001 * MS, S, b"220 go ahead\r\n");
    play.data(3_010 * MS, C, &client_hello(0));
    play.data(3_012 * MS, S, &flight13(900));
    play.data(3_023 * MS, C, &finished13());
    let report = play.report();
    check(&report, Outcome::Established, Verdict::None);
    assert_eq!(report.start_ns, 3_010 * MS);
    assert_eq!(millis(report.phases.total), 13);
    assert_eq!(millis(report.rtt.unwrap()), 10);
}
