//! Aliases from our zones to names of others and back are followed to their end, and no further than that.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::time::Duration;

use dns_core::Resolver;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use world::{World, address, alias, code, lines, query, zone};

fn says(query: &Message, response: &mut Message) -> bool {
    let name = query.queries[0].name().to_ascii();
    match name.as_str() {
        "cdn.example." => {
            alias(response, &name, "edge.example.");
            address(response, "edge.example.", [203, 0, 113, 9]);
        }
        // The world sees another answer than we do.
        "inwards.example." => {
            alias(response, &name, "host.corp.");
            address(response, "host.corp.", [198, 51, 100, 66]);
        }
        "leak.example." => {
            alias(response, &name, "x.lan.");
            address(response, "x.lan.", [198, 51, 100, 66]);
        }
        "back.example." => alias(response, &name, "again.corp."),
        "round.example." => alias(response, &name, "round.corp."),
        "gone.example." => response.metadata.response_code = ResponseCode::NXDomain,
        name if name.starts_with("hop-") => {
            let number: u32 = name[4..name.len() - 9].parse().expect("a number");
            alias(response, name, &format!("hop-{}.corp.", number + 1));
        }
        _ => address(response, &name, [203, 0, 113, 1]),
    }
    true
}

fn world() -> World {
    let hop = |i| format!("hop-{i} 300 CNAME hop-{i}.example.\n");
    let hops = (0..50).map(hop).collect::<Vec<_>>().concat();
    let records = format!(
        "host 300 A 10.0.0.7\nwww 300 CNAME cdn.example.\nagain 300 CNAME cdn.example.\n\
         round 300 CNAME round.example.\ngone 300 CNAME gone.example.\nsecret 300 CNAME x.lan.\n\
         twice 300 CNAME back.example.\n{hops}"
    );
    let lan = "lan".parse().expect("a name");
    World::new(Resolver::builder().zone(zone("corp.", &records)).private(lan), says)
}

#[test]
fn an_alias_of_ours_is_answered_with_what_others_say_of_its_target() {
    let mut world = world();
    let why = |world: &World, name| {
        world
            .resolver
            .explain(world.now, name, dns_core::RecordType::A, world::CLIENT)
            .expect("a name")
    };
    let away = why(&world, "www.corp").leads_to.expect("others are asked");
    assert_eq!(away, "cdn.example".parse().expect("a name"));
    assert_eq!(why(&world, "host.corp").leads_to, None);
    let www = query("WwW.corp.", RecordType::A, &[]);
    for _ in 0..3 {
        let answer = world.ask(&www);
        let want = [
            "WwW.corp. CNAME cdn.example.",
            "cdn.example. CNAME edge.example.",
            "edge.example. A 203.0.113.9",
        ];
        assert_eq!(lines(&answer), want);
        assert!(answer.metadata.authoritative, "for the first name");
    }
    assert_eq!(world.asked, ["cdn.example."], "once");
    // What is cached of the target serves the next alias to it.
    assert_eq!(world.ask(&query("again.corp.", RecordType::A, &[])).answers.len(), 3);
    assert_eq!(world.asked.len(), 1);
    world.now += Duration::from_secs(61);
    assert_eq!(world.ask(&www).answers.len(), 3);
    assert_eq!(world.asked.len(), 2, "the least TTL of the chain bounds it");
    // A new zone takes effect at once.
    world.resolver.put_zone(zone("corp.", "www 300 A 10.0.0.8\n"));
    assert_eq!(lines(&world.ask(&www)), ["WwW.corp. A 10.0.0.8"]);
    let nobody = world.ask(&query("www.corp.", RecordType::CNAME, &[]));
    assert_eq!(nobody.answers.len(), 0);
}

#[test]
fn an_alias_of_others_into_our_names_ends_with_our_answer() {
    let mut world = world();
    for _ in 0..2 {
        let answer = world.ask(&query("inwards.example.", RecordType::A, &[]));
        let want = ["inwards.example. CNAME host.corp.", "host.corp. A 10.0.0.7"];
        assert_eq!(lines(&answer), want);
    }
    let leak = world.ask(&query("leak.example.", RecordType::A, &[]));
    assert_eq!(lines(&leak), ["leak.example. CNAME x.lan."], "nobody outside answers for lan");
    let twice = lines(&world.ask(&query("twice.corp.", RecordType::A, &[])));
    assert_eq!(twice.len(), 5, "out, in, out: {twice:?}");
    assert_eq!(world.asked, ["inwards.example.", "leak.example.", "back.example.", "cdn.example."]);
}

