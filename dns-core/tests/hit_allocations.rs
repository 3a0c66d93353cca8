//! A hit costs no allocation, and the cache's bytes are what it really holds.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "only octets are compared here")]
mod asker;
#[expect(dead_code, reason = "addresses only")]
mod responses;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use asker::{CLIENT, NOW, edns_query, query, resolver};
use dns_core::Ttl;
use dns_core::cache::{Cache, CacheConfig, Lifetime, Source};
use hickory_proto::rr::RecordType;
use responses::{addresses, answer, key, name, owner};

/// The system's allocator, counting for each thread.
struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on unchanged to the system's allocator; the counters are plain
// thread-local cells without destructors and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        HELD.set(HELD.get() + layout.size() as isize);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_hit_on_the_wire_allocates_nothing() {
    let text = "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\nwww 1 A 10.0.0.1\n52 1 PTR www.corp.\n";
    let site = resolver("corp", text);
    let queries = [
        query("www.corp.", RecordType::A),
        edns_query("WWW.corp.", RecordType::A, 1_232),
        query("52.corp.", RecordType::PTR),
        query("www.corp.", RecordType::TXT),
        query("nowhere.corp.", RecordType::A),
    ];
    for message in queries {
        let wire = message.to_vec().expect("a query");
        let mut out = [0; 1_232];
        assert!(site.answer(NOW, CLIENT, &wire, &mut out) > 0);
        let before = CALLS.get();
        for _ in 0..100 {
            assert!(site.answer(NOW, CLIENT, &wire, &mut out) > 0);
        }
        assert_eq!(CALLS.get() - before, 0, "{message}");
    }
    assert!(site.stats().cache.hits >= 500);
    let wire = query("elsewhere.", RecordType::A).to_vec().expect("a query");
    let before = CALLS.get();
    assert!(site.reverse(NOW, CLIENT).records.is_empty());
    assert!(CALLS.get() > before, "the counter counts");
    assert!(site.answer(NOW, CLIENT, &wire, &mut [0; 512]) > 0);
}

#[test]
fn the_bytes_counted_are_the_bytes_held() {
    let max_bytes = 4 << 20;
    let before = HELD.get();
    let cache = Cache::new(CacheConfig { max_bytes, shards: 4, ..CacheConfig::default() });
    let lifetime = Lifetime::Ages { fresh: Ttl::HOUR, stale: Ttl::HOUR };
    for host in 0..50_000 {
        let answer = answer(&addresses(&name(host), 300, 1));
        cache.insert(NOW, &key(&owner(&name(host))), answer, Source::Injected, lifetime);
    }
    let held = usize::try_from(HELD.get() - before).expect("more than before");
    let stats = cache.stats();
    assert!(stats.evictions > 0 && stats.bytes <= max_bytes);
    let each = stats.bytes / stats.entries;
    println!("{} entries, {each} B counted, {} B held each", stats.entries, held / stats.entries);
    assert!(held <= max_bytes * 5 / 4, "{held} held under a bound of {max_bytes}");
    assert!(held >= max_bytes / 2, "{held} held under a bound of {max_bytes}: counted too much");
    assert!(each <= 400, "{each} B for an A answer");
}

#[test]
fn cookies_sites_and_limits_allocate_nothing_either() {
    let overlay = dns_core::Overlay::parse("site here 127.0.0.0/8\nwww.corp @here A 10.0.0.9\n");
    let limits = dns_core::RateLimits {
        queries_per_second: Some(1_000),
        responses_per_second: Some(1_000),
        slip: 2,
    };
    let site = dns_core::Resolver::builder()
        .overlay(overlay.expect("an overlay"))
        .limits(limits)
        .cookies(dns_core::CookieSecret([3; 16]))
        .nsid("here")
        .build();
    let mut message = edns_query("www.corp.", RecordType::A, 1_232);
    let options = message.edns.as_mut().expect("just set").options_mut();
    for (code, data) in [(10, vec![5; 8]), (3, Vec::new())] {
        options.insert(hickory_proto::rr::rdata::opt::EdnsOption::Unknown(code, data));
    }
    let wire = message.to_vec().expect("a query");
    let mut out = [0; 1_232];
    let miss = site.answer(NOW, CLIENT, &wire, &mut out);
    let before = CALLS.get();
    assert_eq!(site.answer(NOW, CLIENT, &wire, &mut out), miss);
    assert_eq!(CALLS.get() - before, 0);
}

#[test]
fn the_addresses_of_a_cached_host_cost_one_allocation() {
    let site = resolver(
        "corp",
        "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\nwww 1 A 10.0.0.1\nwww 1 A 10.0.0.2\n",
    );
    let www = "www.corp".parse().expect("a name");
    assert_eq!(
        site.cached_addresses(NOW, &www, dns_core::RecordType::A),
        None,
        "not asked for yet"
    );
    site.lookup_name(NOW, www.clone(), dns_core::RecordType::A);
    let before = CALLS.get();
    let found = site.cached_addresses(NOW, &www, dns_core::RecordType::A).expect("in the cache");
    assert_eq!(CALLS.get() - before, 1);
    assert_eq!(
        found,
        ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse::<std::net::IpAddr>().expect("one"))
    );
}
