//! A client's network is named by a reverse lookup in a private zone, through the cache.
#![cfg(feature = "zones")]

use std::net::IpAddr;
use std::time::Duration;

use dns_core::resolve::{CacheState, Layer};
use dns_core::{Name, Outcome, RecordType, Resolver, Source, Zone};

const NOW: Duration = Duration::from_secs(1_000);

fn zone(origin: &str, text: &str) -> Zone {
    let origin: Name = origin.parse().expect("an origin");
    Zone::from_master_file(&origin, "test.zone", text).expect("a zone")
}

fn reverse_zone(host: &str) -> Zone {
    let text = format!(
        "@ 300 SOA ns.corp. mail.corp. 1 1d 2h 4w 5m\n@ 300 NS ns.corp.\n52 300 PTR {host}.\n"
    );
    zone("2.0.10.in-addr.arpa", &text)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn the_second_lookup_comes_out_of_the_cache() {
    let resolver = Resolver::builder().zone(reverse_zone("till.corp")).build();
    let first = resolver.reverse(NOW, ip("10.0.2.52"));
    assert_eq!(first.names().map(Name::to_string).collect::<Vec<_>>(), ["till.corp."]);
    assert_eq!(
        (first.outcome, first.source, first.cached),
        (Outcome::Found, Some(Source::Zone), false)
    );
    let second = resolver.reverse(NOW, ip("10.0.2.52"));
    assert_eq!((second.records, second.cached), (first.records, true));
    let stats = resolver.stats().cache;
    assert_eq!((stats.hits, stats.misses, stats.entries), (1, 1, 1));
    assert!(stats.bytes > 0);
}

#[test]
fn our_zones_answers_do_not_age() {
    let resolver = Resolver::builder().zone(reverse_zone("till.corp")).build();
    resolver.reverse(NOW, ip("10.0.2.52"));
    let later = resolver.reverse(NOW + Duration::from_secs(1 << 20), ip("10.0.2.52"));
    assert!(later.cached);
    assert_eq!(later.records[0].ttl.as_secs(), 300);
}

#[test]
fn denials_come_from_the_zone_and_are_cached_too() {
    let resolver = Resolver::builder().zone(reverse_zone("till.corp")).build();
    for cached in [false, true] {
        let lookup = resolver.reverse(NOW, ip("10.0.2.53"));
        assert_eq!((lookup.outcome, lookup.cached), (Outcome::NxDomain, cached));
        let name = "52.2.0.10.in-addr.arpa";
        let lookup = resolver.lookup(NOW, name, RecordType::TXT).expect("a name");
        assert_eq!((lookup.outcome, lookup.cached), (Outcome::NoData, cached));
    }
}

#[test]
fn a_replaced_zone_answers_at_once_and_everywhere() {
    let alias = "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\nwho 1 CNAME 52.2.0.10.in-addr.arpa.\n";
    let resolver =
        Resolver::builder().zone(reverse_zone("old.corp")).zone(zone("corp", alias)).build();
    let ask = || {
        let direct = resolver.reverse(NOW, ip("10.0.2.52"));
        let alias = resolver.lookup(NOW, "who.corp", RecordType::PTR).expect("a name");
        let names: Vec<_> = direct.names().chain(alias.names()).map(Name::to_string).collect();
        names
    };
    assert_eq!(ask(), ["old.corp.", "old.corp."]);
    resolver.put_zone(reverse_zone("new.corp"));
    assert_eq!(ask(), ["new.corp.", "new.corp."], "also through another zone's alias");
    assert!(resolver.remove_zone(&"2.0.10.in-addr.arpa".parse().expect("a name")));
    // What remains is RFC 6303's empty 10.in-addr.arpa.
    let lookup = resolver.reverse(NOW, ip("10.0.2.52"));
    assert_eq!((lookup.outcome, lookup.source), (Outcome::NxDomain, Some(Source::Special)));
}

#[test]
fn the_longest_origin_answers() {
    let outer =
        zone("corp", "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\n*.lab 1 TXT outer\nx 1 TXT outer\n");
    let inner = zone("lab.corp", "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\nx 1 TXT inner\n");
    let resolver = Resolver::builder().zone(outer).zone(inner).build();
    let text = |name| {
        let lookup = resolver.lookup(NOW, name, RecordType::TXT).expect("a name");
        lookup.data().map(ToString::to_string).collect::<String>()
    };
    assert_eq!(text("x.corp"), "\"outer\"");
    assert_eq!(text("X.LAB.corp"), "\"inner\"");
    assert_eq!(text("y.lab.corp"), "", "the outer wildcard ends where the inner zone begins");
}

#[test]
fn explain_names_layer_and_cache_without_a_trace() {
    let resolver = Resolver::builder().zone(reverse_zone("till.corp")).build();
    let name = "52.2.0.10.in-addr.arpa";
    let explain =
        |name, client| resolver.explain(NOW, name, RecordType::PTR, ip(client)).expect("a name");
    let before = resolver.stats();
    let why = explain(name, "127.0.0.1");
    assert_eq!(why.layer, Layer::Zone("2.0.10.in-addr.arpa".parse().expect("a name")));
    assert_eq!((why.cache, why.outcome), (CacheState::Absent, Outcome::Found));
    assert_eq!(resolver.stats(), before);

    resolver.reverse(NOW, ip("10.0.2.52"));
    resolver.reverse(NOW, ip("10.0.2.52"));
    let why = explain(name, "127.0.0.1");
    assert_eq!(why.cache, CacheState::Fresh { age: Duration::ZERO, hits: 1, left: None });
    let printed = why.to_string();
    for part in
        ["2.0.10.in-addr.arpa. is the longest match", "fresh, 0 s old, 1 hits", "till.corp."]
    {
        assert!(printed.contains(part), "{printed}");
    }

    assert_eq!(explain(name, "192.0.2.1").layer, Layer::Stranger);
    assert_eq!(explain("example.com", "127.0.0.1").layer, Layer::Unknown);
    assert_eq!(
        explain("1.0.0.127.in-addr.arpa", "127.0.0.1").layer,
        Layer::Special("127.in-addr.arpa".parse().expect("a name"))
    );
}

#[test]
fn a_resolver_is_shared_between_threads() {
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let resolver = Resolver::builder().zone(reverse_zone("till.corp")).build();
    shareable(&resolver);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for host in 0..=255 {
                    let address = ip(&format!("10.0.2.{host}"));
                    let outcome = resolver.reverse(NOW, address).outcome;
                    assert_eq!(outcome == Outcome::Found, host == 52);
                }
            });
        }
    });
    let stats = resolver.stats().cache;
    assert_eq!((stats.hits + stats.misses, stats.entries), (1_024, 256));
}
