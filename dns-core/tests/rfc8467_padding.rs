//! RFC 7830 and RFC 8467: on encrypted transports, answers to those who pad have sizes that tell little; and
//! addresses take turns.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::collections::HashSet;

use dns_core::{Resolver, Transport};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;
use world::{CLIENT, query, zone};

fn site() -> Resolver {
    let many: Vec<String> = (1..=4).map(|i| format!("many 300 A 10.0.1.{i}\n")).collect();
    let more = |i| format!("more 300 TXT \"record number {i}\"\n");
    let more: Vec<String> = (1..=60).map(more).collect();
    Resolver::builder()
        .zone(zone("corp.", &format!("{}{}a 300 CNAME many\n", many.concat(), more.concat())))
        .build()
}

fn serve(site: &Resolver, message: &Message, transport: Transport) -> Vec<u8> {
    let mut out = vec![0; 65_535];
    let wire = message.to_vec().expect("a query");
    let served = site.serve(std::time::Duration::from_secs(1), CLIENT, &wire, transport, &mut out);
    let dns_core::Served::Answer { len, .. } = served else { panic!("an answer") };
    out.truncate(len);
    out
}

#[test]
fn padded_queries_get_padded_answers_where_nobody_can_read_them() {
    let site = site();
    let padded = [EdnsOption::Unknown(12, vec![0; 20])];
    for name in ["ns.corp.", "many.corp.", "none.corp.", "more.corp."] {
        let message = query(name, RecordType::TXT, &padded);
        let answer = serve(&site, &message, Transport::Encrypted);
        assert!(answer.len().is_multiple_of(468), "{name}");
        Message::from_vec(&answer).expect("well-formed");
        assert!(
            !serve(&site, &message, Transport::Stream).len().is_multiple_of(468),
            "in the open"
        );
        let plain = query(name, RecordType::TXT, &[]);
        assert!(
            !serve(&site, &plain, Transport::Encrypted).len().is_multiple_of(468),
            "not wanted"
        );
    }
}

#[test]
fn cached_addresses_take_turns_at_the_front_and_none_is_lost() {
    let site = site();
    for name in ["many.corp.", "a.corp."] {
        let mut first = HashSet::new();
        for _ in 0..8 {
            let answer = serve(&site, &query(name, RecordType::A, &[]), Transport::Datagram);
            let answer = Message::from_vec(&answer).expect("well-formed");
            let found = answer.answers.iter().filter(|r| r.record_type() == RecordType::A);
            let found: Vec<String> = found.map(|record| record.data.to_string()).collect();
            assert_eq!(found.iter().collect::<HashSet<_>>().len(), 4, "{found:?}");
            first.insert(found[0].clone());
        }
        assert_eq!(first.len(), 4, "{name}");
    }
}
