//! One cached answer and its times.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::answer::{Aging, Answer, Kind};
use crate::ttl::Ttl;

/// Where a cached answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A zone of ours.
    Zone,
    /// A name the RFCs reserve (RFC 6303, 6761).
    Special,
    /// The overlay of hosts.
    Overlay,
    /// An alias of ours into what others know, or of theirs into ours.
    Chased,
    /// Had from a server that was asked.
    Upstream,
    /// Put in from outside.
    Injected,
}

impl Source {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Source::Zone => "zone",
            Source::Special => "special",
            Source::Overlay => "overlay",
            Source::Chased => "chased",
            Source::Upstream => "upstream",
            Source::Injected => "injected",
        }
    }
}

/// How long an answer may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is purged, its TTLs unchanged: our own data does not age.
    Fixed,
    /// Fresh for `fresh`, then stale for `stale` more (RFC 8767).
    Ages {
        /// How long the answer is valid.
        fresh: Ttl,
        /// How long after that it may stand in for one that cannot be had.
        stale: Ttl,
    },
}

/// An answer in the cache. Shared: a hit clones a pointer, never octets.
#[derive(Debug)]
pub struct Entry {
    answer: Answer,
    source: Source,
    lifetime: Lifetime,
    /// Milliseconds since the caller's epoch.
    inserted_ms: u64,
    hits: AtomicU32,
    /// Not refreshed before: milliseconds since the caller's epoch. A refresh is on its way, or failed.
    refresh_not_before_ms: AtomicU64,
}

/// The state of an entry at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Stale,
    Dead,
}

impl Entry {
    pub(crate) fn new(now: Duration, answer: Answer, source: Source, lifetime: Lifetime) -> Entry {
        let (hits, refresh_not_before_ms) = (AtomicU32::new(0), AtomicU64::new(0));
        let inserted_ms = millis(now);
        Entry { answer, source, lifetime, inserted_ms, hits, refresh_not_before_ms }
    }

    /// The answer.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// What it says.
    pub fn kind(&self) -> Kind {
        self.answer.kind()
    }

    /// Where it came from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether it was made here, in part at least, and so hangs on our own data.
    pub(crate) fn is_local(&self) -> bool {
        !matches!(self.source, Source::Upstream | Source::Injected)
    }

    /// How long it may be given.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// When it was put in, in whole milliseconds.
    pub fn inserted(&self) -> Duration {
        Duration::from_millis(self.inserted_ms)
    }

    /// When it stops being fresh; `None`: never.
    pub fn expires(&self) -> Option<Duration> {
        match self.lifetime {
            Lifetime::Fixed => None,
            Lifetime::Ages { fresh, .. } => Some(self.inserted() + fresh.as_duration()),
        }
    }

    /// When it may not even be given stale; `None`: never.
    pub fn stale_until(&self) -> Option<Duration> {
        match self.lifetime {
            Lifetime::Fixed => None,
            Lifetime::Ages { stale, .. } => self.expires().map(|at| at + stale.as_duration()),
        }
    }

    /// How often it has been given.
    pub fn hits(&self) -> u32 {
        self.hits.load(Ordering::Relaxed)
    }

    /// How old it is; zero when `now` lies before its insertion.
    pub fn age(&self, now: Duration) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.inserted_ms))
    }

    /// What its TTLs have become, `stale_ttl` once it has expired.
    pub fn aging(&self, now: Duration, stale_ttl: Ttl) -> Aging {
        match (self.lifetime, self.freshness(now)) {
            (Lifetime::Fixed, _) => Aging::Fixed,
            (_, Freshness::Fresh) => Aging::Aged(self.age(now)),
            _ => Aging::Stale(stale_ttl),
        }
    }

    pub(crate) fn freshness(&self, now: Duration) -> Freshness {
        let age = self.age(now);
        match self.lifetime {
            Lifetime::Fixed => Freshness::Fresh,
            Lifetime::Ages { fresh, .. } if age < fresh.as_duration() => Freshness::Fresh,
            Lifetime::Ages { fresh, stale } if age < fresh.as_duration() + stale.as_duration() => {
                Freshness::Stale
            }
            Lifetime::Ages { .. } => Freshness::Dead,
        }
    }

    /// Whether it deserves a refresh before it expires: it is in the last tenth of its life, was asked for
    /// more than once, and no refresh is on its way. True once; whoever gets it refreshes.
    pub(crate) fn claims_prefetch(&self, now: Duration) -> bool {
        let Lifetime::Ages { fresh, .. } = self.lifetime else { return false };
        let (age, life) = (self.age(now), fresh.as_duration());
        age < life
            && age + life / PREFETCH_SHARE > life
            && life >= LEAST_PREFETCH_LIFE
            && self.hits() >= PREFETCH_HITS
            && self.claim_refresh(now, REFRESH_TAKES)
    }

    /// Whether a refresh may begin now; if so, none other may for `pause`.
    pub(crate) fn claim_refresh(&self, now: Duration, pause: Duration) -> bool {
        let (now, until) = (millis(now), millis(now + pause));
        // Relaxed: of two that claim at once one wins, and nothing else hangs on it.
        let seen = self.refresh_not_before_ms.load(Ordering::Relaxed);
        let (relaxed, order) = (Ordering::Relaxed, Ordering::Relaxed);
        now >= seen
            && self.refresh_not_before_ms.compare_exchange(seen, until, order, relaxed).is_ok()
    }

    /// A refresh failed: the stale answer is given at once for `pause` (RFC 8767 §5, failure recheck).
    pub(crate) fn refresh_failed(&self, now: Duration, pause: Duration) {
        self.refresh_not_before_ms.store(millis(now + pause), Ordering::Relaxed);
    }

    /// Whether a refresh failed lately or is on its way.
    pub(crate) fn refresh_is_futile(&self, now: Duration) -> bool {
        millis(now) < self.refresh_not_before_ms.load(Ordering::Relaxed)
    }

    /// One more hit. Relaxed: a count, nothing is published through it.
    pub(crate) fn note_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }
}

/// The last tenth of an answer's life is when it is refreshed, if it is in use.
const PREFETCH_SHARE: u32 = 10;
const PREFETCH_HITS: u32 = 2;
/// Shorter lives end before a refresh would be back.
const LEAST_PREFETCH_LIFE: Duration = Duration::from_secs(10);
/// No second refresh of one answer within this time.
const REFRESH_TAKES: Duration = Duration::from_secs(5);

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
