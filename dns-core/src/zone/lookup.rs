//! The search of RFC 1034 §4.3.2, step 3, with RFC 4592's wildcards and RFC 6672's DNAME.

use super::{Node, RrSet, Zone};
use crate::name::{Name, WireNameError, ancestors};
use crate::record_type::RecordType;

/// What a zone says to a question.
#[derive(Debug)]
pub(super) enum Found<'z> {
    /// The records asked for.
    Records(&'z RrSet),
    /// An alias instead of them.
    Cname(&'z RrSet),
    /// A DNAME above the name, and where it sends it; an error when that would be too long
    /// (RFC 6672 §2.2).
    Dname(&'z Node, &'z RrSet, Result<Name, WireNameError>),
    /// The name lies at or below a zone cut.
    Referral(&'z Node, &'z RrSet),
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NxDomain,
}

impl Zone {
    /// What the zone says to `qname`, which must lie in it; `folded` is `qname` in lower case.
    pub(super) fn find(&self, qname: &[u8], folded: &[u8], rtype: RecordType) -> Found<'_> {
        let origin_len = self.origin.as_wire().len();
        let path: Vec<&[u8]> =
            ancestors(folded).take_while(|name| name.len() >= origin_len).collect();
        let mut encloser = None;
        for &name in path.iter().rev() {
            let Some(node) = self.node(name) else { break };
            let (exact, apex) = (name.len() == folded.len(), name.len() == origin_len);
            if let Some(ns) = node.set(RecordType::NS).filter(|_| !apex) {
                // The DS set is the parent's (RFC 4035 §3.1.4.1).
                if !(exact && rtype == RecordType::DS) {
                    return Found::Referral(node, ns);
                }
            }
            if exact {
                return node.answer(rtype);
            }
            if let Some(dname) = node.set(RecordType::DNAME) {
                let prefix = &qname[..qname.len() - name.len()];
                let target = Name::from_wire(&dname.data[0]).and_then(|to| to.prefixed(prefix));
                return Found::Dname(node, dname, target);
            }
            encloser = Some(name);
        }
        // The closest encloser is the longest name that exists; only its own wildcard counts
        // (RFC 4592 §3.3.1).
        let wildcard = encloser.and_then(|name| self.node(&[b"\x01*", name].concat()));
        wildcard.map_or(Found::NxDomain, |node| node.answer(rtype))
    }

    /// The addresses of `name` here, glue too: never through wildcards or aliases.
    pub(super) fn addresses(&self, name: &Name) -> impl Iterator<Item = &RrSet> {
        let node = self.node(name.folded().as_wire());
        let sets = node.into_iter().flat_map(|node| &node.sets);
        sets.filter(|set| matches!(set.rtype, RecordType::A | RecordType::AAAA))
    }
}

impl Node {
    fn answer(&self, rtype: RecordType) -> Found<'_> {
        if rtype == RecordType::ANY {
            // One of the sets is answer enough (RFC 8482 §4.1).
            return self.sets.first().map_or(Found::NoData, Found::Records);
        }
        match (self.set(rtype), self.set(RecordType::CNAME)) {
            (Some(set), _) => Found::Records(set),
            (None, Some(cname)) => Found::Cname(cname),
            (None, None) => Found::NoData,
        }
    }
}
