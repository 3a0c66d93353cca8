//! Captures that lack a part: a side, a packet, the beginning, the end.

#![cfg(feature = "passive")]

mod common;

use common::wire::{From::*, *};
use tls_probe::{Config, LinkType, Outcome, Report, Side, Table, Verdict};

/// A handshake of which only the packets are captured that `kept` wants, by their numbers.
fn captured(flights: &[(From, Vec<u8>)], kept: impl Fn(usize, From) -> bool) -> Vec<Report> {
    let mut script = Play::new(Config::default());
    let mut table = Table::new(Config::default());
    let opening = [(C, SYN, vec![]), (S, SYN | ACK, vec![]), (C, ACK, vec![])];
    let said = flights.iter().map(|(from, bytes)| (*from, ACK, bytes.clone()));
    for (number, (from, flags, bytes)) in opening.into_iter().chain(said).enumerate() {
        let at_ns = number as u64 * 10 * MS;
        script.send(at_ns, from, flags, &bytes);
        if kept(number, from) {
            table.packet(at_ns, LinkType::Ethernet, &script.frame, script.frame.len() as u32);
        }
    }
    table.finish();
    std::iter::from_fn(|| table.poll_report()).collect()
}

/// With data behind the handshake, as there always is.
fn tls12() -> Vec<(From, Vec<u8>)> {
    let data = record(23, &[0; 400]);
    vec![
        (C, client_hello(0)),
        (S, flight12()),
        (C, keys12()),
        (S, finished12()),
        (C, data.clone()),
        (S, data),
    ]
}

fn tls13() -> Vec<(From, Vec<u8>)> {
    let data = record(23, &[0; 400]);
    vec![(C, client_hello(0)), (S, flight13(900)), (C, finished13()), (S, data.clone()), (C, data)]
}

fn only(mut reports: Vec<Report>) -> Report {
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

#[test]
fn the_client_alone_is_established_by_its_data() {
    let report = only(captured(&tls12(), |_, from| from == C));
    assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
    assert_eq!(report.server_name.as_deref(), Some("probe.example"));
    assert_eq!((report.cipher, report.rtt), (None, None));
    let report = only(captured(&tls13(), |_, from| from == C));
    assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
    assert_eq!(report.idle.total(), report.phases.total);
}

#[test]
fn the_server_alone_is_established_up_to_tls12_and_unknown_since() {
    let report = only(captured(&tls12(), |_, from| from == S));
    assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
    assert_eq!(report.cipher.map(|cipher| cipher.0), Some(0xc02f));
    // Whether the client finished, nothing of the server's says.
    let report = only(captured(&tls13(), |_, from| from == S));
    assert_eq!(report.outcome, Outcome::Incomplete, "{report:#?}");
    assert_eq!(report.version.map(|version| version.to_string()).as_deref(), Some("TLSv1.3"));
}

#[test]
fn without_the_serverhello_it_is_established_all_the_same_and_the_lack_is_said() {
    for (flights, length) in [(tls12(), flight12().len()), (tls13(), flight13(900).len())] {
        let report = only(captured(&flights, |number, _| number != 4));
        assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
        assert_eq!(report.missing_bytes, length as u64);
        let lack = format!("; {length} bytes of it were not captured");
        assert!(report.because.ends_with(&lack), "{}", report.because);
    }
}

#[test]
fn without_one_finished_the_other_or_the_data_tells() {
    // The client's, in full handshakes of TLS 1.2; then the server's, which its data makes up for.
    for lost in [5, 6] {
        let report = only(captured(&tls12(), |number, _| number != lost));
        assert_eq!(report.outcome, Outcome::Established, "packet {lost}: {report:#?}");
    }
}

#[test]
fn a_capture_may_begin_at_either_hello() {
    for (first, name) in [(3, Some("probe.example")), (4, None)] {
        let report = only(captured(&tls12(), |number, _| number >= first));
        assert_eq!(report.outcome, Outcome::Established, "from {first}: {report:#?}");
        assert_eq!(report.server_name.as_deref(), name);
        assert_eq!(report.phases.tcp, None);
        assert_eq!(report.server.map(|server| server.port()), Some(443));
    }
    assert!(captured(&tls12(), |number, _| number >= 5).is_empty(), "no hello, no handshake");
}

#[test]
fn a_capture_may_end_anywhere() {
    for (flights, whole) in [(tls12(), 6), (tls13(), 5)] {
        for last in 0..=whole {
            let reports = captured(&flights, |number, _| number <= last);
            assert_eq!(reports.len(), usize::from(last >= 3), "up to {last}");
            let over = last == whole;
            for report in reports {
                assert_eq!(report.outcome == Outcome::Established, over, "{report:#?}");
                assert_eq!(report.idle.total(), report.phases.total);
            }
        }
    }
}

#[test]
fn a_serverhello_cut_short_by_the_capture_does_not_end_in_a_wrong_version() {
    for (flights, whole) in [(tls12(), 6), (tls13(), 5)] {
        let mut script = Play::new(Config::default());
        let mut table = Table::new(Config::default());
        for (at, (from, bytes)) in flights[..whole - 2].iter().enumerate() {
            script.send(at as u64 * MS, *from, ACK, bytes);
            // Forty bytes of the flight of the server, whose hello alone takes more; the client whole.
            let kept = if *from == S && at == 1 { 54 + 40 } else { script.frame.len() };
            let length = script.frame.len() as u32;
            table.packet(at as u64 * MS, LinkType::Ethernet, &script.frame[..kept], length);
        }
        let report = table.poll_report().expect("it is over");
        assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
        assert_eq!(report.cipher, None);
    }
}

#[test]
fn what_is_sent_again_after_the_end_is_no_other_handshake() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(11 * MS, C, &client_hello(0));
    play.data(12 * MS, S, &flight13(900));
    play.data(22 * MS, C, &finished13());
    assert_eq!(play.report().outcome, Outcome::Established);
    play.resend(230 * MS, S, &flight13(900));
    play.table.finish();
    assert!(
        play.table.poll_report().is_none(),
        "the client's Finished was lost behind the capture"
    );
    // The same ports again, with the TCP handshake not seen: further on in the sequence.
    play.data(2_000 * MS, C, &client_hello(0));
    play.table.finish();
    assert_eq!(play.report().outcome, Outcome::Incomplete);
}

#[test]
fn each_side_s_losses_duplicates_and_closed_windows_are_counted() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(11 * MS, C, &client_hello(0));
    play.resend(311 * MS, C, &client_hello(0));
    play.again(311 * MS + 1000);
    play.window = 0;
    play.ack(312 * MS, S);
    play.window = 0xffff;
    play.data(313 * MS, S, &flight13(900));
    play.resend(713 * MS, S, &flight13(900));
    play.resend(1513 * MS, S, &flight13(900));
    play.data(1523 * MS, C, &finished13());
    let report = play.report();
    let [client, server] = report.tallies;
    assert_eq!((client.retransmissions, client.duplicates, client.zero_windows), (1, 1, 0));
    assert_eq!((server.retransmissions, server.duplicates, server.zero_windows), (2, 0, 1));
    assert_eq!(report.retransmissions, 3);
    assert_eq!(report.verdict, Verdict::Network);
    assert_eq!(report.alert.map(|alert| alert.side), None::<Side>);
}
