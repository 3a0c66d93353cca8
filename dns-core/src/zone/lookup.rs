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
    Dname(&'z RrSet, Result<Name, WireNameError>),
    /// The name lies at or below a zone cut.
    Referral(&'z Node, &'z RrSet),
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NxDomain,
}

/// What was found, and where.
#[derive(Debug)]
pub(super) struct Match<'z> {
    pub(super) found: Found<'z>,
    /// Whose data it is: the name itself, its wildcard, or the DNAME above it.
    pub(super) node: Option<&'z Node>,
    /// Octets of the closest encloser, as the end of the name (RFC 4592 §3.3.1).
    pub(super) encloser: usize,
    /// The data is that of the closest encloser's wildcard.
    pub(super) expanded: bool,
}

impl Zone {
    /// What the zone says to `qname`, which must lie in it; `folded` is `qname` in lower case.
    pub(super) fn find(&self, qname: &[u8], folded: &[u8], rtype: RecordType) -> Match<'_> {
        let origin_len = self.origin.as_wire().len();
        let path: Vec<&[u8]> =
            ancestors(folded).take_while(|name| name.len() >= origin_len).collect();
        let mut encloser: &[u8] = &[];
        for &name in path.iter().rev() {
            let Some(node) = self.node(name) else { break };
            let (exact, apex) = (name.len() == folded.len(), name.len() == origin_len);
            let here =
                |found| Match { found, node: Some(node), encloser: name.len(), expanded: false };
            if let Some(ns) = node.set(RecordType::NS).filter(|_| !apex) {
                // The DS set is the parent's (RFC 4035 §3.1.4.1).
                if !(exact && rtype == RecordType::DS) {
                    return here(Found::Referral(node, ns));
                }
            }
            if exact {
                return here(node.answer(rtype));
            }
            if let Some(dname) = node.set(RecordType::DNAME) {
                let prefix = &qname[..qname.len() - name.len()];
                let target = Name::from_wire(&dname.data[0]).and_then(|to| to.prefixed(prefix));
                return here(Found::Dname(dname, target));
            }
            encloser = name;
        }
        // The closest encloser is the longest name that exists; only its own wildcard counts
        // (RFC 4592 §3.3.1).
        let node = self.node(&[b"\x01*", encloser].concat());
        let found = node.map_or(Found::NxDomain, |node| node.answer(rtype));
        Match { found, node, encloser: encloser.len(), expanded: node.is_some() }
    }

    /// The addresses of `name` here, glue too, and whose they are: never through wildcards or aliases.
    pub(super) fn addresses(&self, name: &Name) -> impl Iterator<Item = (&Node, &RrSet)> {
        let node = self.node(name.folded().as_wire());
        let sets = node.into_iter().flat_map(|node| node.sets.iter().map(move |set| (node, set)));
        sets.filter(|(_, set)| matches!(set.rtype, RecordType::A | RecordType::AAAA))
    }
}

impl Node {
    fn answer(&self, rtype: RecordType) -> Found<'_> {
        if rtype == RecordType::ANY {
            // One of the sets is answer enough (RFC 8482 §4.1); signatures come along where wanted.
            let signing = |set: &&RrSet| matches!(set.rtype, RecordType::RRSIG | RecordType::NSEC);
            let one = self.sets.iter().find(|set| !signing(set)).or(self.sets.first());
            return one.map_or(Found::NoData, Found::Records);
        }
        match (self.set(rtype), self.set(RecordType::CNAME)) {
            (Some(set), _) => Found::Records(set),
            (None, Some(cname)) => Found::Cname(cname),
            (None, None) => Found::NoData,
        }
    }
}
