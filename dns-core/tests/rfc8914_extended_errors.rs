//! RFC 8914: an answer that is not what was hoped for says why.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::net::IpAddr;
use std::time::Duration;

use dns_core::{Resolver, Transport};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use world::{World, address, code, query, reasons, zone};

fn answers(query: &Message, response: &mut Message) -> bool {
    let name = query.queries[0].name().to_ascii();
    if name.starts_with("no.") {
        response.metadata.response_code = ResponseCode::NXDomain;
        let soa = zone_soa();
        response.add_authority(soa);
    } else {
        address(response, &name, [203, 0, 113, 9]);
    }
    true
}

fn zone_soa() -> hickory_proto::rr::Record {
    use hickory_proto::rr::{Name, RData, Record, rdata::SOA};
    let zone = || Name::from_ascii("example.").expect("a name");
    Record::from_rdata(zone(), 60, RData::SOA(SOA::new(zone(), zone(), 1, 1, 1, 1, 60)))
}

fn is_silent(_: &Message, _: &mut Message) -> bool {
    false
}

#[test]
fn stale_answers_and_denials_say_that_they_are() {
    let mut world = World::new(Resolver::builder(), answers);
    let (found, denied) =
        (query("a.example.", RecordType::A, &[]), query("no.example.", RecordType::A, &[]));
    for message in [&found, &denied] {
        assert_eq!(reasons(&world.ask(message)), [0; 0]);
    }
    world.says = is_silent;
    world.now += Duration::from_secs(1_000);
    // By the client timer, then at once.
    for _ in 0..2 {
        let answer = world.ask(&found);
        assert_eq!((code(&answer), reasons(&answer)), (ResponseCode::NoError, vec![3]));
        assert_eq!(answer.answers[0].ttl, 30);
        let denial = world.ask(&denied);
        assert_eq!((code(&denial), reasons(&denial)), (ResponseCode::NXDomain, vec![19]));
    }
}

#[test]
fn failures_say_whether_anybody_was_reached_and_whether_it_is_remembered() {
    let mut world = World::new(Resolver::builder(), is_silent);
    let message = query("a.example.", RecordType::A, &[]);
    let failed = world.ask(&message);
    assert_eq!((code(&failed), reasons(&failed)), (ResponseCode::ServFail, vec![22]));
    let again = world.ask(&message);
    assert_eq!((code(&again), reasons(&again)), (ResponseCode::ServFail, vec![13]));
}

#[test]
fn refusals_say_whether_it_is_the_asker_or_the_name() {
    let resolver =
        Resolver::builder().zone(zone("corp.", "")).private("lan".parse().expect("a name"));
    let mut world = World::new(resolver, answers);
    let stranger: IpAddr = "203.0.113.1".parse().expect("an address");
    let message = query("ns.corp.", RecordType::A, &[]);
    let refused = world.ask_as(stranger, Transport::Datagram, &message).expect("an answer");
    assert_eq!((code(&refused), reasons(&refused)), (ResponseCode::Refused, vec![18]));
    let private = world.ask(&query("x.lan.", RecordType::A, &[]));
    assert_eq!((code(&private), reasons(&private)), (ResponseCode::Refused, vec![15]));
    let mut alone = query("x.example.", RecordType::A, &[]);
    alone.metadata.recursion_desired = false;
    let unknown = world.ask(&alone);
    assert_eq!((code(&unknown), reasons(&unknown)), (ResponseCode::Refused, vec![20]));
    assert_eq!(world.asked, [""; 0]);
}

#[test]
fn zones_may_be_for_everybody_while_recursion_is_not() {
    let everybody = "0.0.0.0/0".parse().expect("a network");
    let resolver = Resolver::builder()
        .zone(zone("corp.", "out 300 CNAME www.example.\n"))
        .zone(zone("lan.", ""))
        .private("lan".parse().expect("a name"))
        .allow_zones(everybody);
    let mut world = World::new(resolver, answers);
    world.ask(&query("www.example.", RecordType::A, &[]));
    let stranger: IpAddr = "203.0.113.1".parse().expect("an address");
    let mut ask = |name: &str| {
        let message = query(name, RecordType::A, &[]);
        world.ask_as(stranger, Transport::Datagram, &message).expect("an answer")
    };
    let own = ask("ns.corp.");
    assert_eq!((code(&own), own.answers.len()), (ResponseCode::NoError, 1));
    assert!(own.metadata.authoritative && !own.metadata.recursion_available);
    assert_eq!(ask("out.corp.").answers.len(), 1, "the alias alone");
    assert_eq!(code(&ask("www.example.")), ResponseCode::Refused, "though it is in the cache");
    assert_eq!(code(&ask("ns.lan.")), ResponseCode::Refused, "though it is a zone of ours");
}
