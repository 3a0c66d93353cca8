//! What every asker gets out of one cached answer, decoded by `hickory-proto`.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "every question here is put together on its own")]
mod asker;

use std::time::Duration;

use asker::{CLIENT, NOW, edns_query, lines, query, resolver, send, send_wire};
use dns_core::answer::{Aging, Answer, Patch};
use dns_core::question::Query;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name as HickoryName, RData, Record, RecordType, rdata};
use proptest::prelude::*;

const APEX: &str = "@ 300 SOA ns mail 1 1d 2h 4w 5m\n@ 300 NS ns\nns 300 A 10.0.0.1\n";

fn site() -> dns_core::Resolver {
    let many = (1..60).map(|i| format!("many 300 A 10.0.1.{i}")).collect::<Vec<_>>().join("\n");
    let text = format!("{APEX}www 300 A 10.0.0.2\nalias 60 CNAME www\nmx 300 MX 10 ns\n{many}");
    resolver("corp", &text)
}

#[test]
fn the_asker_gets_its_own_id_bits_and_spelling() {
    let site = site();
    send(&site, &query("www.corp.", RecordType::A));
    let mut message = query("wWw.CoRP.", RecordType::A);
    message.metadata.id = 99;
    message.metadata.recursion_desired = false;
    let answer = send(&site, &message);
    assert_eq!(answer.metadata.id, 99);
    assert!(!answer.metadata.recursion_desired && !answer.metadata.recursion_available);
    assert!(answer.metadata.authoritative && !answer.metadata.checking_disabled);
    assert_eq!(answer.queries[0].name().to_ascii(), "wWw.CoRP.");
    assert_eq!(answer.answers[0].name.to_ascii(), "wWw.CoRP.", "0x20 reaches the owner");
    assert!(answer.edns.is_none());

    message.metadata.checking_disabled = true;
    message.metadata.recursion_desired = true;
    let answer = send(&site, &message);
    assert!(answer.metadata.checking_disabled && answer.metadata.recursion_desired);
}

#[test]
fn edns_is_answered_with_edns() {
    let mut message = edns_query("www.corp.", RecordType::A, 1_400);
    message.edns.as_mut().expect("just set").set_dnssec_ok(true);
    let answer = send(&site(), &message);
    let edns = answer.edns.expect("OPT");
    assert_eq!((edns.max_payload(), edns.version(), edns.flags().dnssec_ok), (1_232, 0, true));
}

#[test]
fn what_does_not_fit_is_truncated_and_comes_whole_over_a_stream() {
    let site = site();
    let small = send(&site, &query("many.corp.", RecordType::A));
    assert!(small.metadata.truncation && small.answers.is_empty());
    let large = send(&site, &edns_query("many.corp.", RecordType::A, 4_096));
    assert!(!large.metadata.truncation);
    assert_eq!(large.answers.len(), 59);
    let liar = send(&site, &edns_query("many.corp.", RecordType::A, 0));
    assert!(liar.metadata.truncation && liar.edns.is_some(), "less than 512 counts as 512");

    let wire = query("many.corp.", RecordType::A).to_vec().expect("a query");
    let mut out = vec![0; 65_535];
    let len = site.answer_stream(NOW, CLIENT, &wire, &mut out);
    assert_eq!(Message::from_vec(&out[..len]).expect("an answer").answers.len(), 59);
}

#[test]
fn optional_records_go_before_needed_ones_and_without_tc() {
    let site = site();
    let wire = query("mx.corp.", RecordType::MX).to_vec().expect("a query");
    let mut out = [0; 512];
    let whole = site.answer(NOW, CLIENT, &wire, &mut out);
    assert_eq!(Message::from_vec(&out[..whole]).expect("an answer").additionals.len(), 1);
    let len = site.answer(NOW, CLIENT, &wire, &mut out[..whole - 1]);
    let answer = Message::from_vec(&out[..len]).expect("an answer");
    assert_eq!((answer.answers.len(), answer.additionals.len()), (1, 0));
    assert!(!answer.metadata.truncation);
}

