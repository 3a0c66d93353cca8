//! All of it together: zones and cache behind one handle that threads share.

mod build;
mod chase;
mod envelope;
mod explain;
mod inject;
mod later;
mod lookup;
mod serve;
mod slow;
mod warm;
mod zones;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

pub use build::ResolverBuilder;
pub(crate) use chase::Settled;
pub use explain::{CacheState, Explanation, Layer};
pub use inject::InjectError;
#[cfg(feature = "zones")]
pub use inject::InjectTextError;
pub use lookup::{Lookup, Outcome};
pub use serve::{Served, Transport};

use crate::cache::{Cache, CacheStats, Entry, Hit, Lifetime, Source};
use crate::cookie::{CookieSecret, Cookies};
use crate::forward::Outbound;
use crate::limit::Limits;
use crate::name::{Name, is_under};
use crate::overlay::{Overlay, Views};
use crate::policy::Policy;
use crate::question::{Key, Query, Question, View};
use crate::record_type::RecordType;
use crate::ttl::Ttl;
use crate::zone::{Zone, ZoneSet};

/// A resolver. Cloning shares it; every method takes `&self`.
#[derive(Clone, Debug)]
pub struct Resolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cache: Cache,
    /// What is ours. Answers from it are put into the cache under this lock held for reading, so that none
    /// can slip in behind a replacement's purge.
    ours: RwLock<Ours>,
    /// Whether all clients see the same.
    one_view: AtomicBool,
    special: ZoneSet,
    policy: Policy,
    limits: Limits,
    cookies: RwLock<Option<Cookies>>,
    nsid: Vec<u8>,
    in_order: bool,
    /// What clients on streams are told of how long they may be idle: tenths of a second, 0: nothing.
    stream_idle: AtomicU16,
    udp_payload: u16,
    /// Whether others are asked for what is not known here.
    forwards: bool,
    refused: AtomicU64,
    slow: AtomicU64,
    dropped: AtomicU64,
}

/// What is answered here.
#[derive(Debug)]
struct Ours {
    zones: ZoneSet,
    views: Views,
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
    /// Queries and answers above a rate limit.
    pub limited: u64,
}

/// An answer, and how it was come by.
struct Resolved {
    entry: Entry,
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
    /// Others have to be asked, sometimes for another name; until then, or if they fail, there may be an
    /// expired answer.
    Ask(Option<Outbound>, Option<Entry>),
}

impl Resolver {
    /// Begins a resolver.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    /// Puts `overlay` in the place of the one before. When this returns, no answer of the old one is given
    /// any more. Looks at every cached answer.
    pub fn put_overlay(&self, overlay: &Overlay) {
        let views = Views::of(overlay);
        let mut ours = self.shared.ours_mut();
        let same = ours.views.same_networks(&views);
        self.shared.one_view.store(views.are_one(), Ordering::Relaxed);
        ours.views = views;
        // Names that were asked of others may be ours now; and views may have other numbers.
        self.shared
            .cache
            .purge_where(|name, entry| !same || entry.is_local() || ours.views.holds(name));
    }

    /// Changes what cookies are made with; those of the secret before are still taken.
    pub fn rotate_cookies(&self, secret: CookieSecret) {
        let mut cookies = self.shared.cookies.write().unwrap_or_else(PoisonError::into_inner);
        let previous = cookies.map(|cookies| cookies.current);
        *cookies = Some(Cookies { current: secret, previous });
    }

    /// Sets how long clients on streams are told that they may be idle, when they ask (RFC 7828): whole tenths
    /// of a second, at most 6,553.5 s; nothing is told with zero, as at first. A server tells its own time.
    pub fn set_stream_idle(&self, idle: Duration) {
        let tenths = u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX);
        self.shared.stream_idle.store(tenths, Ordering::Relaxed);
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
            limited: shared.limits.limited(),
        }
    }
}

