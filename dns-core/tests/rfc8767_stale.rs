//! RFC 8767: an expired answer stands in for one that cannot be had.

#[expect(dead_code, reason = "addresses only")]
mod responses;

use std::time::Duration;

use dns_core::question::Query;
use dns_core::resolve::CacheState;
use dns_core::{CacheConfig, Name, Outcome, RecordType, Resolver, Ttl, View};
use responses::addresses;

const NOW: Duration = Duration::from_secs(1_000);

#[test]
fn stale_answers_carry_thirty_seconds_and_end_with_their_window() {
    let config = CacheConfig { max_stale: Ttl::from_secs(100), ..CacheConfig::default() };
    let site = Resolver::builder().cache(config).build();
    let name: Name = "a.example.".parse().expect("a name");
    let wire = addresses("a.example.", 50, 2).to_vec().expect("a response");
    let query = Query::ask(&name, RecordType::A);
    site.inject(NOW, View::default(), &query, &wire).expect("taken");

    let at = |millis| NOW + Duration::from_millis(millis);
    let ttl = |millis| {
        let lookup = site.lookup(at(millis), "a.example", RecordType::A).expect("a name");
        lookup.records.first().map(|record| record.ttl.as_secs())
    };
    assert_eq!(ttl(0), Some(50));
    assert_eq!(ttl(49_999), Some(1));
    assert_eq!(ttl(50_000), Some(30));
    assert_eq!(ttl(149_999), Some(30));
    assert_eq!(ttl(150_000), None);
    let stats = site.stats().cache;
    assert_eq!((stats.hits, stats.stale, stats.misses), (2, 2, 1));

    let client = "127.0.0.1".parse().expect("an address");
    let why = site.explain(at(60_000), "a.example", RecordType::A, client).expect("a name");
    assert_eq!(why.outcome, Outcome::Found);
    assert_eq!(why.cache, CacheState::Stale { age: Duration::from_mins(1), hits: 4 });
}
