//! Aliases that lead from our names to others' and back: the pieces of one answer, put together.

use std::time::Duration;

use super::{Ours, Resolver, STALE_TTL, Shared, Unanswered};
use crate::answer::{Aging, Answer, AnswerBuilder};
use crate::cache::{Entry, Hit, Lifetime, Source};
use crate::edns::ExtendedError;
use crate::forward::Outbound;
use crate::message::{Rcode, Section, u16_at};
use crate::name::{Name, read};
use crate::question::{Key, Query, Question, View};
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::respond;

/// What an answer from others leads to.
#[derive(Debug)]
pub(crate) enum Settled {
    /// An answer that is kept.
    Entry(Entry),
    /// An answer that may be given, but not kept.
    Once(Answer),
    /// It leads on to a name that has to be asked for first.
    Ask(Outbound),
    /// There was nothing to make it of.
    Nothing,
}

impl Resolver {
    /// Makes the answer to `query` out of what others answered, the last of it just now.
    pub(crate) fn settle(
        &self,
        now: Duration,
        view: View,
        query: &Query<'_>,
        landed: &[(Question, Answer)],
    ) -> Settled {
        let shared = &self.shared;
        let [.., (asked, answer)] = landed else { return Settled::Nothing };
        if shared.policy.rebinds(asked.name(), answer) {
            return shared.withhold(now, view, query);
        }
        if !shared.leads_in(view, asked.name(), answer) {
            let taken = self.take(now, view, &asked.as_query(), answer.clone(), Source::Upstream);
            if asked.is_of(query) {
                return taken.map_or_else(|_| Settled::Once(answer.clone()), Settled::Entry);
            }
        }
        let ours = shared.ours();
        // Held until the answer is in: a zone that comes now purges it.
        match shared.compose(now, &ours, view, query, landed) {
            Ok(answer) => match shared.keep(now, &ours, view, query, answer) {
                Ok(entry) => Settled::Entry(entry),
                Err(answer) => Settled::Once(answer),
            },
            Err(Unanswered::Ask(Some(outbound), _)) => Settled::Ask(outbound),
            Err(_) => Settled::Once(answer.clone()),
        }
    }
}

impl Shared {
    /// Keeps an answer that was put together. Gives it back when it may not be kept.
    pub(super) fn keep(
        &self,
        now: Duration,
        _ours: &Ours,
        view: View,
        query: &Query<'_>,
        answer: Answer,
    ) -> Result<Entry, Answer> {
        match self.cache.lifetime(&answer) {
            Some(lifetime) => {
                let key = Key::new(query, view);
                Ok(self.cache.insert(now, &key, answer, Source::Chased, lifetime))
            }
            None => Err(answer),
        }
    }

    /// An empty answer in the place of one that brings private addresses.
    fn withhold(&self, now: Duration, view: View, query: &Query<'_>) -> Settled {
        let empty = AnswerBuilder::new(query.name, query.rtype, query.class);
        let empty = empty.finish(Rcode::NOERROR, false).expect("a question fits a message");
        let empty = empty.with_note(ExtendedError::BLOCKED);
        let lifetime = Lifetime::Ages { fresh: WITHHELD, stale: Ttl::ZERO };
        let key = Key::new(query, view);
        Settled::Entry(self.cache.insert(now, &key, empty, Source::Upstream, lifetime))
    }

    /// Whether an alias in an answer of others leads to a name that is answered here.
    fn leads_in(&self, view: View, name: &Name, answer: &Answer) -> bool {
        let chain = aliases(name, answer);
        let ours = self.ours();
        chain.iter().skip(1).any(|name| self.is_ours(&ours, view, name, RecordType::A))
    }

    fn is_ours(&self, ours: &Ours, view: View, name: &Name, rtype: RecordType) -> bool {
        self.layer(ours, view, name.folded().as_wire(), rtype).is_some()
            || self.policy.private_suffix(name).is_some()
    }