impl Shared {
    /// Cache first; on a miss what is known here, whose answer then is in the cache. A hit does not allocate.
    fn resolve(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Result<Resolved, Unanswered> {
        let key = Key::new(query, view);
        let stale = match self.cache.lookup(now, &key) {
            Hit::Fresh(entry) => {
                let prefetch = self.forwards && entry.claims_prefetch(now);
                return Ok(Resolved { entry, cached: true, prefetch });
            }
            Hit::Stale(entry) => {
                let waits = self.may_ask(query) && !entry.refresh_is_futile(now);
                if !waits {
                    return Ok(Resolved { entry, cached: true, prefetch: false });
                }
                if entry.source() != Source::Chased {
                    return Err(Unanswered::Ask(None, Some(entry)));
                }
                Some(entry)
            }
            Hit::Miss => None,
        };
        let ours = self.ours();
        match self.local(&ours, view, query) {
            Err(Unanswered::Unknown) if self.may_ask(query) && !self.is_private(query) => {
                Err(Unanswered::Ask(None, stale))
            }
            Ok((answer, _))
                if self.may_ask(query) && self.loose_end(&ours, view, query, &answer).is_some() =>
            {
                let composed =
                    self.compose(now, &ours, view, query, &[]).map_err(|why| match why {
                        Unanswered::Ask(missing, _) => Unanswered::Ask(missing, stale),
                        other => other,
                    })?;
                match self.keep(now, &ours, view, query, composed) {
                    Ok(entry) => Ok(Resolved { entry, cached: false, prefetch: false }),
                    Err(_) => Err(Unanswered::TooLarge),
                }
            }
            other => {
                let (answer, source) = other?;
                let entry = self.cache.insert(now, &key, answer, source, Lifetime::Fixed);
                Ok(Resolved { entry, cached: false, prefetch: false })
            }
        }
    }

    /// The same when nobody can be asked: an expired answer, or the alias alone, is the best there is.
    fn resolve_alone(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Result<Resolved, Unanswered> {
        match self.resolve(now, query, view) {
            Err(Unanswered::Ask(_, Some(entry))) => {
                Ok(Resolved { entry, cached: true, prefetch: false })
            }
            Err(Unanswered::Ask(_, None)) => self.resolve_zones(now, query, view),
            other => other,
        }
    }

    /// Out of our zones and from nowhere else, for those who may not have more.
    fn resolve_zones(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Result<Resolved, Unanswered> {
        if self.is_private(query) {
            return Err(Unanswered::Unknown);
        }
        let (answer, source) = self.local(&self.ours(), view, query)?;
        let entry = Entry::new(now, &Key::new(query, view), answer, source, Lifetime::Fixed);
        Ok(Resolved { entry, cached: false, prefetch: false })
    }

    /// Whether others may be asked at all. The one place that says so for a name is
    /// [`outbound`](Self::outbound).
    fn may_ask(&self, query: &Query<'_>) -> bool {
        self.forwards && query.recursion_desired
    }

    fn is_private(&self, query: &Query<'_>) -> bool {
        self.policy.private.iter().any(|suffix| is_under(query.name, suffix.as_wire()))
    }

    /// The question as it may go to others; `None` for what is answered here only: names of ours, special
    /// names, private suffixes. For an alias of ours, the name that it leads to out there.
    fn outbound(&self, now: Duration, query: &Query<'_>, view: View) -> Option<Outbound> {
        if !self.forwards {
            return None;
        }
        let question = Question::of(query)?;
        let ours = self.ours();
        if self.layer(&ours, view, question.name().as_wire(), query.rtype).is_some() {
            return match self.compose(now, &ours, view, query, &[]) {
                Err(Unanswered::Ask(missing, _)) => missing,
                _ => None,
            };
        }
        let private = self.policy.private_suffix(question.name()).is_some();
        (!private).then(|| Outbound::vetted(question))
    }

    /// Which zone answers: the overlay's, ours, then the special ones; ours however short its origin, since
    /// RFC 6303 serves those unless configured otherwise.
    fn layer<'z>(
        &'z self,
        ours: &'z Ours,
        view: View,
        folded: &[u8],
        rtype: RecordType,
    ) -> Option<(&'z Zone, Source)> {
        let overlay = || ours.views.find(view, folded).map(|zone| (zone, Source::Overlay));
        let zone = || ours.zones.find(folded, rtype).map(|zone| (zone, Source::Zone));
        let special = || self.special.find(folded, rtype).map(|zone| (zone, Source::Special));
        overlay().or_else(zone).or_else(special)
    }

    /// Forgets what a change at `origin` may have made wrong: all local answers, since aliases lead from
    /// zone to zone, and everything under it. The caller holds the zones' lock for writing.
    fn purge_behind(&self, origin: &Name) {
        self.cache.purge_where(|name, entry| entry.is_local() || is_under(name, origin.as_wire()));
    }

    /// The view of a client.
    fn view_of(&self, client: IpAddr) -> View {
        // Relaxed: whether a client meets the old or the new overlay is its luck.
        if self.one_view.load(Ordering::Relaxed) {
            return View::default();
        }
        self.ours().views.view_of(client)
    }

    // A panic while zones were exchanged leaves the old or the new set, both whole.
    fn ours(&self) -> RwLockReadGuard<'_, Ours> {
        self.ours.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn ours_mut(&self) -> RwLockWriteGuard<'_, Ours> {
        self.ours.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After a failed refresh the stale answer is given at once for so long (RFC 8767 §5: 30 seconds).
pub(crate) const FAILURE_RECHECK: Duration = Duration::from_secs(30);
/// The TTL of a stale answer (RFC 8767 §4 recommends 30 seconds).
pub(crate) const STALE_TTL: Ttl = Ttl::from_secs(30);
