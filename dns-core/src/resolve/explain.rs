//! Which layer answers, and why. Leaves no trace: nothing is counted, nothing cached.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::lookup::Outcome;
use super::{Resolver, STALE_TTL};
use crate::answer::{Aging, Record};
use crate::cache::{Entry, Hit, Source};
use crate::forward::{Asked, Carrier};
use crate::name::{Name, NameError};
use crate::question::{Key, Query, View};
use crate::record_type::RecordType;

/// Who answers a question and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub rtype: RecordType,
    /// Who asks.
    pub client: IpAddr,
    /// The site whose answers the client gets.
    pub view: View,
    /// Where the answer comes from.
    pub layer: Layer,
    /// Whether it lies in the cache.
    pub cache: CacheState,
    /// What the client gets.
    pub outcome: Outcome,
    /// The answer's records.
    pub records: Vec<Record>,
    /// Where an alias of ours ends, when others have to be asked for the rest.
    pub leads_to: Option<Name>,
    /// Each server that was asked for it, in order, and how long that took; by
    /// `net::Client::explain` only, which has others asked.
    pub asked: Vec<Asked>,
}

/// Where an answer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// The overlay, as this site (or network) sees it; `None`: as everybody does who is of no site.
    Overlay(Option<String>),
    /// Our zone with this origin.
    Zone(Name),
    /// A name the RFCs reserve, below this origin.
    Special(Name),
    /// An answer that was put in from outside.
    Injected,
    /// Others: their answer is cached, or would have to be asked for.
    Upstream,
    /// Refused: the client's network is not among those allowed.
    Stranger,
    /// Refused: a private suffix that no zone here holds.
    Private(Name),
    /// Refused: the question itself, by its type or class.
    Question,
    /// Refused: no zone holds the name, and nobody else is asked.
    Unknown,
}

/// What the cache holds of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheState {
    /// Nothing yet.
    Absent,
    /// A valid answer.
    Fresh {
        /// How old it is.
        age: Duration,
        /// How often it has been given.
        hits: u32,
        /// How long it stays valid; `None`: until its zone changes.
        left: Option<Duration>,
    },
    /// An expired answer that is still given.
    Stale {
        /// How old it is.
        age: Duration,
        /// How often it has been given.
        hits: u32,
    },
}

impl Resolver {
    /// Says who would answer `client` and why.
    ///
    /// # Errors
    /// Only when `name` is no name.
    pub fn explain(
        &self,
        now: Duration,
        name: &str,
        rtype: RecordType,
        client: IpAddr,
    ) -> Result<Explanation, NameError> {
        Ok(self.explain_name(now, &name.parse()?, rtype, client))
    }

