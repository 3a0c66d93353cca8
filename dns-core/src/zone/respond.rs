//! From what zones say to a message: answers, aliases followed, denials with SOA, referrals with glue.

use super::denial::Claim;
use super::lookup::Found;
use super::records::covered;
use super::{Node, RrSet, Zone};
use crate::answer::{Answer, AnswerBuilder, AnswerError};
use crate::message::{Rcode, Section};
use crate::name::Name;
use crate::rdata::RData;
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;

/// The answer to `qname` (plain wire form), following aliases through all zones that `zone_of` knows (by
/// wire name in lower case). `None` when it knows none for `qname` itself. An alias that leads out of them
/// is the end of the answer: the asker goes on elsewhere. With `signed`, signatures and proofs of what is
/// not there come along, as the zones have them (RFC 4035 §3.1, RFC 5155 §7.2).
///
/// # Errors
/// When it does not fit a message, or a zone on the way is void.
pub(crate) fn respond<'z>(
    zone_of: impl Fn(&[u8], RecordType) -> Option<&'z Zone>,
    qname: &[u8],
    rtype: RecordType,
    signed: bool,
) -> Option<Result<Answer, NoAnswer>> {
    let mut owner = qname.to_vec();
    let mut message = Response::new(qname, rtype, signed);
    let (mut rcode, mut authoritative) = (Rcode::NOERROR, true);
    let mut last = None;
    let mut visited: Vec<Vec<u8>> = Vec::new();
    for hop in 0..MAX_ALIASES {
        let folded = owner.to_ascii_lowercase();
        if visited.contains(&folded) {
            break;
        }
        let Some(zone) = zone_of(&folded, rtype) else { break };
        if zone.is_void() {
            return Some(Err(NoAnswer::Void));
        }
        last = Some(zone);
        let matched = zone.find(&owner, &folded, rtype);
        let encloser = &folded[folded.len() - matched.encloser..];
        let name = &folded[..];
        if matched.expanded {
            let claim = match matched.found {
                Found::NoData => Claim::ExpandedNoData { name, encloser },
                _ => Claim::Expanded { name, encloser },
            };
            message.prove(zone, claim);
        }
        let next = match (matched.found, matched.node) {
            (Found::Records(set), Some(node)) => {
                message.answer(&owner, node, set);
                None
            }
            (Found::Cname(set), Some(node)) => {
                message.answer(&owner, node, set);
                Some(set.data[0].to_vec())
            }
            (Found::Dname(set, target), Some(node)) => {
                message.answer(node.owner.as_wire(), node, set);
                if let Ok(target) = target {
                    let (data, ttl) = (target.as_wire(), set.ttl);
                    message.builder.record(Section::Answer, &owner, RecordType::CNAME, ttl, data);
                    // Who asked for the alias has it.
                    (rtype != RecordType::CNAME).then(|| data.to_vec())
                } else {
                    rcode = YXDOMAIN;
                    None
                }
            }
            (Found::Referral(node, ns), _) => {
                message.referral(zone, node, ns);
                authoritative = hop > 0;
                None
            }
            (Found::NoData, _) => {
                message.denial(zone);
                if !matched.expanded {
                    message.prove(zone, Claim::NoData(name));
                }
                None
            }
            (Found::NxDomain, _) | (_, None) => {
                rcode = Rcode::NXDOMAIN;
                message.denial(zone);
                message.prove(zone, Claim::NoName { name, encloser });
                None
            }
        };
        visited.push(folded);
        match next {
            Some(target) => owner = target,
            None => break,
        }
    }
    Some(message.finish(last?, rcode, authoritative).map_err(NoAnswer::Unfit))
}

/// Why our zones give no answer to a name that is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Its zone is ours and we do not have it.
    Void,
    /// It does not fit a message.
    Unfit(AnswerError),
}

