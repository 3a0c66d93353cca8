//! A resolver, one server it asks, and a clock that passes as fast as the test wants.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns_core::{
    ForwardConfig, Forwarder, MissConfig, Misses, Resolver, ResolverBuilder, Served, Transport,
    Upstream, Zone,
};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};

pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the server says to a question; nothing at all with `false`.
pub(crate) type Says = fn(&Message, &mut Message) -> bool;

pub(crate) struct World {
    pub(crate) resolver: Resolver,
    pub(crate) misses: Misses<()>,
    pub(crate) now: Duration,
    pub(crate) says: Says,
    /// The names it was asked for, in order.
    pub(crate) asked: Vec<String>,
}

impl World {
    pub(crate) fn new(builder: ResolverBuilder, says: Says) -> World {
        World::with_misses(builder, says, MissConfig::default())
    }

    pub(crate) fn with_misses(builder: ResolverBuilder, says: Says, config: MissConfig) -> World {
        let waits = config;
        let resolver = builder.forwards().in_order().build();
        let config = ForwardConfig { mix_case: false, ..ForwardConfig::default() };
        let upstream = Upstream::plain((Ipv4Addr::new(192, 0, 2, 53), 53).into());
        let mut number = 0;
        let random = move || {
            number += 1;
            number
        };
        let forwarder = Forwarder::new(config, vec![upstream], random);
        let misses = Misses::new(resolver.clone(), forwarder, waits);
        let now = Duration::from_secs(1_790_000_000);
        World { resolver, misses, now, says, asked: Vec::new() }
    }

    /// Asks over a datagram from loopback.
    pub(crate) fn ask(&mut self, message: &Message) -> Message {
        self.ask_as(CLIENT, Transport::Datagram, message).expect("an answer")
    }

    pub(crate) fn ask_as(
        &mut self,
        client: IpAddr,
        transport: Transport,
        message: &Message,
    ) -> Option<Message> {
        let wire = message.to_vec().expect("a query");
        let mut out = vec![0; 65_535];
        match self.resolver.serve(self.now, client, &wire, transport, &mut out) {
            Served::Nothing | Served::Answer { len: 0, .. } => return None,
            Served::Answer { len, .. } => {
                return Some(Message::from_vec(&out[..len]).expect("well-formed"));
            }
            _ => self.misses.handle_query(self.now, (), client, &wire, transport),
        }
        loop {
            while let Some(transmit) = self.misses.poll_transmit() {
                let query = Message::from_vec(&transmit.message).expect("a query of ours");
                self.asked.push(query.queries[0].name().to_ascii());
                let mut response =
                    Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
                response.add_query(query.queries[0].clone());
                if (self.says)(&query, &mut response) {
                    let response = response.to_vec().expect("a response");
                    self.misses.handle_response(self.now, transmit.attempt, &response);
                }
            }
            if let Some(((), response)) = self.misses.poll_reply() {
                return Some(Message::from_vec(&response).expect("well-formed"));
            }
            self.now = self.misses.next_timeout().expect("somebody waits").max(self.now);
            self.misses.handle_timeout(self.now);
        }
    }
}

/// A query with RD and EDNS.
pub(crate) fn query(name: &str, rtype: RecordType, options: &[EdnsOption]) -> Message {
    let name = Name::from_ascii(name).expect("a name");
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, rtype));
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    for option in options {
        edns.options_mut().insert(option.clone());
    }
    message.set_edns(edns);
    message
}

/// Adds an address to a response.
pub(crate) fn address(response: &mut Message, owner: &str, [a, b, c, d]: [u8; 4]) {
    let owner = Name::from_ascii(owner).expect("a name");
    let data = RData::A(rdata::A::new(a, b, c, d));
    response.add_answer(Record::from_rdata(owner, 300, data));
}

/// Adds an alias to a response.
pub(crate) fn alias(response: &mut Message, owner: &str, target: &str) {
    let name = |text| Name::from_ascii(text).expect("a name");
    let data = RData::CNAME(rdata::CNAME(name(target)));
    response.add_answer(Record::from_rdata(name(owner), 60, data));
}

/// A zone from the text of a master file.
pub(crate) fn zone(origin: &str, text: &str) -> Zone {
    let text = format!("@ 300 SOA ns mail 1 1d 2h 4w 5m\n@ 300 NS ns\nns 300 A 10.0.0.1\n{text}");
    Zone::from_master_file(&origin.parse().expect("an origin"), "test.zone", &text).expect("a zone")
}

/// The extended errors in a response.
pub(crate) fn reasons(message: &Message) -> Vec<u16> {
    let options = message.edns.iter().flat_map(|edns| edns.options().as_ref());
    let reasons = options.filter(|(code, _)| u16::from(*code) == 15);
    reasons
        .map(|(_, option)| {
            let data = Vec::<u8>::try_from(option).expect("octets");
            u16::from_be_bytes([data[0], data[1]])
        })
        .collect()
}

/// The data of an option in a response.
pub(crate) fn option(message: &Message, code: u16) -> Option<Vec<u8>> {
    let mut options = message.edns.iter().flat_map(|edns| edns.options().as_ref());
    let (_, option) = options.find(|(have, _)| u16::from(*have) == code)?;
    Some(Vec::<u8>::try_from(option).expect("octets"))
}

pub(crate) fn lines(message: &Message) -> Vec<String> {
    let line = |r: &Record| format!("{} {} {}", r.name, r.record_type(), r.data);
    message.answers.iter().map(line).collect()
}

pub(crate) fn code(message: &Message) -> ResponseCode {
    message.metadata.response_code
}
