//! The typed front: names and addresses in, records out. A denial is an answer.

use std::net::IpAddr;
use std::time::Duration;

use super::serve::screen_question;
use super::{Resolver, STALE_TTL};
#[cfg(feature = "server")]
use crate::answer::Answer;
use crate::answer::{Kind, Record};
use crate::cache::{Hit, Source};
#[cfg(feature = "server")]
use crate::message::Rcode;
use crate::name::{Name, NameError};
use crate::question::{Key, Query, View};
use crate::rdata::RData;
use crate::record_type::RecordType;

/// What a lookup found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lookup {
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub rtype: RecordType,
    /// What became of it.
    pub outcome: Outcome,
    /// The answer's records, aliases on the way included.
    pub records: Vec<Record>,
    /// Which kind of source answered; `None` when none did.
    pub source: Option<Source>,
    /// Whether it came out of the cache.
    pub cached: bool,
}

/// What became of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// There are records.
    Found,
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The name is delegated to servers that are not asked here.
    Referral,
    /// No zone here knows the name, and nobody else is asked.
    Refused,
    /// An answer could not be made.
    Failed,
    /// Others would have to be asked, and were not: what [`Resolver::explain`] says of them.
    Unasked,
}

impl Outcome {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Outcome::Found => "found",
            Outcome::NoData => "nodata",
            Outcome::NxDomain => "nxdomain",
            Outcome::Referral => "referral",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::Unasked => "unasked",
        }
    }
}

impl From<Kind> for Outcome {
    fn from(kind: Kind) -> Outcome {
        match kind {
            Kind::Positive => Outcome::Found,
            Kind::NoData => Outcome::NoData,
            Kind::NxDomain => Outcome::NxDomain,
            Kind::Referral => Outcome::Referral,
            Kind::Failure => Outcome::Failed,
        }
    }
}

impl Lookup {
    /// What a response to `query` says.
    #[cfg(feature = "server")]
    pub(crate) fn read(query: &Query<'_>, response: &[u8], cached: bool) -> Lookup {
        let (name, rtype) = (Name::from_wire(query.name).unwrap_or(Name::root()), query.rtype);
        let refused = response.get(3).is_some_and(|flags| flags & 15 == Rcode::REFUSED.0);
        let (mut outcome, mut records) = (Outcome::Failed, Vec::new());
        if let Ok(answer) = Answer::from_response(response) {
            outcome = if refused { Outcome::Refused } else { answer.kind().into() };
            records = answer.records(crate::answer::Aging::Fixed);
        }
        Lookup { name, rtype, outcome, records, source: None, cached }
    }

    /// The data of the type asked for, aliases left out.
    pub fn data(&self) -> impl Iterator<Item = &RData> {
        let asked = |record: &&Record| record.rtype == self.rtype || self.rtype == RecordType::ANY;
        self.records.iter().filter(asked).map(|record| &record.data)
    }

    /// The names in the data: what PTR and NS records point to.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.data().filter_map(|data| match data {
            RData::Name(name) => Some(name),
            _ => None,
        })
    }

    /// The addresses in the data.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.data().filter_map(|data| match *data {
            RData::A(address) => Some(address.into()),
            RData::Aaaa(address) => Some(address.into()),
            _ => None,
        })
    }
}

impl Resolver {
    /// Looks up an absolute name, with or without the final dot. Allocates for what it returns.
    ///
    /// # Errors
    /// Only when `name` is no name; denials and refusals are answers.
    pub fn lookup(
        &self,
        now: Duration,
        name: &str,
        rtype: RecordType,
    ) -> Result<Lookup, NameError> {
        Ok(self.lookup_name(now, name.parse()?, rtype))
    }

    /// Looks up the names of an address: its PTR records (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn reverse(&self, now: Duration, address: IpAddr) -> Lookup {
        self.lookup_name(now, Name::reverse(address), RecordType::PTR)
    }

    /// The addresses of `name` that are in the cache and fresh, of type A or AAAA; `None` when they are not:
    /// then [`lookup_name`](Self::lookup_name) says more. The short way for callers who ask for the same
    /// hosts again and again: one allocation, for the list.
    pub fn cached_addresses(
        &self,
        now: Duration,
        name: &Name,
        rtype: RecordType,
    ) -> Option<Vec<IpAddr>> {
        let key = Key::new(&Query::ask(name, rtype), View::default());
        match self.shared.cache.lookup(now, &key) {
            Hit::Fresh(entry) if entry.answer().addresses().len() > 0 => {
                Some(entry.answer().addresses().collect())
            }
            _ => None,
        }
    }

    /// Looks up a name that has been read already.
    pub fn lookup_name(&self, now: Duration, name: Name, rtype: RecordType) -> Lookup {
        let query = Query::ask(&name, rtype);
        let resolved = match screen_question(&query) {
            Some(_) => Err(Outcome::Refused),
            None => self.shared.resolve_alone(now, &query, View::default()).map_err(Outcome::from),
        };
        match resolved {
            Ok(resolved) => {
                let entry = &resolved.entry;
                let records = entry.answer().records(entry.aging(now, STALE_TTL));
                let (outcome, source) = (entry.kind().into(), Some(entry.source()));
                Lookup { outcome, records, source, cached: resolved.cached, rtype, name }
            }
            Err(outcome) => {
                Lookup { outcome, records: Vec::new(), source: None, cached: false, rtype, name }
            }
        }
    }
}

impl From<super::Unanswered> for Outcome {
    fn from(why: super::Unanswered) -> Outcome {
        match why {
            super::Unanswered::Unknown => Outcome::Refused,
            super::Unanswered::TooLarge | super::Unanswered::Ask(..) => Outcome::Failed,
        }
    }
}
