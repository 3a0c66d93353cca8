//! RFC 2308: how long a denial may be kept, and what it carries.
#![cfg(feature = "zones")]

mod asker;
#[expect(dead_code, reason = "denials only")]
mod responses;

use std::time::Duration;

use asker::{NOW, ask, lines, resolver};
use dns_core::answer::Answer;
use dns_core::question::Query;
use dns_core::resolve::InjectError;
use dns_core::{CacheConfig, Kind, Name, Outcome, RecordType, Resolver, Source, Ttl, View};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType as HickoryType;
use responses::{addresses, answer, denial, empty};

#[test]
fn our_denials_carry_the_soa_with_the_lesser_of_its_ttl_and_minimum() {
    for (ttl, minimum, expected) in [(3_600, 60, 60), (30, 600, 30)] {
        let text = format!("@ {ttl} SOA n. m. 1 1 1 1 {minimum}\n@ 1 NS n.\nhost 5 A 10.0.0.1\n");
        let site = resolver("corp", &text);
        for name in ["host.corp.", "nowhere.corp."] {
            let answer = ask(&site, name, HickoryType::TXT);
            assert_eq!(
                lines(&answer.authorities),
                [format!("corp. {expected} SOA n. m. 1 1 1 1 {minimum}")]
            );
            let nxdomain = answer.metadata.response_code == ResponseCode::NXDomain;
            assert_eq!(nxdomain, name == "nowhere.corp.");
        }
    }
}

#[test]
fn a_denial_lives_as_long_as_its_soa_says() {
    for (rcode, kind) in
        [(ResponseCode::NXDomain, Kind::NxDomain), (ResponseCode::NoError, Kind::NoData)]
    {
        let kept = |ttl, minimum| answer(&denial("a.example.", rcode, ttl, minimum));
        assert_eq!(kept(300, 60).ttl(), Some(Ttl::from_secs(60)));
        assert_eq!(kept(60, 300).ttl(), Some(Ttl::from_secs(60)));
        assert_eq!(kept(60, 300).kind(), kind);
        assert_eq!(answer(&empty("a.example.", rcode)).ttl(), None, "§5: no SOA, not kept");
    }
    let failure = answer(&denial("a.example.", ResponseCode::ServFail, 60, 60));
    assert_eq!((failure.kind(), failure.ttl()), (Kind::Failure, None));
}

fn inject(site: &Resolver, name: &str, response: &[u8]) -> Result<(), InjectError> {
    let name: Name = name.parse().expect("a name");
    site.inject(NOW, View::default(), &Query::ask(&name, RecordType::A), response)
}

#[test]
fn an_injected_denial_is_given_ages_and_ends() {
    let config = CacheConfig { max_stale: Ttl::ZERO, ..CacheConfig::default() };
    let site = Resolver::builder().cache(config).build();
    let wire = denial("a.example.", ResponseCode::NXDomain, 300, 60).to_vec().expect("a response");
    assert_eq!(inject(&site, "a.example", &wire), Ok(()));
    let outcome = |secs| {
        let now = NOW + Duration::from_secs(secs);
        let lookup = site.lookup(now, "A.example", RecordType::A).expect("a name");
        (lookup.outcome, lookup.source)
    };
    assert_eq!(outcome(0), (Outcome::NxDomain, Some(Source::Injected)));
    assert_eq!(outcome(59), (Outcome::NxDomain, Some(Source::Injected)));
    assert_eq!(outcome(60), (Outcome::Refused, None));
}

#[test]
fn the_caches_bounds_hold_for_denials_and_answers_apart() {
    let config = CacheConfig {
        min_ttl: Ttl::from_secs(10),
        max_ttl: Ttl::from_secs(100),
        max_negative_ttl: Ttl::from_secs(50),
        max_stale: Ttl::ZERO,
        ..CacheConfig::default()
    };
    let site = Resolver::builder().cache(config).build();
    let long = 1_000_000;
    let negative = denial("no.example.", ResponseCode::NXDomain, long, long);
    for (name, message, lives) in [
        ("no.example.", negative, 50),
        ("yes.example.", addresses("yes.example.", long, 1), 100),
        ("short.example.", addresses("short.example.", 1, 1), 10),
    ] {
        let wire = message.to_vec().expect("a response");
        assert_eq!(inject(&site, name, &wire), Ok(()));
        let refused = |secs| {
            let now = NOW + Duration::from_secs(secs);
            let lookup = site.lookup(now, name, RecordType::A).expect("a name");
            lookup.outcome == Outcome::Refused
        };
        assert_eq!((refused(lives - 1), refused(lives)), (false, true), "{name}");
    }
}

#[test]
fn answers_for_names_of_ours_are_never_taken() {
    let zone = asker::zone("corp", "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\n");
    let private = "secret.example".parse().expect("a name");
    let site = Resolver::builder().zone(zone).private(private).build();
    for name in ["a.corp.", "corp.", "x.secret.example.", "SECRET.example.", "a.localhost."] {
        let wire = addresses(name, 60, 1).to_vec().expect("a response");
        assert_eq!(inject(&site, name, &wire), Err(InjectError::Local), "{name}");
    }
    let wire = addresses("a.example.", 60, 1).to_vec().expect("a response");
    assert_eq!(inject(&site, "b.example.", &wire), Err(InjectError::OtherQuestion));
    assert_eq!(inject(&site, "a.example.", &wire), Ok(()));
    let wire = empty("b.example.", ResponseCode::NXDomain).to_vec().expect("a response");
    assert_eq!(inject(&site, "b.example.", &wire), Err(InjectError::Uncacheable));
    assert!(Answer::from_response(&wire[..20]).is_err());
    // A zone that comes later takes the name over at once.
    site.put_zone(asker::zone("example", "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\n"));
    let lookup = site.lookup(NOW, "a.example", RecordType::A).expect("a name");
    assert_eq!((lookup.outcome, lookup.source), (Outcome::NxDomain, Some(Source::Zone)));
}
