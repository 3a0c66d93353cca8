//! RFC 6761, 6303, 7686, 8375: reserved names are answered here; nothing else is, and strangers not at all.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "a resolver without zones of its own")]
mod asker;

use asker::{CLIENT, NOW, ask, edns_query, lines, query, send_wire};
use dns_core::question::Query;
use dns_core::{Resolver, View};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, rdata::A};

fn site() -> Resolver {
    Resolver::builder().build()
}

#[test]
fn localhost_is_the_loopback() {
    for name in ["localhost.", "a.b.localhost."] {
        let answer = ask(&site(), name, RecordType::A);
        assert_eq!(lines(&answer.answers), [format!("{name} 10800 A 127.0.0.1")]);
        let answer = ask(&site(), name, RecordType::AAAA);
        assert_eq!(lines(&answer.answers), [format!("{name} 10800 AAAA ::1")]);
        let answer = ask(&site(), name, RecordType::MX);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(answer.answers.is_empty());
    }
}

#[test]
fn reserved_names_do_not_exist() {
    for name in [
        "a.invalid.",
        "x.onion.",
        "printer.home.arpa.",
        "1.0.0.10.in-addr.arpa.",
        "1.2.16.172.in-addr.arpa.",
        "1.1.64.100.in-addr.arpa.",
    ] {
        let answer = ask(&site(), name, RecordType::PTR);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA);
    }
}

#[test]
fn all_else_is_refused() {
    let site = site();
    for name in ["example.com.", ".", "arpa.", "1.1.1.1.in-addr.arpa."] {
        let answer = ask(&site, name, RecordType::A);
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused, "{name}");
        assert_eq!(answer.queries[0].name().to_ascii(), name);
        assert!(answer.edns.is_some());
    }
    assert_eq!(site.stats().cache.entries, 0, "refusals take no room");
    assert_eq!(site.stats().refused, 8);
}

#[test]
fn strangers_are_refused_even_what_is_cached() {
    let site = site();
    let wire = query("localhost.", RecordType::A).to_vec().expect("a query");
    let code = |client: &str| {
        let mut out = [0; 512];
        let len = site.answer(NOW, client.parse().expect("an address"), &wire, &mut out);
        Message::from_vec(&out[..len]).expect("an answer").metadata.response_code
    };
    for client in ["127.0.0.1", "::ffff:10.1.1.1", "fd00::9", "192.168.7.7"] {
        assert_eq!(code(client), ResponseCode::NoError, "{client}");
    }
    for client in ["192.0.2.1", "172.32.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        assert_eq!(code(client), ResponseCode::Refused, "{client}");
    }
    let open = Resolver::builder().allow("192.0.2.0/24".parse().expect("a network")).build();
    let mut out = [0; 512];
    assert!(open.answer(NOW, "192.0.2.1".parse().expect("an address"), &wire, &mut out) > 40);
}

#[test]
fn odd_queries_are_told_what_is_wrong_with_them() {
    let site = site();
    let code = |message: &Message| {
        let wire = message.to_vec().expect("a query");
        send_wire(&site, &wire).map(|answer| answer.metadata.response_code)
    };
    let base = || query("localhost.", RecordType::A);
    let mut notify = base();
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(code(&notify), Some(ResponseCode::NotImp));
    let mut two = base();
    two.add_query(base().queries[0].clone());
    assert_eq!(code(&two), Some(ResponseCode::FormErr), "RFC 9619");
    assert_eq!(code(&query("localhost.", RecordType::AXFR)), Some(ResponseCode::Refused));
    assert_eq!(code(&query("localhost.", RecordType::Unknown(253))), Some(ResponseCode::NotImp));
    let mut chaos = base();
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(code(&chaos), Some(ResponseCode::Refused));
    let mut version = edns_query("localhost.", RecordType::A, 1_232);
    version.edns.as_mut().expect("just set").set_version(1);
    assert_eq!(code(&version), Some(ResponseCode::from(1, 0)), "RFC 6891 §6.1.3");
    assert_eq!(code(&base().into_response()), None, "answers are not answered");
    let mut out = [0; 512];
    assert_eq!(site.answer(NOW, CLIENT, &[0; 11], &mut out), 0);
    assert_eq!(site.stats().dropped, 2);

    // Records a query need not have make it slow, not wrong.
    let mut odd = base();
    odd.metadata.truncation = true;
    let answer = send_wire(&site, &odd.to_vec().expect("a query")).expect("an answer");
    assert_eq!(lines(&answer.answers), ["localhost. 10800 A 127.0.0.1"]);
}

#[test]
fn what_may_not_be_asked_is_refused_though_an_answer_is_cached() {
    let site = site();
    let mut chaos = query("a.example.", RecordType::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    let wire = chaos.to_vec().expect("a query");
    let mut answer = chaos.clone().into_response();
    let owner = Name::from_ascii("a.example.").expect("a name");
    answer.add_answer(Record::from_rdata(owner, 60, RData::A(A::new(192, 0, 2, 1))));
    let asked = Query::parse(&wire).expect("a query");
    let response = answer.to_vec().expect("a response");
    site.inject(NOW, View::default(), &asked, &response).expect("taken");
    let answer = send_wire(&site, &wire).expect("an answer");
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    assert!(answer.answers.is_empty());
}
