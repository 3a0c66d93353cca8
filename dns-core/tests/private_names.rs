//! The invariant: whatever the configuration and the questions, no private name, no name of a zone here
//! and no special name goes to another server.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns_core::{
    ForwardConfig, Forwarder, MissConfig, Misses, Name, RecordType, Resolver, Served, Transport,
    Ttl, Upstream, Zone,
};
use proptest::prelude::*;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A zone in which `a` is an alias.
fn zone(origin: &Name, target: &Name) -> Zone {
    let mut soa = origin.as_wire().repeat(2);
    soa.extend([1_u32, 3_600, 600, 86_400, 60].into_iter().flat_map(u32::to_be_bytes));
    let mut builder = Zone::builder(origin.clone());
    builder.record(origin, Ttl::HOUR, RecordType::SOA, &soa).expect("a SOA");
    builder.record(origin, Ttl::HOUR, RecordType::NS, origin.as_wire()).expect("a NS");
    let alias = origin.prefixed(b"\x01a").expect("short");
    builder.record(&alias, Ttl::HOUR, RecordType::CNAME, target.as_wire()).expect("an alias");
    builder.build().expect("a zone")
}

/// Names over few labels, so that suffixes meet; letters in either case.
fn name() -> impl Strategy<Value = Name> {
    let label = prop_oneof![
        Just("corp"),
        Just("CORP"),
        Just("Corp"),
        Just("lan"),
        Just("a"),
        Just("example"),
        Just("localhost"),
        Just("home"),
        Just("arpa"),
        Just("10"),
        Just("in-addr"),
        Just("onion"),
    ];
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join(".").parse().expect("a name"))
}

fn query(name: &Name, rtype: u16, flags: u8) -> Vec<u8> {
    let mut wire = vec![0, 1, 1, flags & 0x10, 0, 1, 0, 0, 0, 0, 0, 0];
    wire.extend(name.as_wire());
    wire.extend(rtype.to_be_bytes());
    wire.extend([0, 1]);
    wire
}

fn asked_name(message: &[u8]) -> Name {
    let end = message[12..].iter().position(|&octet| octet == 0).expect("a root") + 13;
    Name::from_wire(&message[12..end]).expect("a plain name")
}

proptest! {
    #[test]
    fn no_private_name_leaves(
        private in prop::collection::vec(name(), 0..3),
        zones in prop::collection::vec((name(), name()), 0..3),
        questions in prop::collection::vec((name(), 1_u16..60, any::<u8>()), 1..60),
        removed in any::<prop::sample::Index>(),
    ) {
        let mut builder = Resolver::builder().forwards();
        for suffix in &private {
            builder = builder.private(suffix.clone());
        }
        for (origin, target) in &zones {
            builder = builder.zone(zone(origin, target));
        }
        let zones: Vec<Name> = zones.into_iter().map(|(origin, _)| origin).collect();
        let resolver = builder.build();
        let upstream = Upstream::plain((Ipv4Addr::new(192, 0, 2, 1), 53).into());
        let mut number = 0;
        let random = move || { number += 1; number };
        let forwarder = Forwarder::new(ForwardConfig::default(), vec![upstream; 2], random);
        let mut misses = Misses::new(resolver.clone(), forwarder, MissConfig::default());
        let mut now = Duration::from_secs(1);
        let special: Vec<Name> = ["localhost", "onion", "home.arpa", "10.in-addr.arpa"]
            .map(|name| name.parse().expect("a name")).into();
        let mut local = zones.clone();
        for (index, (name, rtype, flags)) in questions.iter().enumerate() {
            if index == removed.index(questions.len()) && !zones.is_empty() {
                resolver.remove_zone(&zones[0]);
                local.retain(|origin| *origin != zones[0]);
            }
            let query = query(name, *rtype, *flags);
            let mut out = [0; 4096];
            let served = resolver.serve(now, CLIENT, &query, Transport::Datagram, &mut out);
            if let Served::Ask = served {
                misses.handle_query(now, (), CLIENT, &query, Transport::Datagram);
            }
            // Whatever the hit path thinks: asking for a refresh of anything leaks nothing either.
            misses.refresh(now, CLIENT, &query);
            now += Duration::from_millis(700);
            misses.handle_timeout(now);
            while let Some(transmit) = misses.poll_transmit() {
                let asked = asked_name(&transmit.message);
                for suffix in private.iter().chain(&special) {
                    prop_assert!(!asked.is_under(suffix), "{asked} is under {suffix}");
                }
                for origin in &local {
                    // The DS records at a zone's top are its parent's (RFC 4035 §3.1.4.1).
                    let parents = asked == *origin && *rtype == RecordType::DS.0;
                    prop_assert!(!asked.is_under(origin) || parents, "{asked} is in {origin}");
                }
            }
        }
    }
}
