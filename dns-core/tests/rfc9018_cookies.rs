//! RFC 7873 and RFC 9018: cookies prove an address, and a limit that drops others' answers spares it.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::time::Duration;

use dns_core::{CookieSecret, RateLimits, Resolver, Transport};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;
use world::{CLIENT, World, code, option, query, zone};

const COOKIE: u16 = 10;
const HALF: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn nobody(_: &Message, _: &mut Message) -> bool {
    false
}

fn world(limits: RateLimits) -> World {
    let builder = Resolver::builder()
        .zone(zone("corp.", ""))
        .cookies(CookieSecret([9; 16]))
        .nsid("ns-munich-1")
        .limits(limits);
    World::new(builder, nobody)
}

fn ask_with(cookie: &[u8]) -> Message {
    query("ns.corp.", RecordType::A, &[EdnsOption::Unknown(COOKIE, cookie.to_vec())])
}

#[test]
fn a_client_s_half_comes_back_with_ours_and_a_malformed_one_is_an_error() {
    let mut world = world(RateLimits::default());
    let given = option(&world.ask(&ask_with(&HALF)), COOKIE).expect("a cookie");
    assert_eq!((given.len(), &given[..8]), (24, &HALF[..]));
    let kept = option(&world.ask(&ask_with(&given)), COOKIE).expect("a cookie");
    assert_eq!(kept, given, "a good one is kept");
    world.now += Duration::from_secs(2_000);
    let renewed = option(&world.ask(&ask_with(&given)), COOKIE).expect("a cookie");
    assert_ne!(renewed, given, "an old one is renewed");
    for len in [1, 7, 9, 15, 41] {
        assert_eq!(code(&world.ask(&ask_with(&vec![1; len]))), ResponseCode::FormErr, "{len}");
    }
    assert_eq!(option(&world.ask(&query("ns.corp.", RecordType::A, &[])), COOKIE), None);
}

#[test]
fn who_proves_its_address_is_not_limited_and_who_could_is_told_how() {
    let limits = RateLimits { responses_per_second: Some(5), slip: 1, ..RateLimits::default() };
    let mut world = world(limits);
    let given = option(&world.ask(&ask_with(&HALF)), COOKIE).expect("a cookie");
    let forger = query("ns.corp.", RecordType::A, &[]);
    let flood: Vec<Message> = (0..50).map(|_| world.ask(&forger)).collect();
    assert_eq!(flood.iter().filter(|answer| !answer.answers.is_empty()).count(), 4);
    assert!(flood[40].metadata.truncation && flood[40].answers.is_empty(), "come over TCP");
    let promised = world.ask(&ask_with(&HALF));
    assert_eq!(code(&promised), ResponseCode::BADCOOKIE);
    assert!(option(&promised, COOKIE).is_some(), "and here is one");
    for _ in 0..20 {
        assert_eq!(world.ask(&ask_with(&given)).answers.len(), 1);
    }
    let over_tcp = world.ask_as(CLIENT, Transport::Stream, &forger).expect("an answer");
    assert_eq!(over_tcp.answers.len(), 1);
    assert!(world.resolver.stats().limited >= 47);
}

#[test]
fn a_client_that_asks_too_often_is_not_heard() {
    let limits = RateLimits { queries_per_second: Some(10), ..RateLimits::default() };
    let mut world = world(limits);
    let message = query("ns.corp.", RecordType::A, &[]);
    let heard = |world: &mut World| {
        (0..30).filter(|_| world.ask_as(CLIENT, Transport::Datagram, &message).is_some()).count()
    };
    assert_eq!(heard(&mut world), 10);
    let refused = world.ask_as(CLIENT, Transport::Stream, &message).expect("an answer");
    assert_eq!(code(&refused), ResponseCode::Refused);
    world.now += Duration::from_secs(1);
    assert!((9..=10).contains(&heard(&mut world)), "a second later it is again");
}

#[test]
fn the_server_s_name_is_told_to_those_who_ask() {
    let mut world = world(RateLimits::default());
    let asked = query("ns.corp.", RecordType::A, &[EdnsOption::Unknown(3, Vec::new())]);
    assert_eq!(option(&world.ask(&asked), 3).as_deref(), Some(&b"ns-munich-1"[..]));
    assert_eq!(option(&world.ask(&query("ns.corp.", RecordType::A, &[])), 3), None);
}
