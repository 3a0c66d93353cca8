//! What clients get while servers are dead, slow, lossy, lying or refusing: on a virtual clock and network.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns_core::forward::{AttemptId, Carrier, Transmit};
use dns_core::{
    ForwardConfig, Forwarder, MissConfig, Misses, Name, Resolver, Served, Transport, Upstream,
};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Healthy,
    Dead,
    Refusing,
    /// So many of a hundred datagrams are lost.
    Lossy(u64),
    Slow(Duration),
    /// Wrong ids, wrong questions.
    Lying,
    /// Up and down, so long each.
    Flapping(Duration),
}

/// Servers behind links of 10 to 20 ms, clients that note when they were answered.
struct World {
    resolver: Resolver,
    misses: Misses<(u64, Duration)>,
    manners: Vec<Manner>,
    now: Duration,
    random: u64,
    arrivals: BinaryHeap<Reverse<(Duration, AttemptId, Vec<u8>)>>,
    answered: Vec<(Duration, u8)>,
    sent: u64,
}

impl World {
    fn new(manners: &[Manner]) -> World {
        let upstreams = (1..=manners.len() as u8)
            .map(|host| Upstream::plain((Ipv4Addr::new(192, 0, 2, host), 53).into()))
            .collect();
        let resolver = Resolver::builder().forwards().build();
        let mut seed = 1_u64;
        let random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 13
        };
        let forwarder = Forwarder::new(ForwardConfig::default(), upstreams, random);
        let misses = Misses::new(resolver.clone(), forwarder, MissConfig::default());
        World {
            resolver,
            misses,
            manners: manners.to_vec(),
            now: Duration::from_secs(1_000),
            random: 7,
            arrivals: BinaryHeap::new(),
            answered: Vec::new(),
            sent: 0,
        }
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(12_345);
        self.random >> 33
    }

    fn ask(&mut self, number: u64) {
        let query = query(&format!("host-{number}.example.com."));
        let mut out = [0; 4096];
        match self.resolver.serve(self.now, CLIENT, &query, Transport::Datagram, &mut out) {
            Served::Answer { prefetch, .. } => {
                self.answered.push((Duration::ZERO, out[3] & 15));
                if prefetch {
                    self.misses.refresh(self.now, CLIENT, &query);
                }
            }
            Served::Ask => {
                let to = (number, self.now);
                self.misses.handle_query(self.now, to, CLIENT, &query, Transport::Datagram);
            }
            _ => unreachable!("a query is answered or asked"),
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        while let Some(transmit) = self.misses.poll_transmit() {
            self.sent += 1;
            self.carry(transmit);
        }
        while let Some(((_, since), response)) = self.misses.poll_reply() {
            self.answered.push((self.now.saturating_sub(since), response[3] & 15));
        }
    }

    fn carry(&mut self, transmit: Transmit) {
        let Transmit { attempt, server, carrier, message } = transmit;
        let round_trip = Duration::from_micros(10_000 + self.random() % 10_000);
        let lost = self.random() % 100;
        let (delay, response) = match self.manners[server] {
            Manner::Dead => return,
            Manner::Lossy(share) if carrier == Carrier::Udp && lost < share => return,
            Manner::Flapping(phase) if self.now.as_millis() / phase.as_millis() % 2 == 1 => return,
            Manner::Slow(delay) => (round_trip + delay, answer(&message)),
            Manner::Refusing => (round_trip, refusal(&message)),
            Manner::Lying => (round_trip, lie(&message, lost)),
            _ => (round_trip, answer(&message)),
        };
        self.arrivals.push(Reverse((self.now + delay, attempt, response)));
    }

    /// Lets time pass, with everything that is due in it in its order.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let arrival = self.arrivals.peek().map(|Reverse((at, ..))| *at);
            let timeout = self.misses.next_timeout();
            let Some(next) = arrival.into_iter().chain(timeout).min().filter(|&at| at <= until)
            else {
                break;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let Reverse((_, attempt, response)) = self.arrivals.pop().expect("peeked");
                self.misses.handle_response(self.now, attempt, &response);
            } else {
                self.misses.handle_timeout(self.now);
            }
            self.deliver();
        }
        self.now = until;
    }

    /// A client every 10 ms, over `names` names.
    fn load(&mut self, queries: u64, names: u64) {
        for _ in 0..queries {
            let name = self.random() % names;
            self.ask(name);
            self.pass(Duration::from_millis(10));
        }
        self.pass(Duration::from_secs(10));
    }

    /// Latencies of the good answers and the share of them.
    fn outcome(&mut self) -> (Duration, Duration, f64) {
        let all = self.answered.len();
        let mut good: Vec<_> = self
            .answered
            .drain(..)
            .filter(|(_, rcode)| *rcode == 0)
            .map(|(took, _)| took)
            .collect();
        good.sort();
        let at =
            |share: usize| good.get(good.len() * share / 100).copied().unwrap_or(Duration::MAX);
        (at(50), at(99), good.len() as f64 / all as f64)
    }
}

fn query(name: &str) -> Vec<u8> {
    let name: Name = name.parse().expect("a name");
    let mut wire = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    wire.extend(name.as_wire());
    wire.extend([0, 1, 0, 1]);
    wire
}

fn question_end(message: &[u8]) -> usize {
    12 + message[12..].iter().position(|&octet| octet == 0).expect("a root") + 5
}

/// One A record of 60 seconds.
fn answer(message: &[u8]) -> Vec<u8> {
    let mut wire = message[..question_end(message)].to_vec();
    wire[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    wire.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9]);
    wire
}

