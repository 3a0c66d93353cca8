//! Private addresses behind public names are kept back: whoever runs the name could make a browser talk to the
//! site's own hosts.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use dns_core::Resolver;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};
use world::{World, address, alias, code, query, reasons};

fn says(query: &Message, response: &mut Message) -> bool {
    let name = query.queries[0].name().to_ascii();
    match name.as_str() {
        "public.example." => address(response, &name, [203, 0, 113, 9]),
        "shared.example." => address(response, &name, [100, 64, 0, 1]),
        "loop.example." => address(response, &name, [127, 0, 0, 1]),
        "alias.example." => {
            alias(response, &name, "in.example.");
            address(response, "in.example.", [192, 168, 1, 1]);
        }
        "hint.example." => {
            let hint = IpHint(vec![rdata::A::new(10, 0, 0, 1)]);
            let params = vec![(SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(hint))];
            let binding = rdata::HTTPS(rdata::SVCB::new(1, Name::root(), params));
            let owner = Name::from_ascii(&name).expect("a name");
            response.add_answer(Record::from_rdata(owner, 300, RData::HTTPS(binding)));
        }
        "both.example." => {
            address(response, &name, [203, 0, 113, 9]);
            address(response, &name, [10, 0, 0, 1]);
        }
        _ => address(response, &name, [10, 0, 0, 1]),
    }
    true
}

#[test]
fn answers_that_lead_inside_are_empty_and_say_why() {
    let exempt = ["vpn.example".parse().expect("a name")];
    let mut world = World::new(Resolver::builder().guard_rebinding(exempt), says);
    let mut ask = |name: &str| world.ask(&query(name, RecordType::A, &[]));
    for name in
        ["evil.example.", "shared.example.", "loop.example.", "alias.example.", "both.example."]
    {
        // From the server, then out of the cache.
        for _ in 0..2 {
            let answer = ask(name);
            assert_eq!((code(&answer), answer.answers.len()), (ResponseCode::NoError, 0), "{name}");
            assert_eq!(reasons(&answer), [15], "{name}");
        }
    }
    let hint = world.ask(&query("hint.example.", RecordType::HTTPS, &[]));
    assert_eq!((hint.answers.len(), reasons(&hint)), (0, vec![15]), "a browser would go there");
    let mut ask = |name: &str| world.ask(&query(name, RecordType::A, &[]));
    assert_eq!(ask("public.example.").answers.len(), 1);
    assert_eq!(ask("host.vpn.example.").answers.len(), 1, "said to be so");
    assert_eq!(world.asked.len(), 8, "each asked for once: {:?}", world.asked);
    let mut open = World::new(Resolver::builder(), says);
    assert_eq!(open.ask(&query("evil.example.", RecordType::A, &[])).answers.len(), 1);
}
