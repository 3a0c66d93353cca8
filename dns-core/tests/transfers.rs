//! RFC 5936, 1995, 1996: whoever transfers a zone holds the same records, over whatever versions; and nobody
//! else gets any. Clocks are the test's own.
#![cfg(feature = "zones")]

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use dns_core::notify::{Notifier, Peer};
use dns_core::primary::{Grant, Installed, Primary, ZoneOptions};
use dns_core::resolve::Transport;
use dns_core::secondary::{Attempt, AttemptError, Change, Secondary, SecondaryConfig, Step};
use dns_core::transfer::{Received, TransferError};
use dns_core::tsig::{Key, Keyring};
use dns_core::{Name, RecordType, Resolver, Zone};
use proptest::prelude::*;

const WALL: u64 = 1_700_000_000;
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const START: Duration = Duration::from_secs(100);

fn origin() -> Name {
    "corp.".parse().expect("a name")
}

fn zone(serial: u32, hosts: &[(u8, u8)]) -> Zone {
    let mut text = format!("$TTL 60\n@ SOA ns. mail. {serial} 3600 600 86400 60\n@ NS ns.\n");
    for (host, address) in hosts {
        writeln!(text, "h{host} A 10.0.0.{address}").expect("a string grows");
    }
    Zone::from_master_file(&origin(), "test", &text).expect("a zone")
}

fn key() -> Key {
    "k:hmac-sha512:c2VjcmV0IG9mIHRlc3Rz".parse().expect("a key")
}

fn holder(grants: &[&str]) -> Primary {
    let mut keys = Keyring::default();
    keys.add(key());
    let primary = Primary::new(Resolver::builder().build(), keys, None);
    let mut options = ZoneOptions::default();
    options.transfer =
        grants.iter().map(|grant| grant.parse::<Grant>().expect("a grant")).collect();
    primary.configure(&origin(), options);
    primary
}

fn secondary(key: Option<Key>) -> Secondary {
    let peer = Peer::new(([192, 0, 2, 53], 53).into());
    let peer = key.into_iter().fold(peer, |peer, key| peer.with_key(Arc::new(key)));
    Secondary::new(SecondaryConfig::new(origin(), vec![peer]), None, START)
}

/// Carries messages between the two until the attempt ends; how many came, and what of it.
fn carry(primary: &Primary, attempt: &mut Attempt) -> (usize, Result<Received, TransferError>) {
    let mut request = attempt.begin(7, WALL);
    let mut count = 0;
    'asking: loop {
        assert!(Primary::wants(&request));
        let mut reply = primary.handle(START, WALL, CLIENT, &request, Transport::Stream);
        while let Some(message) = reply.next_message(WALL) {
            count += 1;
            match attempt.handle(&message, 8, WALL) {
                Step::Receive => {}
                Step::Send(next) => {
                    request = next;
                    continue 'asking;
                }
                Step::Done(outcome) => {
                    assert!(reply.next_message(WALL).is_none(), "the end is the end");
                    return (count, outcome);
                }
                _ => unreachable!("all steps there are"),
            }
        }
        panic!("the primary fell silent after {count} messages");
    }
}

fn refresh(primary: &Primary, secondary: &mut Secondary, now: Duration) -> Option<Change> {
    secondary.notify(now);
    let mut attempt = secondary.poll_attempt(now).expect("it is due");
    let (_, outcome) = carry(primary, &mut attempt);
    secondary.ended(now, outcome.map_err(AttemptError::from), 0)
}

#[test]
fn all_of_a_large_zone_arrives_in_many_messages() {
    for key in [None, Some(key())] {
        let hosts: Vec<(u8, u8)> = (0..=255).flat_map(|h| (0..20).map(move |a| (h, a))).collect();
        let primary = holder(&["192.0.2.0/24"]);
        let sent = zone(1, &hosts);
        primary.install(sent.clone(), Vec::new()).expect("no journal");
        let mut secondary = secondary(key);
        let mut attempt = secondary.poll_attempt(START).expect("due at once");
        let (count, outcome) = carry(&primary, &mut attempt);
        assert!(count > 3, "{count}");
        let change = secondary.ended(START, outcome.map_err(AttemptError::from), 0);
        assert!(matches!(change, Some(Change::Updated(zone, _)) if zone.same_records(&sent)));
    }
}

