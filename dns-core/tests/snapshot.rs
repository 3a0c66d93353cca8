//! What a cache knew outlives a restart; what is corrupted, or ours to answer, does not.

#[expect(dead_code, reason = "denials are written by hand here")]
mod responses;

use std::time::Duration;

use dns_core::cache::SnapshotError;
use dns_core::question::{Query, View};
use dns_core::{Name, Outcome, RecordType, Resolver, ResolverBuilder};
use proptest::prelude::*;
use responses::{addresses, name};

const NOW: Duration = Duration::from_secs(1_790_000_000);
const ENTRIES: usize = 500;

fn filled() -> (Resolver, Vec<u8>) {
    let resolver = Resolver::builder().build();
    for i in 0..ENTRIES {
        let owner: Name = name(i).parse().expect("a name");
        let query = Query::ask(&owner, RecordType::A);
        let response = addresses(&name(i), 100, 1 + i as u16 % 3).to_vec().expect("a response");
        resolver.inject(NOW, View::default(), &query, &response).expect("taken");
    }
    let mut snapshot = Vec::new();
    assert_eq!(resolver.save(NOW, &mut snapshot).expect("room"), ENTRIES as u64);
    (resolver, snapshot)
}

fn warm(builder: ResolverBuilder, after: u64, snapshot: &[u8]) -> (Resolver, u64) {
    let resolver = builder.build();
    let taken = resolver.restore(NOW + Duration::from_secs(after), snapshot).expect("whole");
    (resolver, taken)
}

#[test]
fn answers_come_back_as_old_as_they_are() {
    let (before, snapshot) = filled();
    let (after, taken) = warm(Resolver::builder(), 40, &snapshot);
    assert_eq!(taken, ENTRIES as u64);
    let now = NOW + Duration::from_secs(40);
    for i in (0..ENTRIES).step_by(7) {
        let was = before.lookup(now, &name(i), RecordType::A).expect("a name");
        let is = after.lookup(now, &name(i), RecordType::A).expect("a name");
        assert_eq!(is, was);
        assert_eq!((is.outcome, is.records[0].ttl.as_secs()), (Outcome::Found, 60));
    }
    let listed: Vec<_> = after.cache().iter().collect();
    assert_eq!(listed.len(), ENTRIES);
    assert!(listed.iter().all(|cached| cached.rtype == RecordType::A && !cached.dnssec_ok));
    let (_, taken) = warm(Resolver::builder(), 40 * 86_400, &snapshot);
    assert_eq!(taken, 0, "all have ended");
    let private = Resolver::builder().private("example".parse().expect("a name"));
    assert_eq!(warm(private, 0, &snapshot).1, 0, "ours to answer by now");
}

#[test]
fn one_name_one_type_and_one_suffix_can_be_thrown_out() {
    let (resolver, _) = filled();
    let owner: Name = name(3).parse().expect("a name");
    assert_eq!(resolver.cache().purge_type(&owner, RecordType::AAAA), 0);
    assert_eq!(resolver.cache().purge_type(&owner, RecordType::A), 1);
    assert_eq!(resolver.cache().purge_name(&name(4).parse().expect("a name")), 1);
    assert_eq!(resolver.cache().purge_suffix(&"example".parse().expect("a name")), ENTRIES - 2);
    assert_eq!(resolver.cache().iter().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_snapshot_that_is_not_whole_is_refused_as_a_whole(
        at in any::<prop::sample::Index>(), bit in 0..8_u32, cut in any::<bool>(),
    ) {
        let (_, mut snapshot) = filled();
        let at = at.index(snapshot.len());
        if cut { snapshot.truncate(at) } else { snapshot[at] ^= 1 << bit }
        let resolver = Resolver::builder().build();
        prop_assert!(resolver.restore(NOW, &snapshot).is_err());
        prop_assert_eq!(resolver.cache().stats().entries, 0);
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let with_head = [&b"dns-core cache\n\0\x01"[..], &octets].concat();
        let resolver = Resolver::builder().build();
        let _ = resolver.restore(NOW, &with_head);
        prop_assert!(resolver.restore(NOW, &octets).is_err());
    }
}

#[test]
fn another_version_is_named() {
    let (_, mut snapshot) = filled();
    snapshot[16] = 9;
    let error = Resolver::builder().build().restore(NOW, &snapshot).expect_err("unknown");
    assert_eq!(error, SnapshotError::Version(9));
}
