//! All of it together: zones and cache behind one handle that threads share.

mod build;
mod explain;
mod lookup;
mod serve;
mod slow;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use thiserror::Error;

pub use build::ResolverBuilder;
pub use explain::{CacheState, Explanation, Layer};
pub use lookup::{Lookup, Outcome};
pub use serve::{Served, Transport};

use crate::answer::{Answer, AnswerError};
use crate::cache::{Cache, CacheStats, Entry, Hit, Lifetime, Source};
use crate::forward::Outbound;
use crate::name::{Name, is_under};
use crate::policy::Policy;
use crate::question::{Key, Query, Question, View};
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::{Zone, ZoneSet, respond};

/// A resolver. Cloning shares it; every method takes `&self`.
#[derive(Clone, Debug)]
pub struct Resolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cache: Cache,
    /// Our zones. Answers from them are put into the cache under this lock held for reading, so that none
    /// can slip in behind a replacement's purge.
    zones: RwLock<ZoneSet>,
    special: ZoneSet,
    policy: Policy,
    udp_payload: u16,
    /// Whether others are asked for what is not known here.
    forwards: bool,
    refused: AtomicU64,
    slow: AtomicU64,
    dropped: AtomicU64,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The cache's own: lookups by outcome, entries, bytes.
    pub cache: CacheStats,
    /// Questions refused: from a stranger, or about a name we know nothing of.
    pub refused: u64,
    /// Queries that took the slow path.
    pub slow: u64,
    /// Datagrams not answered at all: no queries.
    pub dropped: u64,
}

/// Why an answer from outside was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InjectError {
    /// It is not an answer that can be kept.
    #[error("not an answer that can be kept")]
    Answer(#[from] AnswerError),
    /// It answers another question.
    #[error("an answer to another question")]
    OtherQuestion,
    /// It may not be kept: a failure, or a denial without SOA (RFC 2308 §5).
    #[error("an answer that may not be kept")]
    Uncacheable,
    /// The name is ours to answer: a zone's, a private suffix's or a special one.
    #[error("an answer for a name that is answered here only")]
    Local,
}

impl InjectError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            InjectError::Answer(error) => error.label(),
            InjectError::OtherQuestion => "other_question",
            InjectError::Uncacheable => "uncacheable",
            InjectError::Local => "local",
        }
    }
}

/// An answer, and how it was come by.
struct Resolved {
    entry: Arc<Entry>,
    cached: bool,
    /// It is in use, about to expire, and nobody refreshes it yet.
    prefetch: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
enum Unanswered {
    /// Nothing here knows the name, and nobody else is asked.
    Unknown,
    /// The records do not fit a message.
    TooLarge,
    /// Others have to be asked; until then, or if they fail, there may be an expired answer.
    Ask(Option<Arc<Entry>>),
}

impl Resolver {
    /// Begins a resolver.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    /// Adds `zone`, or puts it in the place of the one with its origin. When this returns, no answer of
    /// the old one is given any more. Looks at every cached answer.
    pub fn put_zone(&self, zone: impl Into<Arc<Zone>>) {
        let zone = zone.into();
        let origin = zone.origin().clone();
        let mut zones = self.shared.zones_mut();
        zones.put(zone);
        self.shared.purge_behind(&origin);
    }

    /// Takes the zone at `origin` away; `false` when there is none.
    pub fn remove_zone(&self, origin: &Name) -> bool {
        let mut zones = self.shared.zones_mut();
        let removed = zones.remove(origin).is_some();
        self.shared.purge_behind(origin);
        removed
    }

    /// The zone at `origin`, as it is now, to be kept however long.
    pub fn zone(&self, origin: &Name) -> Option<Arc<Zone>> {
        self.shared.zones().at(origin)
    }

    /// The origins of the zones, in no order.
    pub fn zones(&self) -> Vec<Name> {
        self.shared.zones().origins().cloned().collect()
    }

    /// Takes an answer to `query` that was had elsewhere, to be given until its TTL is over and stale for a
    /// while after (RFC 8767).
    ///
    /// # Errors
    /// [`InjectError`]; above all for names that are answered here only.
    pub fn inject(
        &self,
        now: Duration,
        view: View,
        query: &Query<'_>,
        response: &[u8],
    ) -> Result<(), InjectError> {
        let answer = Answer::from_response(response)?;
        self.take(now, view, query, answer, Source::Injected).map(drop)
    }

    /// Keeps an answer to `query` from `source`, and gives it back as an entry.
    pub(crate) fn take(
        &self,
        now: Duration,
        view: View,
        query: &Query<'_>,
        answer: Answer,
        source: Source,
    ) -> Result<Arc<Entry>, InjectError> {
        if !answer.answers(query) {
            return Err(InjectError::OtherQuestion);
        }
        let lifetime = self.shared.cache.lifetime(&answer).ok_or(InjectError::Uncacheable)?;
        let name = Name::from_wire(query.name).map_err(|_| InjectError::OtherQuestion)?;
        // Held until the answer is in: a zone that comes now purges it.
        let zones = self.shared.zones();
        if self.shared.layer(&zones, name.folded().as_wire(), query.rtype).is_some()
            || self.shared.policy.private_suffix(&name).is_some()
        {
            return Err(InjectError::Local);
        }
        Ok(self.shared.cache.insert(now, &Key::new(query, view), answer, source, lifetime))
    }

