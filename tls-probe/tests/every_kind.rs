//! Every kind of handshake there is, and what becomes of it: resumed, retried, refused, hidden, in clear.

#![cfg(feature = "passive")]

mod common;

use std::time::Duration;

use common::wire::{From::*, *};
use tls_probe::{Config, Outcome, Plaintext, Report, Side, Verdict};

/// Flights ten milliseconds apart, over a connection that is there.
fn play(flights: &[(From, Vec<u8>)]) -> Report {
    let mut play = Play::connected(Config::default().server_ports([443]), 10 * MS);
    for (number, (from, bytes)) in flights.iter().enumerate() {
        play.data((20 + 10 * number as u64) * MS, *from, bytes);
    }
    play.table.finish();
    play.report()
}

/// A ServerHello of TLS 1.2 that names this session.
fn hello12(session: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(session.len() as u8);
    body.extend(session);
    body.extend([0xc0, 0x2f, 0]);
    message(2, &body)
}

#[test]
fn a_session_is_resumed_by_its_id_or_by_a_ticket_without_one() {
    let id = [5; 32];
    let ticket = message(4, &[0; 190]);
    for (offered, answer, resumed) in [
        (&id[..], [hello12(&id), finished12()].concat(), true),
        (&[], [hello12(&[]), finished12()].concat(), true),
        (&[], [hello12(&[]), ticket, finished12()].concat(), true),
        (&id, [hello12(&id), message(11, &[0; 900]), message(14, &[])].concat(), false),
        (&id, [hello12(&[8; 32]), message(11, &[0; 900]), message(14, &[])].concat(), false),
    ] {
        let mut flights = vec![(C, client_hello_with(offered, &[])), (S, answer)];
        if resumed {
            flights.push((C, finished12()));
        } else {
            flights.extend([(C, keys12()), (S, finished12())]);
        }
        let report = play(&flights);
        assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
        assert_eq!(report.resumed, resumed, "{report:#?}");
    }
}

#[test]
fn a_second_hello_is_asked_for_within_the_servers_flight() {
    let retry = hello13(&RETRY, &[]);
    let flights = [
        (C, client_hello(0)),
        (S, retry),
        (C, client_hello(64)),
        (S, flight13(900)),
        (C, finished13()),
    ];
    let report = play(&flights);
    assert_eq!(report.outcome, Outcome::Established);
    assert!(report.retried && !report.resumed);
    assert_eq!(report.phases.server_flight, Some(Duration::from_millis(30)));
}

#[test]
fn early_data_does_not_pass_for_the_finished() {
    let early = [client_hello_with(&[], &[(41, &[0; 40]), (42, &[])]), record(20, &[1])].concat();
    let accepted = [hello13(&[9; 32], &[(41, &[0, 0])]), record(23, &[0; 90])].concat();
    let flights = [
        (C, [early, record(23, &[0; 300])].concat()),
        (S, accepted),
        (C, record(23, &[0; 500])),
        (C, [record(23, &[0; 21]), record(23, &[0; 53])].concat()),
    ];
    let report = play(&flights);
    assert_eq!(report.outcome, Outcome::Established, "{report:#?}");
    assert!(report.resumed && report.early_data);
    assert_eq!(report.phases.client_flight, Some(Duration::from_millis(20)));
    assert_eq!(play(&flights[..3]).outcome, Outcome::Incomplete, "its data alone");
}

#[test]
fn an_encrypted_client_hello_is_marked() {
    let hidden = client_hello_with(&[], &[(0xfe0d, &[0; 200])]);
    let report = play(&[(C, hidden), (S, flight13(900)), (C, finished13())]);
    assert!(report.ech);
    assert_eq!(report.server_name.as_deref(), Some("probe.example"));
}

#[test]
fn a_client_certificate_is_part_of_the_clients_flight() {
    let asks =
        [hello12(&[]), message(11, &[0; 900]), message(13, &[0; 20]), message(14, &[])].concat();
    let shows =
        [message(11, &[0; 700]), message(16, &[0; 33]), message(15, &[0; 70]), finished12()]
            .concat();
    let report = play(&[(C, client_hello(0)), (S, asks), (C, shows), (S, finished12())]);
    assert_eq!(report.outcome, Outcome::Established);
    assert_eq!(report.client_messages.iter().collect::<Vec<_>>(), [1, 11, 15, 16]);
    assert_eq!(report.server_messages.iter().collect::<Vec<_>>(), [2, 11, 13, 14]);
}

#[test]
fn a_client_without_the_certificate_asked_for_says_so_in_tls13_too() {
    // Certificate (eight bytes) and Finished in records of their own, as OpenSSL does it.
    let empty = [record(23, &[0; 25]), record(23, &[0; 53])].concat();
    let report = play(&[(C, client_hello(0)), (S, flight13(900)), (C, empty)]);
    assert_eq!((report.outcome, report.alert), (Outcome::Established, None));
}