fn refusal(message: &[u8]) -> Vec<u8> {
    let mut wire = message[..question_end(message)].to_vec();
    wire[2..12].copy_from_slice(&[0x81, 0x85, 0, 1, 0, 0, 0, 0, 0, 0]);
    wire
}

fn lie(message: &[u8], which: u64) -> Vec<u8> {
    let mut wire = answer(message);
    if which.is_multiple_of(2) {
        wire[0] ^= 0x55;
    } else {
        wire[14] ^= 0x01;
    }
    wire
}

#[test]
fn healthy_servers_are_the_measure() {
    let mut world = World::new(&[Manner::Healthy, Manner::Healthy]);
    world.load(2_000, 10_000);
    let (p50, p99, good) = world.outcome();
    assert_eq!(good, 1.0);
    assert!(p50 < Duration::from_millis(20) && p99 <= Duration::from_millis(20), "{p50:?} {p99:?}");
    assert!(world.sent < 2_200, "{} queries for 2,000 questions: hedges are few", world.sent);
}

#[test]
fn one_of_two_dead_costs_little() {
    let mut healthy = World::new(&[Manner::Healthy, Manner::Healthy]);
    healthy.load(2_000, 1_000_000);
    let (_, healthy_p99, _) = healthy.outcome();
    for dead in 0..2 {
        let mut manners = [Manner::Healthy; 2];
        manners[dead] = Manner::Dead;
        let mut world = World::new(&manners);
        world.load(2_000, 1_000_000);
        let (_, p99, good) = world.outcome();
        assert_eq!(good, 1.0);
        assert!(p99 <= healthy_p99 * 3 / 2, "{p99:?} against {healthy_p99:?}");
    }
}

#[test]
fn with_all_dead_whoever_asked_before_is_answered_still() {
    let mut world = World::new(&[Manner::Healthy, Manner::Healthy]);
    world.load(3_000, 100);
    world.answered.clear();
    world.manners = vec![Manner::Dead, Manner::Dead];
    world.pass(Duration::from_mins(2));
    let before = world.sent;
    world.load(5_000, 100);
    let (_, p99, good) = world.outcome();
    assert!(good >= 0.999, "{good}");
    assert!(p99 <= Duration::from_millis(1_805), "{p99:?}");
    let sent = world.sent - before;
    // A hundred names, rechecked every 30 s for about 60 s, at most six attempts each.
    assert!(sent <= 100 * 3 * 6, "{sent} queries to dead servers");
}

#[test]
fn what_was_never_known_fails_within_the_deadline_and_is_not_asked_again_at_once() {
    let mut world = World::new(&[Manner::Dead]);
    world.ask(1);
    world.pass(Duration::from_secs(4));
    assert_eq!(world.answered.len(), 1);
    assert_eq!(world.answered[0].1, 2, "SERVFAIL");
    let sent = world.sent;
    world.ask(1);
    assert_eq!((world.answered.len(), world.sent), (2, sent), "at once, and nobody is asked");
}

#[test]
fn bad_company_is_survived() {
    let slow = Duration::from_millis(500);
    for (manner, most_p99) in [
        (Manner::Lossy(10), 20),
        (Manner::Slow(slow), 20),
        (Manner::Lying, 20),
        (Manner::Refusing, 60),
        (Manner::Flapping(Duration::from_secs(3)), 20),
    ] {
        let mut world = World::new(&[manner, Manner::Healthy]);
        world.load(3_000, 1_000_000);
        let (p50, p99, good) = world.outcome();
        assert_eq!(good, 1.0, "{manner:?}");
        assert!(p50 <= Duration::from_millis(25), "{manner:?}: {p50:?}");
        assert!(p99 <= Duration::from_millis(most_p99 * 20), "{manner:?}: {p99:?}");
    }
}

#[test]
fn a_lone_lossy_server_is_enough() {
    let mut world = World::new(&[Manner::Lossy(10)]);
    world.load(3_000, 1_000_000);
    let (_, p99, good) = world.outcome();
    assert!(good >= 0.999, "{good}");
    assert!(p99 <= Duration::from_millis(500), "{p99:?}");
}

#[test]
fn equal_questions_share_one_flight() {
    let mut world = World::new(&[Manner::Healthy]);
    for _ in 0..50 {
        world.ask(1);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!((world.answered.len(), world.sent), (50, 1));
}

#[test]
fn answers_in_use_are_refreshed_before_they_expire() {
    let mut world = World::new(&[Manner::Healthy]);
    let mut late = 0;
    for _ in 0..600 {
        world.ask(1);
        world.pass(Duration::from_secs(1));
    }
    late += world.answered.iter().filter(|(took, _)| *took > Duration::ZERO).count();
    assert_eq!(late, 1, "only the first waited");
    assert!(world.sent <= 12, "{} queries in ten minutes of a TTL of a minute", world.sent);
}

#[test]
fn a_server_that_comes_back_is_asked_again() {
    let mut world = World::new(&[Manner::Healthy, Manner::Slow(Duration::from_millis(100))]);
    world.load(300, 1_000_000);
    world.manners[0] = Manner::Dead;
    world.load(1_000, 1_000_000);
    world.manners[0] = Manner::Healthy;
    world.load(6_000, 1_000_000);
    world.answered.clear();
    world.load(500, 1_000_000);
    let (_, p99, good) = world.outcome();
    assert_eq!(good, 1.0);
    assert!(p99 <= Duration::from_millis(30), "the fast one again: {p99:?}");
}
