//! Private addresses behind public names are kept back: whoever runs the name could make a browser talk to the
//! site's own hosts.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use dns_core::Resolver;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
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
    assert_eq!(ask("public.example.").answers.len(), 1);
    assert_eq!(ask("host.vpn.example.").answers.len(), 1, "said to be so");
    assert_eq!(world.asked.len(), 7, "each asked for once: {:?}", world.asked);
    let mut open = World::new(Resolver::builder(), says);
    assert_eq!(open.ask(&query("evil.example.", RecordType::A, &[])).answers.len(), 1);
}
