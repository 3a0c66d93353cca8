//! Ten thousand names, as every candidate is asked for them.

use std::fmt::Write as _;
use std::time::Duration;

use dns_core::question::{Query, View};
use dns_core::{Name, RecordType, Resolver, Zone};

/// How many names there are.
pub const NAMES: usize = 10_000;

/// The name of number `i`.
pub fn host(i: usize) -> String {
    format!("host{i}.bench.example.")
}

/// A query for its address, with RD and EDNS as stub resolvers send it.
///
/// # Panics
/// Never: the names are valid.
pub fn query(i: usize) -> Vec<u8> {
    let name: Name = host(i).parse().expect("a name");
    let mut wire = vec![(i >> 8) as u8, i as u8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    wire.extend(name.as_wire());
    wire.extend(b"\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0");
    wire
}

/// The response to it, as a server that was asked would send it.
///
/// # Panics
/// Never: the names are valid.
pub fn response(i: usize) -> Vec<u8> {
    let name: Name = host(i).parse().expect("a name");
    let mut wire = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    wire.extend(name.as_wire());
    wire.extend(b"\0\x01\0\x01\xc0\x0c\0\x01\0\x01");
    wire.extend(86_400_u32.to_be_bytes());
    wire.extend([0, 4, 10]);
    wire.extend(&(i as u32).to_be_bytes()[1..]);
    wire
}

/// A zone that holds all of them.
///
/// # Panics
/// Never: the text is valid.
pub fn zone() -> Zone {
    let mut text =
        String::from("@ 86400 SOA ns mail 1 1d 2h 4w 5m\n@ 86400 NS ns\nns 86400 A 10.0.0.1\n");
    for i in 0..NAMES {
        let [_, a, b, c] = (i as u32).to_be_bytes();
        writeln!(text, "host{i} 86400 A 10.{a}.{b}.{c}").expect("a string has room");
    }
    let origin = "bench.example".parse().expect("a name");
    Zone::from_master_file(&origin, "bench.zone", &text).expect("a zone")
}

/// A resolver whose cache holds the first `count` of them.
///
/// # Panics
/// When the answers do not fit the cache.
pub fn filled(count: usize, cache_bytes: usize, now: Duration) -> Resolver {
    let resolver = Resolver::builder().cache_bytes(cache_bytes).build();
    for i in 0..count {
        let name: Name = host(i).parse().expect("a name");
        let query = Query::ask(&name, RecordType::A);
        resolver.inject(now, View::default(), &query, &response(i)).expect("taken");
    }
    assert_eq!(resolver.cache().stats().entries, count, "the cache is too small");
    resolver
}

/// Numbers below [`NAMES`], each once, in an order that no prefetcher knows.
pub fn shuffled() -> Vec<usize> {
    let mut order: Vec<usize> = (0..NAMES).collect();
    let mut state = 12_345_u64;
    for i in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        order.swap(i, (state >> 33) as usize % (i + 1));
    }
    order
}
