//! RFC 8767 §4 and §6: which expired answers stand in, and for which failures, is the operator's to say.

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns_core::stale::{Expired, StalePolicy, StaleRules, Trouble};
use dns_core::{Kind, MissConfig, Resolver};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};
use world::{World, address, code, query};

fn says(query: &Message, response: &mut Message) -> bool {
    let name = query.queries[0].name().to_ascii();
    if name == "here.example." {
        address(response, &name, [192, 0, 2, 1]);
        return true;
    }
    response.metadata.response_code = ResponseCode::NXDomain;
    let name = |text| Name::from_ascii(text).expect("a name");
    let soa = rdata::SOA::new(name("ns.example."), name("mail.example."), 1, 1, 1, 1, 300);
    response.add_authority(Record::from_rdata(name("example."), 300, RData::SOA(soa)));
    true
}

fn silent(_: &Message, _: &mut Message) -> bool {
    false
}

fn failing(_: &Message, response: &mut Message) -> bool {
    response.metadata.response_code = ResponseCode::ServFail;
    true
}

/// What a client gets for both names once their answers have expired.
fn after(policy: impl StalePolicy + 'static, outage: world::Says) -> [ResponseCode; 2] {
    let config = MissConfig { stale: Arc::new(policy), ..MissConfig::default() };
    let mut world = World::with_misses(Resolver::builder(), says, config);
    let [here, gone] =
        ["here.example.", "gone.example."].map(|name| query(name, RecordType::A, &[]));
    assert_eq!(code(&world.ask(&here)), ResponseCode::NoError);
    assert_eq!(code(&world.ask(&gone)), ResponseCode::NXDomain);
    world.now += Duration::from_secs(400);
    world.says = outage;
    [here, gone].map(|query| code(&world.ask(&query)))
}

#[test]
fn rules_tell_denials_and_failures_apart() {
    use ResponseCode::{NXDomain, NoError, ServFail};
    let all = StaleRules::default();
    assert_eq!(after(all, silent), [NoError, NXDomain]);
    assert_eq!(after(all, failing), [NoError, NXDomain]);
    let positive = StaleRules { denials: false, ..all };
    assert_eq!(after(positive, silent), [NoError, ServFail]);
    let only_silence = StaleRules { on_failure: false, ..all };
    assert_eq!(after(only_silence, failing), [ServFail, ServFail]);
    assert_eq!(after(only_silence, silent), [NoError, NXDomain]);
}

/// Notes what it is asked, and gives nothing.
#[derive(Debug, Default)]
struct Noting(Arc<Mutex<Vec<Noted>>>);

type Noted = (String, Kind, Trouble, Duration);

impl StalePolicy for Noting {
    fn gives(&self, expired: &Expired<'_>) -> bool {
        let name = expired.question.name().to_string();
        let noted = (name, expired.kind, expired.trouble, expired.expired_for);
        self.0.lock().expect("nobody panicked").push(noted);
        false
    }
}

#[test]
fn a_policy_is_told_what_there_is_and_what_went_wrong() {
    let noting = Noting::default();
    let noted = Arc::clone(&noting.0);
    assert_eq!(after(noting, failing), [ResponseCode::ServFail; 2]);
    let noted = noted.lock().expect("nobody panicked");
    let said = Trouble::Rcode(dns_core::message::Rcode::SERVFAIL);
    let (name, kind, trouble, expired_for) = &noted[0];
    assert_eq!((name.as_str(), *kind, *trouble), ("here.example.", Kind::Positive, said));
    assert!(*expired_for >= Duration::from_secs(100) && *expired_for < Duration::from_secs(105));
    assert!(
        noted.iter().any(|(name, kind, ..)| name == "gone.example." && *kind == Kind::NxDomain)
    );
}