#[test]
fn a_buffer_of_any_size_gets_a_message_or_nothing() {
    let site = site();
    for message in [
        query("many.corp.", RecordType::A),
        edns_query("many.corp.", RecordType::A, 4_096),
        query("elsewhere.", RecordType::A),
    ] {
        let wire = message.to_vec().expect("a query");
        for size in 0..1_300 {
            let mut out = vec![0xee; size];
            let len = site.answer(NOW, CLIENT, &wire, &mut out);
            assert!(len <= size);
            assert!(len == 0 || Message::from_vec(&out[..len]).is_ok(), "{size}");
            assert!(out[len..].iter().all(|&octet| octet == 0xee), "nothing behind the answer");
        }
    }
}

#[test]
fn every_prefix_of_a_query_is_answered_or_dropped() {
    let site = site();
    let wire = edns_query("www.corp.", RecordType::A, 1_232).to_vec().expect("a query");
    for end in 0..wire.len() {
        let answer = send_wire(&site, &wire[..end]);
        assert_eq!(answer.is_some(), end >= 12, "{end} octets");
        if let Some(answer) = answer {
            assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
        }
    }
}

/// A response with the given TTLs, as an upstream would send it.
fn response(ttls: &[u32], name: &str) -> Message {
    let mut message = query(name, RecordType::A).into_response();
    message.metadata.authoritative = true;
    for (i, &ttl) in ttls.iter().enumerate() {
        let name = HickoryName::from_ascii(name).expect("a name");
        let data = RData::A(rdata::A::new(192, 0, 2, i as u8));
        message.add_answer(Record::from_rdata(name, ttl, data));
    }
    message.set_edns(hickory_proto::op::Edns::new());
    message
}

proptest! {
    #[test]
    fn ttls_count_down_together(
        ttls in prop::collection::vec(0u32..=0x7fff_ffff, 1..20),
        age in 0u64..5_000_000_000,
        stale: bool,
        edns: bool,
    ) {
        let wire = response(&ttls, "Www.Example.").to_vec().expect("a response");
        let answer = Answer::from_response(&wire).expect("a response");
        let least = ttls.iter().min().copied();
        prop_assert_eq!(answer.ttl().map(dns_core::Ttl::as_secs), least);
        let aging = if stale {
            Aging::Stale(dns_core::Ttl::from_secs(30))
        } else {
            Aging::Aged(Duration::from_secs(age))
        };
        let mut message = query("www.example.", RecordType::A);
        if edns {
            message.set_edns(hickory_proto::op::Edns::new());
        }
        let wire = message.to_vec().expect("a query");
        let patch = Patch { aging, recursion_available: true, max_size: 4_096, udp_payload: 1_232, ..Patch::default() };
        let mut out = [0; 4_096];
        let asked = Query::parse(&wire).expect("a query");
        prop_assert!(answer.answers(&asked));
        let len = answer.write(&asked, &patch, &mut out);
        let given = Message::from_vec(&out[..len]).expect("well-formed");
        let expected: Vec<u32> = ttls
            .iter()
            .map(|&ttl| if stale { 30 } else { u64::from(ttl).saturating_sub(age) as u32 })
            .collect();
        prop_assert_eq!(given.answers.iter().map(|r| r.ttl).collect::<Vec<_>>(), expected);
        prop_assert_eq!(given.edns.is_some(), edns);
        prop_assert!(given.metadata.recursion_available && !given.metadata.authoritative);
        prop_assert_eq!(given.queries[0].name().to_ascii(), "www.example.");
        prop_assert_eq!(lines(&given.answers).len(), ttls.len());
    }

    #[test]
    fn mutated_responses_are_kept_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole: bool,
    ) {
        let mut wire = response(&[1, 2, 3], "www.example.").to_vec().expect("a response");
        for (at, octet) in changes {
            let at = at.index(wire.len());
            wire[at] = octet;
        }
        if !whole {
            wire.truncate(cut.index(wire.len()));
        }
        if let Ok(answer) = Answer::from_response(&wire) {
            let _ = answer.records(Aging::Fixed);
            let query = query("www.example.", RecordType::A).to_vec().expect("a query");
            let query = Query::parse(&query).expect("a query");
            let aging = Aging::Aged(Duration::from_secs(1));
            let patch = Patch { aging, recursion_available: true, max_size: 512, udp_payload: 1_232, ..Patch::default() };
            if answer.answers(&query) {
                prop_assert!(answer.write(&query, &patch, &mut [0; 512]) > 0);
            }
        }
    }
}
