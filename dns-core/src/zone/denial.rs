//! How a signed zone proves what is not there: with NSEC (RFC 4035 §3.1.3) or NSEC3 (RFC 5155 §7.2).

use std::collections::HashMap;
use std::sync::Arc;

use super::{Node, Zone};
use crate::name::{Name, canonical_cmp};
use crate::record_type::RecordType;

/// The zone's chain of denials, if it has one.
#[derive(Clone, Debug)]
pub(super) enum Denial {
    /// Not signed.
    None,
    /// The keys of all nodes with NSEC, in canonical order.
    Nsec(Vec<Arc<[u8]>>),
    /// Hashed names.
    #[cfg(feature = "zones")]
    Nsec3(hashed::Hashed),
}

impl Denial {
    #[cfg_attr(
        not(feature = "zones"),
        expect(unused_variables, reason = "only NSEC3 needs the origin")
    )]
    pub(super) fn of(
        origin: &Name,
        nodes: &HashMap<Arc<[u8]>, Node>,
        order: &[Arc<[u8]>],
    ) -> Denial {
        #[cfg(feature = "zones")]
        if let Some(hashed) = hashed::Hashed::of(origin, nodes, order) {
            return Denial::Nsec3(hashed);
        }
        let has_nsec = |key: &&Arc<[u8]>| nodes[*key].set(RecordType::NSEC).is_some();
        let chain: Vec<_> = order.iter().filter(has_nsec).cloned().collect();
        if chain.is_empty() { Denial::None } else { Denial::Nsec(chain) }
    }
}

/// What has to be proved about a name, all in lower case.
#[cfg_attr(not(feature = "zones"), expect(dead_code, reason = "only NSEC3 asks for enclosers"))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim<'n> {
    /// Nothing of the type asked for is at this name, which exists.
    NoData(&'n [u8]),
    /// The name does not exist, and no wildcard of its closest encloser.
    NoName { name: &'n [u8], encloser: &'n [u8] },
    /// The name does not exist: its answer came from the wildcard of its closest encloser.
    Expanded { name: &'n [u8], encloser: &'n [u8] },
    /// The same, and the wildcard has not the type.
    ExpandedNoData { name: &'n [u8], encloser: &'n [u8] },
}

impl Zone {
    /// The nodes whose NSEC or NSEC3 records prove `claim`, each once; none in a zone that is not signed.
    pub(super) fn proof(&self, claim: Claim<'_>) -> Vec<&Node> {
        let keys = match &self.denial {
            Denial::None => return Vec::new(),
            Denial::Nsec(chain) => match claim {
                // An empty non-terminal has no NSEC of its own; the one before it spans it.
                Claim::NoData(name) | Claim::Expanded { name, .. } => {
                    [at_or_before(chain, name), None, None]
                }
                Claim::NoName { name, encloser } | Claim::ExpandedNoData { name, encloser } => {
                    let at_wildcard = at_or_before(chain, &wildcard(encloser));
                    [at_or_before(chain, name), at_wildcard, None]
                }
            },
            #[cfg(feature = "zones")]
            Denial::Nsec3(hashed) => match claim {
                // Without a record of its own the name is an unsigned delegation that was opted out
                // (RFC 5155 §7.2.4); with one, it is its own encloser.
                Claim::NoData(name) => {
                    let apex = self.origin.as_wire().len();
                    let (encloser, next) = hashed.provable_encloser(name, apex);
                    let spanned = next.map(|next| hashed.covering(next));
                    [hashed.matching(encloser), spanned, None]
                }
                Claim::NoName { name, encloser } => [
                    hashed.matching(encloser),
                    Some(hashed.covering(next_closer(name, encloser))),
                    Some(hashed.covering(&wildcard(encloser))),
                ],
                Claim::Expanded { name, encloser } => {
                    [Some(hashed.covering(next_closer(name, encloser))), None, None]
                }
                Claim::ExpandedNoData { name, encloser } => [
                    hashed.matching(encloser),
                    Some(hashed.covering(next_closer(name, encloser))),
                    hashed.matching(&wildcard(encloser)),
                ],
            },
        };
        let mut proof: Vec<&Arc<[u8]>> = Vec::new();
        for key in keys.into_iter().flatten() {
            if !proof.contains(&key) {
                proof.push(key);
            }
        }
        proof.into_iter().filter_map(|key| self.node(key)).collect()
    }
}

/// The last key that is not behind `name`; the chain is a ring.
fn at_or_before<'c>(chain: &'c [Arc<[u8]>], name: &[u8]) -> Option<&'c Arc<[u8]>> {
    let behind = chain.partition_point(|key| canonical_cmp(key, name).is_le());
    chain.get(behind.checked_sub(1).unwrap_or(chain.len() - 1))
}

/// The wildcard below `encloser`.
fn wildcard(encloser: &[u8]) -> Vec<u8> {
    [b"\x01*", encloser].concat()
}