#[test]
fn differences_arrive_as_such_and_unchanged_is_one_record() {
    let primary = holder(&["#k"]);
    primary.install(zone(1, &[(1, 1), (2, 2)]), Vec::new()).expect("no journal");
    let mut secondary = secondary(Some(key()));
    refresh(&primary, &mut secondary, START);
    assert!(matches!(refresh(&primary, &mut secondary, START), Some(Change::Confirmed)));
    for (serial, hosts) in [(2, vec![(1, 1), (3, 3)]), (3, vec![(3, 4)]), (4, vec![])] {
        let next = zone(serial, &hosts);
        let installed = primary.install(next.clone(), Vec::new()).expect("no journal");
        assert_eq!(installed, Installed::Newer);
        // One version behind, then two at once.
        if serial == 3 {
            continue;
        }
        match refresh(&primary, &mut secondary, START) {
            Some(Change::Updated(zone, changes)) => {
                assert_eq!(changes.len(), if serial == 2 { 1 } else { 2 });
                assert!(zone.same_records(&next));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_is_too_far_behind_gets_all_of_it() {
    let primary = holder(&["192.0.2.1"]);
    let mut secondary = secondary(None);
    primary.install(zone(1, &[(1, 1)]), Vec::new()).expect("no journal");
    refresh(&primary, &mut secondary, START);
    // Another holder, which never saw version 1.
    let primary = holder(&["192.0.2.1"]);
    let newest = zone(9, &[(2, 2)]);
    primary.install(newest.clone(), Vec::new()).expect("no journal");
    match refresh(&primary, &mut secondary, START) {
        Some(Change::Updated(zone, changes)) => {
            assert!(changes.is_empty() && zone.same_records(&newest));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_gets_a_zone_without_a_grant() {
    for (grants, key, expected) in [
        (&[][..], None, 5),
        (&["10.0.0.0/8"], None, 5),
        (&["#k"], None, 5),
        (&["#other"], Some(key()), 5),
        (&["192.0.2.1#k"], None, 5),
        (&["192.0.2.1"], Some("k:hmac-sha512:d3Jvbmc=".parse().expect("a key")), 0),
        (&["192.0.2.1"], Some("x:hmac-sha512:d3Jvbmc=".parse().expect("a key")), 0),
    ] {
        let primary = holder(grants);
        primary.install(zone(1, &[]), Vec::new()).expect("no journal");
        let mut secondary = secondary(key);
        let (_, outcome) = carry(&primary, &mut secondary.poll_attempt(START).expect("due"));
        match outcome.expect_err("no grant") {
            TransferError::Rcode(rcode) => assert_eq!(rcode.0, expected, "{grants:?}"),
            TransferError::Tsig(_) => assert_eq!(expected, 0, "{grants:?}"),
            other => panic!("{grants:?}: {other}"),
        }
    }
}

#[test]
fn over_a_datagram_only_what_fits() {
    let primary = holder(&["192.0.2.1"]);
    let ask = |known: u32, rtype: RecordType| {
        let known = Arc::new(zone(known, &[]));
        let limits = dns_core::transfer::TransferLimits::default();
        let known = Some(known).filter(|_| rtype == RecordType::IXFR);
        let (request, _) = dns_core::transfer::request(7, &origin(), known, None, limits, WALL);
        let mut reply = primary.handle(START, WALL, CLIENT, &request, Transport::Datagram);
        let message = reply.next_message(WALL).expect("an answer");
        assert!(reply.next_message(WALL).is_none() && message.len() <= 512);
        (message[3] & 15, u16::from_be_bytes([message[6], message[7]]))
    };
    primary.install(zone(1, &[(1, 1)]), Vec::new()).expect("no journal");
    primary.install(zone(2, &[(1, 2)]), Vec::new()).expect("no journal");
    assert_eq!(ask(1, RecordType::IXFR), (0, 6), "SOA, old, gone, new, come, SOA");
    assert_eq!(ask(2, RecordType::IXFR), (0, 1));
    assert_eq!(ask(0, RecordType::IXFR), (0, 4), "all of it fits");
    assert_eq!(ask(0, RecordType::AXFR), (1, 0), "RFC 5936 §4.2");
    let many: Vec<(u8, u8)> = (0..200).map(|host| (host, 1)).collect();
    primary.install(zone(3, &many), Vec::new()).expect("no journal");
    assert_eq!(ask(1, RecordType::IXFR), (0, 1), "too much: the SOA alone sends them to TCP");
}

#[test]
fn timers_are_those_of_the_soa() {
    let primary = holder(&["192.0.2.1"]);
    primary.install(zone(1, &[]), Vec::new()).expect("no journal");
    let mut secondary = secondary(None);
    refresh(&primary, &mut secondary, START);
    let seconds = |seconds| START + Duration::from_secs(seconds);
    assert_eq!(secondary.poll_timeout(), Some(seconds(3_600)));
    assert!(secondary.poll_attempt(seconds(3_599)).is_none());
    let unreached = || Err(AttemptError::Connection(std::io::ErrorKind::ConnectionRefused));
    let mut now = seconds(3_600);
    while now < seconds(86_400) {
        assert!(secondary.poll_attempt(now).is_some(), "{now:?}");
        assert!(secondary.poll_attempt(now).is_none(), "one at a time");
        assert!(secondary.ended(now, unreached(), 0).is_none());
        now += Duration::from_mins(10);
        assert!(secondary.handle_timeout(now.min(seconds(86_399))).is_none());
    }
    assert!(secondary.zone().is_some());
    assert!(matches!(secondary.handle_timeout(seconds(86_400)), Some(Change::Expired)));
    assert!(secondary.zone().is_none());
    // And it comes back, from nothing.
    let mut attempt = secondary.poll_attempt(now).expect("still trying");
    let (_, outcome) = carry(&primary, &mut attempt);
    let back = secondary.ended(now, outcome.map_err(AttemptError::from), 0);
    assert!(matches!(back, Some(Change::Updated(..))));
}

#[test]
fn a_saved_zone_is_good_until_it_expires() {
    let saved = Arc::new(zone(1, &[]));
    let config = || SecondaryConfig::new(origin(), vec![Peer::new(([127, 0, 0, 1], 53).into())]);
    let age = Duration::from_secs(86_000);
    let mut fresh = Secondary::new(config(), Some((Arc::clone(&saved), age)), START);
    assert!(fresh.zone().is_some() && fresh.poll_attempt(START).is_some(), "served, and refreshed");
    assert!(fresh.handle_timeout(START + Duration::from_secs(399)).is_none());
    assert!(fresh.handle_timeout(START + Duration::from_secs(400)).is_some());
    let old = Secondary::new(config(), Some((saved, Duration::from_hours(24))), START);
    assert!(old.zone().is_none());
}

#[test]
fn the_next_primary_is_asked_at_once() {
    let peers = [1, 2, 3].map(|host| Peer::new(([192, 0, 2, host], 53).into()));
    let config = SecondaryConfig::new(origin(), peers.to_vec());
    let mut secondary = Secondary::new(config, None, START);
    for peer in &peers {
        let attempt = secondary.poll_attempt(START).expect("due at once");
        assert_eq!(attempt.primary(), peer);
        let unreached = AttemptError::Connection(std::io::ErrorKind::TimedOut);
        secondary.ended(START, Err(unreached), 0);
    }
    assert!(secondary.poll_attempt(START).is_none(), "after all of them there is a pause");
    assert!(secondary.poll_timeout() > Some(START));
}

#[test]
fn notices_are_repeated_until_heard_and_believed_from_primaries_only() {
    let mut keys = Keyring::default();
    let shared = keys.add(key());
    let told = Primary::new(Resolver::builder().build(), keys, None);
    let primary: Peer = Peer::new(([192, 0, 2, 1], 53).into());
    let mut options = ZoneOptions::default();
    options.primaries = vec![primary.clone().with_key(Arc::clone(&shared))];
    told.configure(&origin(), options);

    let target: std::net::SocketAddr = ([192, 0, 2, 2], 53).into();
    let mut notifier = Notifier::default();
    let peers = [Peer::new(target).with_key(shared)];
    notifier.notify(START, &Arc::new(zone(1, &[])), &peers, || 7);
    let (mut now, mut sent) = (START, Vec::new());
    while let Some(at) = notifier.poll_timeout().filter(|_| sent.len() < 9) {
        now = now.max(at);
        sent.extend(
            notifier
                .poll_transmit(now, WALL)
                .map(|(_, message)| (now.checked_sub(START).unwrap(), message)),
        );
    }
    let times: Vec<u64> = sent.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(times, [0, 3, 9, 21, 45], "five times, then no more");

    notifier.notify(START, &Arc::new(zone(2, &[])), &peers, || 7);
    let (_, notice) = notifier.poll_transmit(START, WALL).expect("one is due");
    let hear = |client: IpAddr| {
        let mut reply = told.handle(START, WALL, client, &notice, Transport::Datagram);
        (reply.notice().cloned(), reply.next_message(WALL).expect("an answer"))
    };
    let (heard, response) = hear(CLIENT);
    assert_eq!((heard, response[3] & 15), (Some(origin()), 0));
    assert_eq!(hear([203, 0, 113, 1].into()).0, Some(origin()), "the key is enough");
    assert!(notifier.handle(([192, 0, 2, 3], 53).into(), &response, WALL).is_none(), "another");
    assert_eq!(notifier.handle(target, &response, WALL), Some((origin(), 0)));
    assert_eq!(notifier.pending(), 0);

    let mut unsigned = Notifier::default();
    unsigned.notify(START, &Arc::new(zone(2, &[])), &[Peer::new(target)], || 7);
    let (_, notice) = unsigned.poll_transmit(START, WALL).expect("one is due");
    let mut reply = told.handle(START, WALL, [203, 0, 113, 1].into(), &notice, Transport::Datagram);
    assert_eq!(reply.notice(), None);
    assert_eq!(reply.next_message(WALL).expect("an answer")[3] & 15, 5, "REFUSED");
}

#[test]
fn journals_outlive_a_restart() {
    let directory = std::env::temp_dir().join(format!("popkit-journal-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let begin = || {
        let primary =
            Primary::new(Resolver::builder().build(), Keyring::default(), Some(&directory));
        let mut options = ZoneOptions::default();
        options.transfer = vec!["192.0.2.1".parse().expect("a grant")];
        primary.configure(&origin(), options);
        primary
    };
    let mut secondary = secondary(None);
    let primary = begin();
    primary.install(zone(1, &[(1, 1)]), Vec::new()).expect("written");
    refresh(&primary, &mut secondary, START);
    primary.install(zone(2, &[(1, 2)]), Vec::new()).expect("written");
    let primary = begin();
    primary.install(zone(2, &[(1, 2)]), Vec::new()).expect("written");
    let change = refresh(&primary, &mut secondary, START);
    assert!(matches!(change, Some(Change::Updated(_, changes)) if changes.len() == 1));
    std::fs::remove_dir_all(&directory).expect("ours");
}

#[test]
fn a_void_zone_fails_and_is_asked_of_nobody() {
    let primary = holder(&["192.0.2.1"]);
    primary.install(Zone::void(&origin()), Vec::new()).expect("no journal");
    let lookup = primary.resolver().lookup(START, "x.corp", RecordType::A).expect("a name");
    assert_eq!(lookup.outcome, dns_core::Outcome::Failed);
    let mut secondary = secondary(None);
    let (_, outcome) = carry(&primary, &mut secondary.poll_attempt(START).expect("due"));
    assert!(matches!(outcome, Err(TransferError::Rcode(rcode)) if rcode.0 == 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever versions there were, and whichever of them the secondary saw.
    #[test]
    fn versions_are_followed(
        versions in prop::collection::vec(
            (prop::collection::vec((0u8..8, 0u8..4), 0..12), any::<bool>()), 1..8),
        first in any::<u32>(),
    ) {
        let primary = holder(&["#k"]);
        let mut secondary = secondary(Some(key()));
        for (number, (hosts, seen)) in versions.iter().enumerate() {
            let next = zone(first.wrapping_add(number as u32), hosts);
            primary.install(next.clone(), Vec::new()).expect("no journal");
            if *seen {
                refresh(&primary, &mut secondary, START);
                let held = secondary.zone().expect("transferred");
                prop_assert!(held.same_records(&next), "{} {}", held.to_master_file(), next.to_master_file());
            }
        }
    }

    /// Octets of a stream changed, cut, or of no stream at all: an error, or the zone that was sent.
    #[test]
    fn damaged_streams_are_refused(at in any::<prop::sample::Index>(), bit in 0u8..8, keyed: bool) {
        let primary = holder(&["192.0.2.1"]);
        let sent = zone(1, &[(1, 1), (2, 2)]);
        primary.install(sent.clone(), Vec::new()).expect("no journal");
        let mut secondary = secondary(keyed.then(key));
        let mut attempt = secondary.poll_attempt(START).expect("due");
        let request = attempt.begin(7, WALL);
        let mut reply = primary.handle(START, WALL, CLIENT, &request, Transport::Stream);
        let mut message = reply.next_message(WALL).expect("a message");
        let at = at.index(message.len());
        message[at] ^= 1 << bit;
        if let Step::Done(Ok(Received::Zone(zone, _))) = attempt.handle(&message, 8, WALL) {
            // With a key not one record differs; the id may (RFC 8945 §4.2).
            prop_assert!(!keyed || zone.same_records(&sent), "octet {at}");
        }
    }
}