    /// The name at the end of a local answer's aliases, when that is where our knowledge ends.
    pub(super) fn loose_end(
        &self,
        ours: &Ours,
        view: View,
        query: &Query<'_>,
        answer: &Answer,
    ) -> Option<Name> {
        if matches!(query.rtype, RecordType::CNAME | RecordType::ANY) {
            return None;
        }
        let end = end_of(&Name::from_wire(query.name).ok()?, query.rtype, answer)?;
        (!self.is_ours(ours, view, &end, query.rtype)).then_some(end)
    }

    /// Follows `query` through zones, overlay, cache and the answers that have come in, and puts what
    /// they say one behind the other.
    ///
    /// # Errors
    /// [`Unanswered::Ask`] with the name that is missing.
    pub(super) fn compose(
        &self,
        now: Duration,
        ours: &Ours,
        view: View,
        query: &Query<'_>,
        landed: &[(Question, Answer)],
    ) -> Result<Answer, Unanswered> {
        let mut owner = Name::from_wire(query.name).map_err(|_| Unanswered::Unknown)?;
        let mut builder = AnswerBuilder::new(query.name, query.rtype, query.class);
        let (mut rcode, mut authoritative) = (Rcode::NOERROR, false);
        let mut visited: Vec<Name> = Vec::new();
        let mut authority: Vec<(Answer, Aging, Wanted<'_>)> = Vec::new();
        while !visited.contains(&owner) && visited.len() < MAX_ALIASES {
            visited.push(owner.clone());
            let part = Query { name: owner.as_wire(), ..*query };
            let (answer, aging) = match self.local(ours, view, &part) {
                Ok((answer, _)) => {
                    authoritative |= visited.len() == 1 && answer.is_authoritative();
                    (answer, Aging::Fixed)
                }
                Err(Unanswered::Unknown) if self.policy.private_suffix(&owner).is_some() => break,
                Err(Unanswered::Unknown) => self.theirs(now, view, &part, landed)?,
                Err(other) => return Err(other),
            };
            let chain = aliases(&owner, &answer);
            let cut = chain.iter().skip(1).position(|name| {
                aging != Aging::Fixed && self.is_ours(ours, view, name, query.rtype)
            });
            let next = match cut {
                Some(at) => Some(chain[at + 1].clone()),
                None => end_of(&owner, query.rtype, &answer),
            };
            let kept = cut.map_or(chain.as_slice(), |at| &chain[..=at]);
            let wanted = if cut.is_some() { Wanted::Aliases(kept) } else { Wanted::All };
            copy(&mut builder, &answer, aging, Section::Answer, wanted);
            visited
                .extend(kept.iter().skip(1).filter(|name| Some(*name) != next.as_ref()).cloned());
            let Some(next) = next else {
                rcode = answer.rcode();
                authority.push((answer, aging, Wanted::All));
                break;
            };
            // An alias out of a wildcard is no use to who validates without the proof that nothing
            // nearer is there (RFC 4035 §3.1.3.3, RFC 5155 §7.2.6).
            authority.push((answer, aging, Wanted::Proofs));
            owner = next;
        }
        for (answer, aging, wanted) in authority {
            copy(&mut builder, &answer, aging, Section::Authority, wanted);
        }
        builder.finish(rcode, authoritative).map_err(|_| Unanswered::TooLarge)
    }

    /// What others say about the name of `part`: what has just come in, else what is cached.
    fn theirs(
        &self,
        now: Duration,
        view: View,
        part: &Query<'_>,
        landed: &[(Question, Answer)],
    ) -> Result<(Answer, Aging), Unanswered> {
        if let Some((_, answer)) = landed.iter().find(|(asked, _)| asked.is_of(part)) {
            return Ok((answer.clone(), Aging::Aged(Duration::ZERO)));
        }
        match self.cache.peek(now, &Key::new(part, view)) {
            Hit::Fresh(entry) => Ok((entry.answer().detach(), entry.aging(now, STALE_TTL))),
            Hit::Stale(entry) if entry.refresh_is_futile(now) => {
                Ok((entry.answer().detach(), entry.aging(now, STALE_TTL)))
            }
            Hit::Stale(_) | Hit::Miss => {
                Err(Unanswered::Ask(Question::of(part).map(Outbound::vetted), None))
            }
        }
    }

    /// The answer of the overlay, then of our zones, then of the special names.
    pub(super) fn local(
        &self,
        ours: &Ours,
        view: View,
        query: &Query<'_>,
    ) -> Result<(Answer, Source), Unanswered> {
        let folded = query.name.to_ascii_lowercase();
        let (_, source) =
            self.layer(ours, view, &folded, query.rtype).ok_or(Unanswered::Unknown)?;
        let zone_of =
            |name: &[u8], rtype| self.layer(ours, view, name, rtype).map(|(zone, _)| zone);
        let answer = respond(zone_of, query.name, query.rtype, query.dnssec_ok());
        let answer = answer.ok_or(Unanswered::Unknown)?;
        Ok((answer.map_err(|_| Unanswered::TooLarge)?, source))
    }
}

/// `name`, and each name its aliases lead to in this answer.
fn aliases(name: &Name, answer: &Answer) -> Vec<Name> {
    let mut chain = vec![name.clone()];
    let wire = answer.as_wire();
    for record in answer.walk_records().take_while(|record| record.section == Section::Answer) {
        if record.rtype != RecordType::CNAME || chain.len() > MAX_ALIASES {
            continue;
        }
        if let (Ok((owner, _)), Ok((target, _))) =
            (read(wire, record.owner_at), read(wire, record.rdata.start))
            && chain.last() == Some(&owner)
            && !chain.contains(&target)
        {
            chain.push(target);
        }
    }
    chain
}

/// Where the aliases of an answer that says nothing about their end lead to.
fn end_of(name: &Name, rtype: RecordType, answer: &Answer) -> Option<Name> {
    let chain = aliases(name, answer);
    let end = chain.last().filter(|_| chain.len() > 1)?;
    let says = |record: crate::message::RecordAt| match record.section {
        Section::Answer => record.rtype == rtype,
        Section::Authority => record.rtype == RecordType::SOA || record.rtype == RecordType::NS,
        Section::Additional => false,
    };
    let silent = answer.rcode() == Rcode::NOERROR && !answer.walk_records().any(says);
    silent.then(|| end.clone())
}

/// Which records of a section are copied.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    All,
    /// The aliases of these names, with what signs and makes them.
    Aliases(&'a [Name]),
    /// What proves that something is not there.
    Proofs,
}

impl Wanted<'_> {
    fn takes(self, owner: &Name, rtype: RecordType, wire: &[u8], rdata: usize) -> bool {
        let covered = match rtype {
            // The type that a signature covers comes first in it (RFC 4034 §3.1).
            RecordType::RRSIG => u16_at(wire, rdata).map_or(rtype, RecordType),
            _ => rtype,
        };
        match self {
            Wanted::All => true,
            Wanted::Aliases(of) => match covered {
                RecordType::CNAME => of.contains(owner),
                covered => covered == RecordType::DNAME,
            },
            Wanted::Proofs => matches!(covered, RecordType::NSEC | RecordType::NSEC3),
        }
    }
}

/// Copies a section.
fn copy(
    builder: &mut AnswerBuilder,
    answer: &Answer,
    aging: Aging,
    section: Section,
    wanted: Wanted<'_>,
) {
    let wire = answer.as_wire();
    for record in answer.walk_records().filter(|record| record.section == section) {
        let Ok((owner, _)) = read(wire, record.owner_at) else { continue };
        if wanted.takes(&owner, record.rtype, wire, record.rdata.start) {
            builder.copy(section, wire, &record, aging.apply(record.ttl));
        }
    }
}

/// Names in one chain, however they are told: as many as inside of the zones.
const MAX_ALIASES: usize = 16;
/// How long a private address from outside is not asked for again.
const WITHHELD: Ttl = Ttl::MINUTE;