/// The name one label longer than `encloser` on the way to `name` (RFC 5155 §1.3).
#[cfg(feature = "zones")]
fn next_closer<'n>(name: &'n [u8], encloser: &[u8]) -> &'n [u8] {
    let longer = crate::name::ancestors(name).take_while(|above| above.len() > encloser.len());
    longer.last().unwrap_or(name)
}

#[cfg(feature = "zones")]
mod hashed {
    use std::collections::HashMap;
    use std::sync::Arc;

    use data_encoding::BASE32HEX_NOPAD;
    use sha1::{Digest, Sha1};

    use crate::name::{Name, ancestors};
    use crate::record_type::RecordType;
    use crate::zone::Node;

    /// A chain of NSEC3 records with one set of parameters.
    #[derive(Clone, Debug)]
    pub(in super::super) struct Hashed {
        iterations: u16,
        salt: Box<[u8]>,
        /// By hash, in order, with the key of the node.
        chain: Vec<([u8; 20], Arc<[u8]>)>,
    }

    impl Hashed {
        /// The chain that the first NSEC3PARAM record names (RFC 5155 §4).
        pub(super) fn of(
            origin: &Name,
            nodes: &HashMap<Arc<[u8]>, Node>,
            order: &[Arc<[u8]>],
        ) -> Option<Hashed> {
            let apex = nodes.get(origin.folded().as_wire())?;
            let parameters = apex.set(RecordType::NSEC3PARAM)?.data.first()?;
            let (iterations, salt) = parsed(parameters)?;
            let of_chain = |data: &[u8]| parsed(data) == Some((iterations, salt));
            let mut chain: Vec<_> = order
                .iter()
                .filter_map(|key| {
                    let set = nodes.get(key)?.set(RecordType::NSEC3)?;
                    let label = key.get(1..=usize::from(key[0]))?.to_ascii_uppercase();
                    let hash = BASE32HEX_NOPAD.decode(&label).ok()?;
                    let hash = <[u8; 20]>::try_from(hash).ok()?;
                    set.data.iter().any(|data| of_chain(data)).then(|| (hash, Arc::clone(key)))
                })
                .collect();
            chain.sort_unstable();
            let usable = iterations <= MOST_ITERATIONS && !chain.is_empty();
            usable.then(|| Hashed { iterations, salt: salt.into(), chain })
        }

        /// The record whose hash is that of `name`.
        pub(super) fn matching(&self, name: &[u8]) -> Option<&Arc<[u8]>> {
            let hash = self.hash(name);
            let at = self.chain.binary_search_by(|(known, _)| known.cmp(&hash)).ok()?;
            Some(&self.chain[at].1)
        }

        /// The record that spans the hash of `name`; the chain is a ring.
        pub(super) fn covering(&self, name: &[u8]) -> &Arc<[u8]> {
            let hash = self.hash(name);
            let behind = self.chain.partition_point(|(known, _)| *known <= hash);
            let at = behind.checked_sub(1).unwrap_or(self.chain.len() - 1);
            &self.chain[at].1
        }

        /// The longest ancestor of `name` that has a record, and the name one label longer.
        pub(super) fn provable_encloser<'n>(
            &self,
            name: &'n [u8],
            apex_len: usize,
        ) -> (&'n [u8], Option<&'n [u8]>) {
            let mut next = None;
            for above in ancestors(name) {
                if above.len() <= apex_len || self.matching(above).is_some() {
                    return (above, next);
                }
                next = Some(above);
            }
            (name, None)
        }

        /// RFC 5155 §5.
        fn hash(&self, name: &[u8]) -> [u8; 20] {
            let once = |octets: &[u8]| -> [u8; 20] {
                Sha1::new().chain_update(octets).chain_update(&self.salt).finalize().into()
            };
            (0..self.iterations).fold(once(&name.to_ascii_lowercase()), |hash, _| once(&hash))
        }
    }

    /// Iterations and salt of NSEC3 or NSEC3PARAM data with SHA-1, the only algorithm there is.
    fn parsed(data: &[u8]) -> Option<(u16, &[u8])> {
        let (&[algorithm, _, high, low, len], rest) = data.split_first_chunk()?;
        let salt = rest.get(..usize::from(len)).filter(|_| algorithm == 1)?;
        Some((u16::from_be_bytes([high, low]), salt))
    }

    /// More than any signer may use (RFC 5155 §10.3); validators stop at 100 or so (RFC 9276 §3.2).
    const MOST_ITERATIONS: u16 = 2_500;

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn hashes_of_rfc_5155_appendix_a() {
            let salt = Box::new([0xaa, 0xbb, 0xcc, 0xdd]);
            let hashed = Hashed { iterations: 12, salt, chain: Vec::new() };
            for (name, hash) in [
                ("example.", "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM"),
                ("a.example.", "35MTHGPGCU1QG68FAB165KLNSNK3DPVL"),
                ("*.w.example.", "R53BQ7CC2UVMUBFU5OCMM6PERS9TK9EN"),
            ] {
                let name: Name = name.parse().expect("a name");
                assert_eq!(BASE32HEX_NOPAD.encode(&hashed.hash(name.as_wire())), hash);
            }
        }
    }
}