/// A message being written, and what is to follow in it.
struct Response<'z> {
    builder: AnswerBuilder,
    signed: bool,
    /// For the authority section: owner, node, set, and a TTL other than the set's.
    authority: Vec<(&'z Node, &'z RrSet, Option<Ttl>)>,
    /// Hosts named, whose addresses are welcome.
    wanted: Vec<Name>,
}

impl<'z> Response<'z> {
    fn new(qname: &[u8], rtype: RecordType, signed: bool) -> Response<'z> {
        let builder = AnswerBuilder::new(qname, rtype, Class::IN);
        Response { builder, signed, authority: Vec::new(), wanted: Vec::new() }
    }

    fn answer(&mut self, owner: &[u8], node: &Node, set: &RrSet) {
        self.write(Section::Answer, owner, node, set, set.ttl);
    }

    /// Writes a set and, where wanted, its signatures.
    fn write(&mut self, section: Section, owner: &[u8], node: &Node, set: &RrSet, ttl: Ttl) {
        for data in &set.data {
            let own = if set.rtype == RecordType::RRSIG { node.ttl_of(set, data) } else { ttl };
            self.builder.record(section, owner, set.rtype, own, data);
            let host = match RData::read(data, 0, data.len(), set.rtype) {
                Ok(RData::Name(host)) if set.rtype == RecordType::NS => host,
                Ok(RData::Mx { exchange: host, .. } | RData::Srv { target: host, .. }) => host,
                _ => continue,
            };
            if !self.wanted.contains(&host) {
                self.wanted.push(host);
            }
        }
        let signatures = node.set(RecordType::RRSIG).filter(|_| self.signed);
        for data in signatures.iter().flat_map(|set| &set.data) {
            if covered(data) == Some(set.rtype) {
                self.builder.record(section, owner, RecordType::RRSIG, ttl, data);
            }
        }
    }

    /// RFC 2308 §3: the SOA of the zone that denies, with the TTL the denial has.
    fn denial(&mut self, zone: &'z Zone) {
        let apex = zone.node(zone.origin.folded().as_wire());
        if let Some((apex, soa)) = apex.and_then(|apex| Some((apex, apex.set(RecordType::SOA)?))) {
            self.authority.push((apex, soa, Some(zone.denial_ttl)));
        }
    }

    /// The servers below a cut; for whoever wants signatures, whether what is below is signed
    /// (RFC 4035 §3.1.4).
    fn referral(&mut self, zone: &'z Zone, cut: &'z Node, ns: &'z RrSet) {
        self.authority.push((cut, ns, None));
        match cut.set(RecordType::DS) {
            Some(ds) if self.signed => self.authority.push((cut, ds, None)),
            Some(_) => {}
            None => self.prove(zone, Claim::NoData(cut.owner.folded().as_wire())),
        }
    }

    fn prove(&mut self, zone: &'z Zone, claim: Claim<'_>) {
        if !self.signed {
            return;
        }
        for node in zone.proof(claim) {
            let denial = node.set(RecordType::NSEC).or_else(|| node.set(RecordType::NSEC3));
            let Some(set) = denial else { continue };
            if !self.authority.iter().any(|(_, known, _)| std::ptr::eq(*known, set)) {
                self.authority.push((node, set, None));
            }
        }
    }

    /// Adds the addresses of the hosts named, as far as the last zone has them, and ends the message.
    fn finish(
        mut self,
        zone: &Zone,
        rcode: Rcode,
        authoritative: bool,
    ) -> Result<Answer, AnswerError> {
        for (node, set, ttl) in std::mem::take(&mut self.authority) {
            let (owner, ttl) = (node.owner.as_wire(), ttl.unwrap_or(set.ttl));
            self.write(Section::Authority, owner, node, set, ttl);
        }
        for host in std::mem::take(&mut self.wanted) {
            for (node, set) in zone.addresses(&host) {
                self.write(Section::Additional, host.as_wire(), node, set, set.ttl);
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
