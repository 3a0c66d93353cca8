//! One name for the world, each site's own answer.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::net::IpAddr;

use dns_core::overlay::Scope;
use dns_core::{Overlay, RecordType as Type, Resolver, Transport};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use world::{World, address, lines, query, zone};

const OVERLAY: &str = "
; two sites and the rest
site munich 10.2.0.0/16 fd00:2::/32
site berlin 10.3.0.0/16
till.corp.example   @munich        A 10.2.0.52
till.corp.example   @berlin        A 10.3.0.52
till.corp.example   @10.2.7.0/24   A 10.2.7.52 # one floor has its own
till.corp.example            300   A 10.0.0.52
*.shop.example      @munich        CNAME pos.corp.example.
pos.corp.example    @munich        A 10.2.0.60
note.corp.example                  TXT \"a ; b\"
";

fn says(query: &Message, response: &mut Message) -> bool {
    let name = query.queries[0].name().to_ascii();
    address(response, &name, [203, 0, 113, 9]);
    true
}

fn world() -> World {
    let overlay = Overlay::parse(OVERLAY).expect("an overlay");
    let corp = zone("corp.example.", "other 300 A 10.0.0.8\ntill 300 A 10.9.9.9\n");
    World::new(Resolver::builder().zone(corp).overlay(overlay), says)
}

fn ask(world: &mut World, client: &str, name: &str, rtype: RecordType) -> Vec<String> {
    let client: IpAddr = client.parse().expect("an address");
    let answer = world.ask_as(client, Transport::Datagram, &query(name, rtype, &[]));
    let data = |line: String| line.rsplit(' ').next().expect("data").to_owned();
    lines(&answer.expect("an answer")).into_iter().map(data).collect()
}

#[test]
fn each_client_gets_the_answer_of_the_narrowest_network_it_is_in() {
    let mut world = world();
    for _ in 0..2 {
        for (client, want) in [
            ("10.2.1.1", "10.2.0.52"),
            ("fd00:2::1", "10.2.0.52"),
            ("10.3.1.1", "10.3.0.52"),
            ("10.2.7.1", "10.2.7.52"),
            ("127.0.0.1", "10.0.0.52"),
        ] {
            assert_eq!(ask(&mut world, client, "till.corp.example.", RecordType::A), [want]);
        }
        assert_eq!(ask(&mut world, "10.2.1.1", "other.corp.example.", RecordType::A), ["10.0.0.8"]);
    }
}

#[test]
fn wildcards_other_types_and_the_way_back_are_answered_too() {
    let mut world = world();
    let found = ask(&mut world, "10.2.7.9", "a.b.shop.example.", RecordType::A);
    assert_eq!(found, ["pos.corp.example.", "10.2.0.60"], "the floor is in the site");
    assert_eq!(ask(&mut world, "10.2.7.9", "shop.example.", RecordType::A), ["203.0.113.9"]);
    assert_eq!(ask(&mut world, "10.3.0.1", "a.shop.example.", RecordType::A), ["203.0.113.9"]);
    let none = ask(&mut world, "10.2.0.1", "till.corp.example.", RecordType::AAAA);
    assert_eq!(none, [""; 0], "denied, not asked for");
    let back = ask(&mut world, "10.2.0.1", "52.0.2.10.in-addr.arpa.", RecordType::PTR);
    assert_eq!(back, ["till.corp.example."]);
    let elsewhere = ask(&mut world, "10.3.0.1", "52.0.2.10.in-addr.arpa.", RecordType::PTR);
    assert_eq!(elsewhere, [""; 0]);
    assert_eq!(world.asked, ["shop.example.", "a.shop.example."]);
}

#[test]
fn a_new_overlay_takes_effect_at_once_and_explain_names_the_site() {
    let mut world = world();
    assert_eq!(ask(&mut world, "10.2.0.1", "www.example.", RecordType::A), ["203.0.113.9"]);
    let munich: IpAddr = "10.2.0.1".parse().expect("an address");
    let why = world.resolver.explain(world.now, "till.corp.example", Type::A, munich);
    let why = why.expect("a name").to_string();
    assert!(why.contains("seen from munich"), "{why}");
    let www = "www.example".parse().expect("a name");
    let more = Overlay::parse(OVERLAY).expect("an overlay").host(
        &Scope::Site("munich".to_owned()),
        &www,
        &["10.2.0.99".parse().expect("an address")],
    );
    world.resolver.put_overlay(&more);
    assert_eq!(ask(&mut world, "10.2.0.1", "www.example.", RecordType::A), ["10.2.0.99"]);
    world.resolver.put_overlay(&Overlay::new());
    assert_eq!(ask(&mut world, "10.2.0.1", "till.corp.example.", RecordType::A), ["10.9.9.9"]);
    assert_eq!(ask(&mut world, "10.2.0.1", "www.example.", RecordType::A), ["203.0.113.9"]);
}

#[test]
fn a_line_that_is_wrong_is_named_and_nothing_is_taken() {
    for (text, line) in [
        ("a.example @munich A 10.0.0.1\n", 1),
        ("\na.example A 10.0.0\n", 2),
        ("a.example @10.0.0.0/40 A 10.0.0.1", 1),
        ("site x 10.0.0.0/8\na.example FOO 1", 2),
        ("a.example A 10.0.0.1\na.example CNAME b.\n", 2),
    ] {
        let error = Overlay::parse(text).expect_err(text);
        assert_eq!(error.line, line, "{error}");
    }
}
