//! The hand-written query parser agrees with `hickory-proto` on whatever it accepts.

use dns_core::Name;
use dns_core::question::{Query, Unusual};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as HickoryQuery};
use hickory_proto::rr::{DNSClass, Name as HickoryName, RecordType};
use hickory_proto::serialize::binary::BinEncodable;
use proptest::prelude::*;

fn label() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..12)
}

prop_compose! {
    fn query()(
        id: u16,
        labels in prop::collection::vec(label(), 0..8),
        rtype in 1u16..300,
        class in prop_oneof![9 => Just(1u16), 1 => 1u16..5],
        flags: [bool; 3],
        edns in prop::option::of((any::<u16>(), any::<bool>())),
    ) -> Message {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = flags[0];
        message.metadata.authentic_data = flags[1];
        message.metadata.checking_disabled = flags[2];
        let mut name = HickoryName::from_labels(labels).expect("short labels");
        name.set_fqdn(true);
        let mut question = HickoryQuery::query(name, RecordType::from(rtype));
        question.set_query_class(DNSClass::from(class));
        message.add_query(question);
        if let Some((size, dnssec_ok)) = edns {
            let mut edns = Edns::new();
            edns.set_max_payload(size).set_dnssec_ok(dnssec_ok);
            message.set_edns(edns);
        }
        message
    }
}

/// Both read the same out of `wire`.
fn agree(query: &Query<'_>, theirs: &Message) -> Result<(), TestCaseError> {
    let question = &theirs.queries[0];
    prop_assert_eq!(theirs.queries.len(), 1);
    prop_assert_eq!(query.id, theirs.metadata.id);
    let name = question.name().to_bytes().expect("a name");
    prop_assert_eq!(query.name, &name[..]);
    prop_assert_eq!(query.rtype.0, u16::from(question.query_type()));
    prop_assert_eq!(query.class.0, u16::from(question.query_class()));
    prop_assert_eq!(query.recursion_desired, theirs.metadata.recursion_desired);
    prop_assert_eq!(query.authentic_data, theirs.metadata.authentic_data);
    prop_assert_eq!(query.checking_disabled, theirs.metadata.checking_disabled);
    prop_assert_eq!(query.edns.is_some(), theirs.edns.is_some());
    if let (Some(ours), Some(theirs)) = (query.edns, &theirs.edns) {
        prop_assert_eq!(ours.dnssec_ok, theirs.flags().dnssec_ok);
        prop_assert_eq!(ours.udp_size.max(512), theirs.max_payload());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn usual_queries_are_accepted_and_read_alike(message in query()) {
        let wire = message.to_vec().expect("a query");
        let ours = Query::parse(&wire);
        prop_assert!(ours.is_ok(), "{:?}", ours);
        agree(&ours.expect("just seen"), &Message::from_vec(&wire).expect("its own message"))?;
    }

    #[test]
    fn mutated_queries_are_read_alike_or_refused(
        message in query(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut wire = message.to_vec().expect("a query");
        for (at, octet) in changes {
            let at = at.index(wire.len());
            wire[at] = octet;
        }
        wire.extend(tail);
        if let Ok(ours) = Query::parse(&wire) {
            match Message::from_vec(&wire) {
                Ok(theirs) => agree(&ours, &theirs)?,
                // It looks into the options, which the parser leaves to whoever knows them.
                Err(why) => prop_assert!(
                    ours.edns.is_some_and(|edns| !edns.options.is_empty()), "{why}"
                ),
            }
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(wire in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Query::parse(&wire);
    }

    #[test]
    fn every_prefix_is_short(message in query()) {
        let wire = message.to_vec().expect("a query");
        for end in 0..wire.len() {
            prop_assert_eq!(Query::parse(&wire[..end]), Err(Unusual::Short), "{} octets", end);
        }
    }
}

#[test]
fn each_oddity_has_its_reason() {
    let name: Name = "a.example".parse().expect("a name");
    let mut usual = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    usual.extend(name.as_wire());
    usual.extend([0, 1, 0, 1]);
    assert!(Query::parse(&usual).is_ok());
    let opt = |version, rdata: &[u8]| {
        let mut wire = usual.clone();
        wire[11] = 1;
        wire.extend([0, 0, 41, 4, 208, 0, version, 0, 0, 0, rdata.len() as u8]);
        wire.extend(rdata);
        wire
    };
    assert!(Query::parse(&opt(0, &[0, 10, 0, 1, 7])).is_ok());
    let with = |at: usize, octet| {
        let mut wire = usual.clone();
        wire[at] = octet;
        wire
    };
    for (wire, why) in [
        (with(2, 0x80), "response"),
        (with(2, 0x28), "opcode"),
        (with(2, 0x02), "truncated"),
        (with(5, 2), "questions"),
        (with(5, 0), "questions"),
        (with(7, 1), "records"),
        (with(9, 1), "records"),
        (with(11, 2), "additional"),
        (with(12, 0xc0), "name"),
        (with(12, 0x41), "name"),
        ([usual.clone(), vec![0]].concat(), "trailing_octets"),
        ([opt(0, &[]), vec![0]].concat(), "trailing_octets"),
        ([opt(0, &[0, 10, 0, 0]), vec![0, 10, 0, 0]].concat(), "trailing_octets"),
        (opt(1, &[]), "edns_version"),
        (opt(0, &[0, 10, 0, 2, 7]), "edns_options"),
        (opt(0, &[0]), "edns_options"),
    ] {
        assert_eq!(Query::parse(&wire).map_err(|why| why.label()).err(), Some(why), "{wire:?}");
    }
}