    /// The cache: to inspect and to purge.
    pub fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        Stats {
            cache: shared.cache.stats(),
            refused: shared.refused.load(Ordering::Relaxed),
            slow: shared.slow.load(Ordering::Relaxed),
            dropped: shared.dropped.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    /// Cache first; on a miss the zones, whose answer then is in the cache. A hit does not allocate.
    fn resolve(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Result<Resolved, Unanswered> {
        let key = Key::new(query, view);
        match self.cache.lookup(now, &key) {
            Hit::Fresh(entry) => {
                let prefetch = self.forwards && entry.claims_prefetch(now);
                Ok(Resolved { entry, cached: true, prefetch })
            }
            Hit::Stale(entry) => {
                if self.may_ask(query) && !entry.refresh_is_futile(now) {
                    return Err(Unanswered::Ask(Some(entry)));
                }
                Ok(Resolved { entry, cached: true, prefetch: false })
            }
            Hit::Miss => {
                let zones = self.zones();
                let (answer, source) = match self.local(&zones, query) {
                    Err(Unanswered::Unknown) if self.may_ask(query) && !self.is_private(query) => {
                        return Err(Unanswered::Ask(None));
                    }
                    other => other?,
                };
                let entry = self.cache.insert(now, &key, answer, source, Lifetime::Fixed);
                Ok(Resolved { entry, cached: false, prefetch: false })
            }
        }
    }

    /// The same when nobody can be asked: an expired answer is the best there is.
    fn resolve_alone(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Result<Resolved, Unanswered> {
        match self.resolve(now, query, view) {
            Err(Unanswered::Ask(Some(entry))) => {
                Ok(Resolved { entry, cached: true, prefetch: false })
            }
            Err(Unanswered::Ask(None)) => Err(Unanswered::Unknown),
            other => other,
        }
    }

    /// Whether others may be asked at all. The one place that says so for a name is
    /// [`outbound`](Self::outbound).
    fn may_ask(&self, query: &Query<'_>) -> bool {
        self.forwards && query.recursion_desired
    }

    fn is_private(&self, query: &Query<'_>) -> bool {
        self.policy.private.iter().any(|suffix| is_under(query.name, suffix.as_wire()))
    }

    /// The question as it may go to others; `None` for what is answered here only: names in our zones,
    /// special names, private suffixes. Nothing else makes an [`Outbound`].
    fn outbound(&self, query: &Query<'_>) -> Option<Outbound> {
        let question = Question::of(query)?;
        let zones = self.zones();
        let ours = self.layer(&zones, question.name().as_wire(), query.rtype).is_some();
        let private = self.policy.private_suffix(question.name()).is_some();
        (self.forwards && !ours && !private).then(|| Outbound::vetted(question))
    }

    /// The answer of our zones, then of the special names.
    fn local(&self, zones: &ZoneSet, query: &Query<'_>) -> Result<(Answer, Source), Unanswered> {
        let folded = query.name.to_ascii_lowercase();
        let (_, source) = self.layer(zones, &folded, query.rtype).ok_or(Unanswered::Unknown)?;
        let zone_of = |name: &[u8], rtype| self.layer(zones, name, rtype).map(|(zone, _)| zone);
        let answer = respond(zone_of, query.name, query.rtype, query.dnssec_ok());
        let answer = answer.ok_or(Unanswered::Unknown)?;
        Ok((answer.map_err(|_| Unanswered::TooLarge)?, source))
    }

    /// Which zone answers: ours before the special ones, however short its origin: RFC 6303 serves
    /// those unless configured otherwise.
    fn layer<'z>(
        &'z self,
        zones: &'z ZoneSet,
        folded: &[u8],
        rtype: RecordType,
    ) -> Option<(&'z Zone, Source)> {
        let ours = zones.find(folded, rtype).map(|zone| (zone, Source::Zone));
        ours.or_else(|| self.special.find(folded, rtype).map(|zone| (zone, Source::Special)))
    }

    /// Forgets what a change at `origin` may have made wrong: all local answers, since aliases lead from
    /// zone to zone, and everything under it. The caller holds the zones' lock for writing.
    fn purge_behind(&self, origin: &Name) {
        let local = |entry: &Entry| matches!(entry.source(), Source::Zone | Source::Special);
        self.cache.purge_where(|name, entry| local(entry) || is_under(name, origin.as_wire()));
    }

    // A panic while zones were exchanged leaves the old or the new set, both whole.
    fn zones(&self) -> RwLockReadGuard<'_, ZoneSet> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn zones_mut(&self) -> RwLockWriteGuard<'_, ZoneSet> {
        self.zones.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After a failed refresh the stale answer is given at once for so long (RFC 8767 §5: 30 seconds).
pub(crate) const FAILURE_RECHECK: Duration = Duration::from_secs(30);
/// The TTL of a stale answer (RFC 8767 §4 recommends 30 seconds).
pub(crate) const STALE_TTL: Ttl = Ttl::from_secs(30);
