//! What a finished zone should not hold: the checks that `named-checkzone` makes.

use super::lookup::Found;
use super::{Node, Zone, ZoneError};
use crate::name::{Name, ancestors};
use crate::rdata::RData;
use crate::record_type::RecordType;

/// Something in a zone that is most likely not meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Concern {
    /// A record of another zone, left out.
    #[error("{0} lies outside of the zone and is left out: move it to a zone of its own")]
    OutOfZone(Name),
    /// Records of one set with different TTLs; the least is the set's (RFC 2181 §5.2).
    #[error("the {rtype} records of {owner} differ in TTL, and all get the least: give them one")]
    TtlMismatch {
        /// Whose.
        owner: Name,
        /// Which.
        rtype: RecordType,
    },
    /// A host of this zone that is pointed to and has no address.
    #[error("{rtype} of {owner} names {host}, which has no address: add A or AAAA")]
    NoAddress {
        /// Who points.
        owner: Name,
        /// With what.
        rtype: RecordType,
        /// Where to.
        host: Name,
    },
    /// A host that is pointed to and is an alias (RFC 2181 §10.3).
    #[error("{rtype} of {owner} names {host}, which is an alias: name its target")]
    Alias {
        /// Who points.
        owner: Name,
        /// With what.
        rtype: RecordType,
        /// Where to.
        host: Name,
    },
    /// A server below the cut it serves, without an address here.
    #[error(
        "{owner} is delegated to {host} below it, which nobody can find: add its A or AAAA here"
    )]
    NoGlue {
        /// The cut.
        owner: Name,
        /// The server.
        host: Name,
    },
    /// A name that a DNAME or a cut above it hides (RFC 6672 §2.4).
    #[error("{name} lies below the DNAME at {dname}, which redirects it: remove one of them")]
    BelowDname {
        /// What can never be reached.
        name: Name,
        /// The DNAME's owner.
        dname: Name,
    },
    /// A label `*` that is not the leftmost one (RFC 4592 §2.1.1).
    #[error("{0} has an asterisk that is no wildcard: only the leftmost label is one")]
    InnerAsterisk(Name),
}

impl Concern {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Concern::OutOfZone(_) => "out_of_zone",
            Concern::TtlMismatch { .. } => "ttl_mismatch",
            Concern::NoAddress { .. } => "no_address",
            Concern::Alias { .. } => "alias",
            Concern::NoGlue { .. } => "no_glue",
            Concern::BelowDname { .. } => "below_dname",
            Concern::InnerAsterisk(_) => "inner_asterisk",
        }
    }
}

/// What a name that others point to is in this zone.
enum Host {
    Elsewhere,
    Address,
    Alias,
    Nothing,
}

impl Zone {
    /// Looks at every record as `named-checkzone` does: where each concern stands, in canonical order.
    /// Transferred zones are not looked at: they are their primary's to mend.
    ///
    /// # Errors
    /// When a server of the zone itself, within the zone, is an alias or has no address.
    pub(crate) fn check(&self) -> Result<Vec<(Name, RecordType, Concern)>, ZoneError> {
        let mut concerns = Vec::new();
        for node in self.order.iter().filter_map(|key| self.node(key)) {
            let owner = &node.owner;
            let mut say = |rtype, concern| concerns.push((owner.clone(), rtype, concern));
            let mut inner = owner.labels().skip(1);
            if inner.any(|label| label == b"*") {
                say(node.sets[0].rtype, Concern::InnerAsterisk(owner.clone()));
            }
            if let Some((rtype, dname)) = self.hidden(node) {
                let (name, dname) = (owner.clone(), dname.clone());
                say(rtype, Concern::BelowDname { name, dname });
                continue;
            }
            for set in &node.sets {
                for data in &set.data {
                    if let Some(concern) = self.points(owner, set.rtype, data)? {
                        say(set.rtype, concern);
                    }
                }
            }
        }
        Ok(concerns)
    }

    /// The DNAME that hides data of `node`, and the type of the data. Denials stand one label below the apex
    /// even when that has a DNAME (RFC 5155 §7.1).
    fn hidden(&self, node: &Node) -> Option<(RecordType, &Name)> {
        let signing = [RecordType::NSEC3, RecordType::NSEC, RecordType::RRSIG];
        let set = node.sets.iter().find(|set| !signing.contains(&set.rtype))?;
        let folded = node.owner.folded();
        let apex_len = self.origin.as_wire().len();
        let mut above = ancestors(folded.as_wire())
            .skip(1)
            .take_while(|name| name.len() >= apex_len)
            .filter_map(|name| self.node(name));
        let dname = above.find(|node| node.set(RecordType::DNAME).is_some())?;
        Some((set.rtype, &dname.owner))
    }

    /// What is odd about the host that a record points to.
    fn points(
        &self,
        owner: &Name,
        rtype: RecordType,
        data: &[u8],
    ) -> Result<Option<Concern>, ZoneError> {
        let (ns, read) = (rtype == RecordType::NS, RData::read(data, 0, data.len(), rtype));
        let host = match read {
            Ok(RData::Name(host)) if ns => host,
            Ok(RData::Mx { exchange: host, .. } | RData::Srv { target: host, .. }) => host,
            _ => return Ok(None),
        };
        let of_zone = ns && *owner == self.origin;
        let owner = owner.clone();
        Ok(match self.host(&owner, &host) {
            Host::Elsewhere | Host::Address => None,
            Host::Nothing if of_zone => return Err(ZoneError::ServerWithoutAddress(owner, host)),
            Host::Alias if of_zone => return Err(ZoneError::ServerIsAlias(owner, host)),
            Host::Nothing if ns && host.is_under(&owner) => Some(Concern::NoGlue { owner, host }),
            Host::Nothing => Some(Concern::NoAddress { owner, rtype, host }),
            Host::Alias => Some(Concern::Alias { owner, rtype, host }),
        })
    }

    fn host(&self, owner: &Name, host: &Name) -> Host {
        // MX and SRV with the root say that there is no such service (RFC 7505, RFC 2782).
        if host.is_root() || !host.is_under(&self.origin) {
            return Host::Elsewhere;
        }
        let folded = host.folded();
        for rtype in [RecordType::A, RecordType::AAAA] {
            match self.find(host.as_wire(), folded.as_wire(), rtype).found {
                Found::Records(_) => return Host::Address,
                Found::Cname(_) | Found::Dname(..) => return Host::Alias,
                Found::Referral(cut, _) => {
                    // Only glue can be here, and only the cut itself needs it.
                    let glue = self.addresses(host).next().is_some();
                    let needed = cut.owner == *owner;
                    return if needed && !glue { Host::Nothing } else { Host::Elsewhere };
                }
                Found::NoData | Found::NxDomain => {}
            }
        }
        Host::Nothing
    }
}