#[test]
fn rounds_and_long_ways_come_to_an_end() {
    let mut world = world();
    let round = world.ask(&query("round.corp.", RecordType::A, &[]));
    assert_eq!(round.answers.len(), 2, "{:?}", lines(&round));
    let long = world.ask(&query("hop-0.corp.", RecordType::A, &[]));
    assert!(world.asked.len() <= 20, "{:?}", world.asked);
    assert!(matches!(code(&long), ResponseCode::ServFail | ResponseCode::NoError));
}

#[test]
fn what_is_missing_out_there_is_missing_here_and_what_is_private_is_not_asked_for() {
    let mut world = world();
    let gone = world.ask(&query("gone.corp.", RecordType::A, &[]));
    assert_eq!((code(&gone), gone.answers.len()), (ResponseCode::NXDomain, 1));
    let secret = world.ask(&query("secret.corp.", RecordType::A, &[]));
    assert_eq!(lines(&secret), ["secret.corp. CNAME x.lan."]);
    let mut plain = query("www.corp.", RecordType::A, &[]);
    plain.metadata.recursion_desired = false;
    assert_eq!(lines(&world.ask(&plain)), ["www.corp. CNAME cdn.example."], "not wanted");
    assert_eq!(world.asked, ["gone.example."]);
}

/// A zone that is signed, as far as whoever serves it can tell.
fn signed() -> World {
    let sign = |owner: &str, rtype: &str, labels: u8| {
        format!(
            "{owner} 300 RRSIG {rtype} 13 {labels} 300 20300101000000 20250101000000 1 corp. c2lnbmF0dXJl\n"
        )
    };
    let nsec = |owner: &str, next: &str, types: &str| {
        let labels = if owner == "@" { 1 } else { 2 };
        format!("{owner} 300 NSEC {next} {types} RRSIG NSEC\n") + &sign(owner, "NSEC", labels)
    };
    let records = [
        "www 300 CNAME cdn.example.\n*.wild 300 CNAME cdn.example.\nold 300 DNAME gone.example.\n"
            .to_owned(),
        sign("www", "CNAME", 2),
        sign("*.wild", "CNAME", 2),
        sign("old", "DNAME", 2),
        nsec("@", "ns", "SOA NS"),
        nsec("ns", "old", "A"),
        nsec("old", "*.wild", "DNAME"),
        nsec("*.wild", "www", "CNAME"),
        nsec("www", "@", "CNAME"),
    ];
    World::new(Resolver::builder().zone(zone("corp.", &records.concat())), says)
}

fn with_do(name: &str) -> Message {
    let mut query = query(name, RecordType::A, &[]);
    query.edns.as_mut().expect("EDNS").set_dnssec_ok(true);
    query
}

/// RFC 4035 §3.1.1 and §3.1.3.3: signatures go with what they sign, and a wildcard with the proof that it is
/// what answers.
#[test]
fn our_signatures_and_proofs_go_with_an_alias_that_leads_away() {
    let mut world = signed();
    let types = |records: &[hickory_proto::rr::Record]| -> Vec<String> {
        records.iter().map(|record| format!("{} {}", record.name, record.record_type())).collect()
    };
    let away = ["cdn.example. CNAME", "edge.example. A"];
    for round in 0..2 {
        let www = world.ask(&with_do("www.corp."));
        let want = [&["www.corp. CNAME", "www.corp. RRSIG"][..], &away].concat();
        assert_eq!(
            (types(&www.answers), types(&www.authorities)),
            (owned(&want), vec![]),
            "{round}"
        );
        let wild = world.ask(&with_do("host.wild.corp."));
        let want = [&["host.wild.corp. CNAME", "host.wild.corp. RRSIG"][..], &away].concat();
        assert_eq!(types(&wild.answers), owned(&want), "{round}");
        let proof = ["*.wild.corp. NSEC", "*.wild.corp. RRSIG"];
        assert_eq!(types(&wild.authorities), owned(&proof), "{round}: no nearer name");
        let old = world.ask(&with_do("a.old.corp."));
        let want = ["old.corp. DNAME", "old.corp. RRSIG", "a.old.corp. CNAME", "a.gone.example. A"];
        assert_eq!(types(&old.answers), owned(&want), "{round}: what is made is not signed");
    }
    let plain = world.ask(&query("host.wild.corp.", RecordType::A, &[]));
    assert_eq!((plain.answers.len(), plain.authorities.len()), (3, 0), "nobody asked for proofs");
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}
