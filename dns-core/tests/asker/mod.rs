//! Asks a resolver on the wire and reads the answers with another implementation.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns_core::{Name, Resolver, Zone};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name as HickoryName, Record, RecordType};

pub(crate) const NOW: Duration = Duration::from_secs(1_000);
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A zone from the text of a master file.
pub(crate) fn zone(origin: &str, text: &str) -> Zone {
    let origin: Name = origin.parse().expect("an origin");
    Zone::from_master_file(&origin, "test.zone", text).expect("a zone")
}

/// A resolver with one zone.
pub(crate) fn resolver(origin: &str, text: &str) -> Resolver {
    Resolver::builder().zone(zone(origin, text)).in_order().build()
}

/// A query with id 4711 and RD.
pub(crate) fn query(name: &str, rtype: RecordType) -> Message {
    let name = HickoryName::from_ascii(name).expect("a name");
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, rtype));
    message
}

/// The same with EDNS.
pub(crate) fn edns_query(name: &str, rtype: RecordType, udp_size: u16) -> Message {
    let mut message = query(name, rtype);
    let mut edns = Edns::new();
    edns.set_max_payload(udp_size);
    message.set_edns(edns);
    message
}

/// Sends `message` twice and returns the answer, which must be the same out of the cache.
pub(crate) fn send(resolver: &Resolver, message: &Message) -> Message {
    let wire = message.to_vec().expect("a query");
    let first = send_wire(resolver, &wire).expect("an answer");
    assert_eq!(send_wire(resolver, &wire).as_ref(), Some(&first), "the same from the cache");
    first
}

pub(crate) fn send_wire(resolver: &Resolver, wire: &[u8]) -> Option<Message> {
    let mut out = [0; 4_096];
    let len = resolver.answer(NOW, CLIENT, wire, &mut out);
    (len > 0).then(|| Message::from_vec(&out[..len]).expect("a well-formed answer"))
}

/// Asks with room for large answers.
pub(crate) fn ask(resolver: &Resolver, name: &str, rtype: RecordType) -> Message {
    send(resolver, &edns_query(name, rtype, 4_096))
}

/// Records as text, in the order of the message.
pub(crate) fn lines(records: &[Record]) -> Vec<String> {
    records.iter().map(|r| format!("{} {} {} {}", r.name, r.ttl, r.record_type(), r.data)).collect()
}