    /// The same for a name that has been read already.
    pub fn explain_name(
        &self,
        now: Duration,
        name: &Name,
        rtype: RecordType,
        client: IpAddr,
    ) -> Explanation {
        let shared = &self.shared;
        let (name, view): (Name, View) = (name.clone(), shared.view_of(client));
        let query = Query::ask(&name, rtype);
        let refused = |layer| {
            let (name, outcome, cache) = (name.clone(), Outcome::Refused, CacheState::Absent);
            let (records, leads_to, asked) = (Vec::new(), None, Vec::new());
            Explanation {
                name,
                rtype,
                client,
                view,
                layer,
                cache,
                outcome,
                records,
                leads_to,
                asked,
            }
        };
        if !shared.policy.allows(client) {
            return refused(Layer::Stranger);
        }
        if super::serve::screen_question(&query).is_some() {
            return refused(Layer::Question);
        }
        let ours = shared.ours();
        let local = shared.layer(&ours, view, name.folded().as_wire(), rtype);
        let layer = match local {
            Some((_, Source::Overlay)) => Layer::Overlay(ours.views.name_of(view)),
            Some((zone, Source::Zone)) => Layer::Zone(zone.origin().clone()),
            Some((zone, _)) => Layer::Special(zone.origin().clone()),
            None => Layer::Upstream,
        };
        let (mut injected, mut leads_to) = (false, None);
        let (cache, outcome, records) = match shared.cache.peek(now, &Key::new(&query, view)) {
            Hit::Fresh(entry) => {
                injected = entry.source() == Source::Injected;
                let left = entry.expires().map(|at| at.saturating_sub(now));
                let cache = CacheState::Fresh { age: entry.age(now), hits: entry.hits(), left };
                (cache, entry.kind().into(), records(&entry, now))
            }
            Hit::Stale(entry) => {
                injected = entry.source() == Source::Injected;
                let cache = CacheState::Stale { age: entry.age(now), hits: entry.hits() };
                (cache, entry.kind().into(), records(&entry, now))
            }
            Hit::Miss => {
                match (shared.local(&ours, view, &query), shared.policy.private_suffix(&name)) {
                    (Ok((answer, _)), _) => {
                        let asks = shared.forwards;
                        let end = || shared.loose_end(&ours, view, &query, &answer);
                        leads_to = asks.then(end).flatten();
                        (CacheState::Absent, answer.kind().into(), answer.records(Aging::Fixed))
                    }
                    (Err(_), _) if local.is_some() => {
                        (CacheState::Absent, Outcome::Failed, Vec::new())
                    }
                    (Err(_), Some(suffix)) => return refused(Layer::Private(suffix.clone())),
                    (Err(_), None) if shared.forwards => {
                        (CacheState::Absent, Outcome::Unasked, Vec::new())
                    }
                    (Err(_), None) => return refused(Layer::Unknown),
                }
            }
        };
        let layer = if injected { Layer::Injected } else { layer };
        let known = refused(Layer::Unknown);
        Explanation { layer, cache, outcome, records, leads_to, ..known }
    }
}

fn records(entry: &Entry, now: Duration) -> Vec<Record> {
    entry.answer().records(entry.aging(now, STALE_TTL))
}

impl fmt::Display for Explanation {
    /// A few lines for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { name, rtype, client, view, .. } = self;
        writeln!(
            f,
            "{name} {rtype}, asked by {client} (view {}): {}",
            view.0,
            self.outcome.label()
        )?;
        writeln!(f, "  because {}", self.layer)?;
        write!(f, "  cache: {}", self.cache)?;
        for Asked { server, outcome, took, carrier } in &self.asked {
            let tcp = *carrier == Carrier::Stream && !server.protocol.is_encrypted();
            let over = if tcp { " over TCP" } else { "" };
            write!(f, "\n  {server}{over}: {} after {took:.1?}", outcome.label())?;
        }
        self.records.iter().try_for_each(|record| write!(f, "\n  {record}"))?;
        let end = self.leads_to.as_ref().filter(|_| self.asked.is_empty());
        end.map_or(Ok(()), |end| write!(f, "\n  and others are asked for {end}"))
    }
}

impl fmt::Display for Layer {
    /// Completes "because".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Overlay(None) => f.write_str("the overlay has the name for everybody"),
            Layer::Overlay(Some(site)) => write!(f, "the overlay has the name, seen from {site}"),
            Layer::Zone(origin) => write!(f, "the zone {origin} is the longest match here"),
            Layer::Special(origin) => write!(f, "{origin} is reserved and answered locally"),
            Layer::Injected => f.write_str("an answer was put in from outside"),
            Layer::Upstream => f.write_str("no zone here holds the name, so others are asked"),
            Layer::Stranger => f.write_str("the client's network is not among those allowed"),
            Layer::Private(suffix) => {
                write!(f, "{suffix} is private: answered from zones only, and none holds the name")
            }
            Layer::Question => f.write_str("questions of this type are not answered"),
            Layer::Unknown => f.write_str("no zone here holds the name and nobody else is asked"),
        }
    }
}

impl fmt::Display for CacheState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheState::Absent => f.write_str("not in it"),
            CacheState::Fresh { age, hits, left } => {
                write!(f, "fresh, {} s old, {hits} hits, ", age.as_secs())?;
                match left {
                    Some(left) => write!(f, "valid for {} s more", left.as_secs()),
                    None => f.write_str("valid until the zone changes"),
                }
            }
            CacheState::Stale { age, hits } => {
                write!(f, "stale, {} s old, {hits} hits", age.as_secs())
            }
        }
    }
}
