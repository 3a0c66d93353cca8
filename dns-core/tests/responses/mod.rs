//! Responses as an upstream would send them, and the keys they are cached under.

use dns_core::Name;
use dns_core::answer::Answer;
use dns_core::question::{Key, Query, View};
use hickory_proto::op::{Message, MessageType, OpCode, Query as HickoryQuery, ResponseCode};
use hickory_proto::rr::{Name as HickoryName, RData, Record, RecordType, rdata};

/// The name of number `i`.
pub(crate) fn name(i: usize) -> String {
    format!("host-{i}.example.")
}

/// The key under which an A record of `name` is cached.
pub(crate) fn key(name: &Name) -> Key<'_> {
    Key::new(&Query::ask(name, dns_core::RecordType::A), View::default())
}

/// The name that `text` writes.
pub(crate) fn owner(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A response without records.
pub(crate) fn empty(name: &str, rcode: ResponseCode) -> Message {
    let mut message = Message::new(1, MessageType::Response, OpCode::Query);
    message.metadata.response_code = rcode;
    let name = HickoryName::from_ascii(name).expect("a name");
    message.add_query(HickoryQuery::query(name, RecordType::A));
    message
}

/// `count` A records.
pub(crate) fn addresses(name: &str, ttl: u32, count: u16) -> Message {
    let mut message = empty(name, ResponseCode::NoError);
    for i in 0..count {
        let [high, low] = i.to_be_bytes();
        let owner = HickoryName::from_ascii(name).expect("a name");
        message.add_answer(Record::from_rdata(
            owner,
            ttl,
            RData::A(rdata::A::new(10, 0, high, low)),
        ));
    }
    message
}

/// A denial with a SOA record of the given TTL and minimum.
pub(crate) fn denial(name: &str, rcode: ResponseCode, ttl: u32, minimum: u32) -> Message {
    let mut message = empty(name, rcode);
    let zone = || HickoryName::from_ascii("example.").expect("a name");
    let soa = rdata::SOA::new(zone(), zone(), 1, 1, 1, 1, minimum);
    message.add_authority(Record::from_rdata(zone(), ttl, RData::SOA(soa)));
    message
}

/// As the cache keeps it.
pub(crate) fn answer(message: &Message) -> Answer {
    Answer::from_response(&message.to_vec().expect("a response")).expect("one that can be kept")
}