#[test]
fn whoever_sends_an_alert_is_named() {
    let refused = |flights: &[(From, Vec<u8>)]| {
        let report = play(flights);
        assert_eq!(report.outcome, Outcome::Alert, "{report:#?}");
        let alert = report.alert.expect("an alert");
        (alert.side, alert.description, report.because)
    };
    let clear = record(21, &[2, 48]);
    let (side, description, because) =
        refused(&[(C, client_hello(0)), (S, flight12()), (C, clear.clone())]);
    assert_eq!((side, description), (Side::Client, Some(48)));
    assert!(because.ends_with("; the client ended it with the alert unknown_ca"), "{because}");
    // In TLS 1.3 it is encrypted; its length tells.
    let hidden = record(23, &[0; 19]);
    let (side, description, because) =
        refused(&[(C, client_hello(0)), (S, flight13(900)), (C, hidden.clone())]);
    assert_eq!((side, description), (Side::Client, None));
    assert!(because.ends_with("; the client ended it with an encrypted alert"), "{because}");
    let (side, ..) = refused(&[(C, client_hello(0)), (S, flight13(900)), (S, hidden)]);
    assert_eq!(side, Side::Server);
    // A warning is none: the name is not known, but the handshake goes on.
    let warning = record(21, &[1, 112]);
    let (side, ..) = refused(&[(C, client_hello(0)), (S, warning), (S, clear)]);
    assert_eq!(side, Side::Server);
}

#[test]
fn hellos_of_ssl_2_and_3_are_named() {
    let ssl2 = [0x80, 0x1c, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80];
    let report = play(&[(C, [&ssl2[..], &[7; 16]].concat())]);
    assert_eq!(report.version.map(|version| version.to_string()).as_deref(), Some("SSLv2"));
    let mut body = vec![3, 0];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0, 5, 1, 0]);
    let report = play(&[(C, message(1, &body))]);
    assert_eq!(report.version.map(|version| version.to_string()).as_deref(), Some("SSLv3"));
}

#[test]
fn a_hello_may_come_in_records_of_a_few_bytes() {
    let hello = client_hello(0);
    for size in [1, 3, 7, 100] {
        let parts: Vec<u8> = hello[5..].chunks(size).flat_map(|part| record(22, part)).collect();
        let report = play(&[(C, parts), (S, flight13(900)), (C, finished13())]);
        assert_eq!(report.server_name.as_deref(), Some("probe.example"), "by {size}");
        assert_eq!(report.outcome, Outcome::Established);
    }
}

#[test]
fn http_in_clear_on_a_port_for_tls_is_told() {
    let refusal = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    let report = play(&[(C, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()), (S, refusal)]);
    assert_eq!(report.plaintext, Some(Plaintext::Http));
    assert_eq!((report.outcome, report.version), (Outcome::Incomplete, None));
}

#[test]
fn whatever_was_said_in_clear_the_clock_starts_at_the_hello() {
    let postgres: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
    let ldap = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
    let ldap_yes = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
    let features = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    for (spoken, talk) in [
        (
            Plaintext::Smtp,
            &[
                (S, &b"220 mx ESMTP\r\n"[..]),
                (C, b"EHLO a\r\n"),
                (S, b"250 STARTTLS\r\n"),
                (C, b"STARTTLS\r\n"),
                (S, b"220 go\r\n"),
            ][..],
        ),
        (Plaintext::Imap, &[(S, b"* OK ready\r\n"), (C, b"a1 STARTTLS\r\n"), (S, b"a1 OK\r\n")]),
        (Plaintext::Pop3, &[(S, b"+OK ready\r\n"), (C, b"STLS\r\n"), (S, b"+OK\r\n")]),
        (Plaintext::Ftp, &[(S, b"220 FTP\r\n"), (C, b"AUTH TLS\r\n"), (S, b"234 go\r\n")]),
        (
            Plaintext::Xmpp,
            &[
                (C, b"<?xml version='1.0'?><stream:stream to='a'>"),
                (S, features),
                (C, b"<starttls/>"),
                (S, b"<proceed/>"),
            ],
        ),
        (Plaintext::Postgres, &[(C, postgres), (S, b"S")]),
        (Plaintext::Ldap, &[(C, ldap), (S, ldap_yes)]),
        // By way of a proxy (RFC 9110 §9.3.6).
        (
            Plaintext::Http,
            &[(C, b"CONNECT a:443 HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\n\r\n")],
        ),
    ] {
        let mut play = Play::connected(Config::default(), 10 * MS);
        // Each takes longer than a handshake may: that is nobody's handshake.
        let mut now = 20_000;
        for (from, words) in talk {
            play.data(now * MS, *from, words);
            now += 20_000;
        }
        play.data(now * MS, C, &client_hello(1200));
        play.data((now + 2) * MS, S, &flight13(900));
        play.data((now + 13) * MS, C, &finished13());
        let report = play.report();
        assert_eq!(report.plaintext, Some(spoken));
        assert_eq!((report.outcome, report.verdict), (Outcome::Established, Verdict::None));
        assert_eq!(
            (report.start_ns, report.phases.total.as_millis()),
            (now * MS, 13),
            "{spoken:?}"
        );
        assert_eq!(report.rtt, Some(Duration::from_millis(10)), "that of the TCP handshake");
        assert!(play.table.is_empty());
    }
}
