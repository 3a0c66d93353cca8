//! From what zones say to a message: answers, aliases followed, denials with SOA, referrals with glue.

use super::lookup::Found;
use super::{RrSet, Zone};
use crate::answer::{Answer, AnswerBuilder, AnswerError};
use crate::message::{Rcode, Section};
use crate::name::Name;
use crate::rdata::RData;
use crate::record_type::{Class, RecordType};

/// The answer to `qname` (plain wire form), following aliases through all zones that `zone_of` knows (by
/// wire name in lower case). `None` when it knows none for `qname` itself. An alias that leads out of them
/// is the end of the answer: the asker goes on elsewhere.
///
/// # Errors
/// [`AnswerError::TooLarge`] when it does not fit a message.
pub(crate) fn respond<'z>(
    zone_of: impl Fn(&[u8], RecordType) -> Option<&'z Zone>,
    qname: &[u8],
    rtype: RecordType,
) -> Option<Result<Answer, AnswerError>> {
    let mut owner = qname.to_vec();
    let mut message =
        Response { builder: AnswerBuilder::new(qname, rtype, Class::IN), wanted: Vec::new() };
    let (mut rcode, mut authoritative) = (Rcode::NOERROR, true);
    let mut last = None;
    let mut visited: Vec<Vec<u8>> = Vec::new();
    for hop in 0..MAX_ALIASES {
        let folded = owner.to_ascii_lowercase();
        if visited.contains(&folded) {
            break;
        }
        let Some(zone) = zone_of(&folded, rtype) else { break };
        last = Some(zone);
        let next = match zone.find(&owner, &folded, rtype) {
            Found::Records(set) => {
                message.set(Section::Answer, &owner, set);
                None
            }
            Found::Cname(set) => {
                message.set(Section::Answer, &owner, set);
                Some(set.data[0].to_vec())
            }
            Found::Dname(node, set, target) => {
                message.set(Section::Answer, node.owner.as_wire(), set);
                if let Ok(target) = target {
                    let (data, ttl) = (target.as_wire(), set.ttl);
                    message.builder.record(Section::Answer, &owner, RecordType::CNAME, ttl, data);
                    Some(data.to_vec())
                } else {
                    rcode = YXDOMAIN;
                    None
                }
            }
            Found::Referral(node, ns) => {
                message.set(Section::Authority, node.owner.as_wire(), ns);
                authoritative = hop > 0;
                None
            }
            Found::NoData => {
                message.denial(zone);
                None
            }
            Found::NxDomain => {
                rcode = Rcode::NXDOMAIN;
                message.denial(zone);
                None
            }
        };
        visited.push(folded);
        match next {
            Some(target) => owner = target,
            None => break,
        }
    }
    Some(message.finish(last?, rcode, authoritative))
}

/// A message being written, and the hosts it names.
struct Response {
    builder: AnswerBuilder,
    wanted: Vec<Name>,
}

impl Response {
    fn set(&mut self, section: Section, owner: &[u8], set: &RrSet) {
        for data in &set.data {
            self.builder.record(section, owner, set.rtype, set.ttl, data);
            let host = match RData::read(data, 0, data.len(), set.rtype) {
                Ok(RData::Name(host)) if set.rtype == RecordType::NS => host,
                Ok(RData::Mx { exchange: host, .. } | RData::Srv { target: host, .. }) => host,
                _ => continue,
            };
            if !self.wanted.contains(&host) {
                self.wanted.push(host);
            }
        }
    }

    /// RFC 2308 §3: the SOA of the zone that denies, with the TTL the denial has.
    fn denial(&mut self, zone: &Zone) {
        let apex = zone.node(zone.origin.folded().as_wire());
        let soa = apex.and_then(|apex| apex.set(RecordType::SOA));
        for data in soa.iter().flat_map(|set| &set.data) {
            let owner = zone.origin.as_wire();
            self.builder.record(Section::Authority, owner, RecordType::SOA, zone.denial_ttl, data);
        }
    }

    /// Adds the addresses of the hosts named, as far as the last zone has them, and ends the message.
    fn finish(
        mut self,
        zone: &Zone,
        rcode: Rcode,
        authoritative: bool,
    ) -> Result<Answer, AnswerError> {
        for host in &self.wanted {
            for set in zone.addresses(host) {
                for data in &set.data {
                    let owner = host.as_wire();
                    self.builder.record(Section::Additional, owner, set.rtype, set.ttl, data);
                }
            }
        }
        self.builder.finish(rcode, authoritative)
    }
}

/// Aliases followed before the answer ends as it is. A limit of 8 broke real names in another resolver
/// (NLnetLabs/unbound#438: nine aliases in a row).
const MAX_ALIASES: usize = 16;
/// The substituted name is too long (RFC 6672 §2.2).
const YXDOMAIN: Rcode = Rcode(6);
