//! One cached answer and its times.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use triomphe::ThinArc;

use crate::answer::{Aging, Answer, Kind, Shape};
use crate::name::is_folded;
use crate::question::Key;
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

/// An answer in the cache. Cloning shares it.
///
/// Key, times and octets are one block of memory: a hit waits for that one after the table, and for nothing
/// behind it.
#[derive(Clone, Debug)]
pub struct Entry(ThinArc<Head, u8>);

/// What stands before the octets.
#[derive(Debug)]
struct Head {
    /// All of the key but the name, which stands in the answer's question in lower case.
    key: u64,
    shape: Shape,
    lifetime: Lifetime,
    source: Source,
    /// Milliseconds since the caller's epoch.
    inserted_ms: u64,
    hits: AtomicU32,
    /// Not refreshed before: milliseconds since the caller's epoch. A refresh is on its way, or failed.
    refresh_not_before_ms: AtomicU64,
    mark: Mark,
}

/// The cache's own notes about an entry.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// Hits since the entry came to its list, at most [`MOST_FREQUENT`].
    frequency: AtomicU8,
    /// Which slot holds it. Changed under the shard's lock alone.
    slot: AtomicU32,
}

impl Mark {
    /// Counts one hit under a shared lock. Relaxed, and two hits at once may count as one: the policy
    /// asks only "never, once, or more".
    fn touch(&self) {
        let seen = self.frequency.load(Ordering::Relaxed);
        if seen < MOST_FREQUENT {
            self.frequency.store(seen + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn frequency(&self) -> u8 {
        self.frequency.load(Ordering::Relaxed)
    }

    /// Hits count from `frequency` on.
    pub(super) fn count_from(&self, frequency: u8) {
        self.frequency.store(frequency, Ordering::Relaxed);
    }

    pub(super) fn slot(&self) -> u32 {
        self.slot.load(Ordering::Relaxed)
    }

    /// The entry lies in `slot` from now on.
    pub(super) fn place(&self, slot: u32) {
        self.slot.store(slot, Ordering::Relaxed);
    }
}

/// The state of an entry at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Stale,
    Dead,
}

impl Entry {
    /// An entry for `key`, whose question must be that of `answer`.
    pub(crate) fn new(
        now: Duration,
        key: &Key<'_>,
        answer: Answer,
        source: Source,
        lifetime: Lifetime,
    ) -> Entry {
        let (octets, shape) = answer.into_folded();
        let head = Head {
            key: key.fixed(),
            shape,
            lifetime,
            source,
            inserted_ms: millis(now),
            hits: AtomicU32::new(0),
            refresh_not_before_ms: AtomicU64::new(0),
            mark: Mark::default(),
        };
        Entry(ThinArc::from_header_and_slice(head, &octets))
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }

    pub(super) fn mark(&self) -> &Mark {
        &self.head().mark
    }

    /// Whether it is kept under `key`.
    #[inline]
    pub(super) fn is_of(&self, key: &Key<'_>) -> bool {
        let head = self.head();
        head.key == key.fixed() && is_folded(key.name, self.name())
    }

    /// What it is kept under, the name in lower case.
    pub(crate) fn key(&self) -> Key<'_> {
        Key::from_fixed(self.head().key, self.name())
    }

    /// The name it is kept under, in plain wire form and lower case.
    pub(crate) fn name(&self) -> &[u8] {
        &self.0.slice[self.head().shape.name()]
    }

    /// Octets of memory it takes, the allocator's share left out.
    pub(super) fn bytes(&self) -> usize {
        HEAD_BYTES + self.0.slice.len()
    }

    /// The answer, the name in its question in lower case.
    pub fn answer(&self) -> Answer<&[u8]> {
        Answer::borrow(&self.0.slice, self.head().shape)
    }

    /// What it says.
    pub fn kind(&self) -> Kind {
        self.head().shape.kind()
    }

    /// Where it came from.
    pub fn source(&self) -> Source {
        self.head().source
    }

    /// Whether it was made here, in part at least, and so hangs on our own data.
    pub(crate) fn is_local(&self) -> bool {
        !matches!(self.head().source, Source::Upstream | Source::Injected)
    }

    /// How long it may be given.
    pub fn lifetime(&self) -> Lifetime {
        self.head().lifetime
    }

    /// When it was put in, in whole milliseconds.
    pub fn inserted(&self) -> Duration {
        Duration::from_millis(self.head().inserted_ms)
    }

    /// When it stops being fresh; `None`: never.
    pub fn expires(&self) -> Option<Duration> {
        match self.head().lifetime {
            Lifetime::Fixed => None,
            Lifetime::Ages { fresh, .. } => Some(self.inserted() + fresh.as_duration()),
        }
    }

    /// When it may not even be given stale; `None`: never.
    pub fn stale_until(&self) -> Option<Duration> {
        match self.head().lifetime {
            Lifetime::Fixed => None,
            Lifetime::Ages { stale, .. } => self.expires().map(|at| at + stale.as_duration()),
        }
    }

    /// How often it has been given; of two times at the same moment one may be missed.
    pub fn hits(&self) -> u32 {
        self.head().hits.load(Ordering::Relaxed)
    }

    /// How old it is; zero when `now` lies before its insertion.
    pub fn age(&self, now: Duration) -> Duration {
        Duration::from_millis(self.age_ms(now))
    }

    fn age_ms(&self, now: Duration) -> u64 {
        millis(now).saturating_sub(self.head().inserted_ms)
    }

    /// What its TTLs have become, `stale_ttl` once it has expired.
    pub fn aging(&self, now: Duration, stale_ttl: Ttl) -> Aging {
        match (self.head().lifetime, self.freshness(now)) {
            (Lifetime::Fixed, _) => Aging::Fixed,
            (_, Freshness::Fresh) => Aging::Aged(self.age(now)),
            _ => Aging::Stale(stale_ttl),
        }
    }

    pub(crate) fn freshness(&self, now: Duration) -> Freshness {
        let Lifetime::Ages { fresh, stale } = self.head().lifetime else { return Freshness::Fresh };
        let (age, fresh) = (self.age_ms(now), millis_of(fresh));
        match age {
            _ if age < fresh => Freshness::Fresh,
            _ if age < fresh + millis_of(stale) => Freshness::Stale,
            _ => Freshness::Dead,
        }
    }

    /// Whether it deserves a refresh before it expires: it is in the last tenth of its life, was asked for
    /// more than once, and no refresh is on its way. True once; whoever gets it refreshes.
    pub(crate) fn claims_prefetch(&self, now: Duration) -> bool {
        let Lifetime::Ages { fresh, .. } = self.head().lifetime else { return false };
        let (age, life) = (self.age_ms(now), millis_of(fresh));
        age < life
            && age + life / PREFETCH_SHARE > life
            && life >= LEAST_PREFETCH_LIFE_MS
            && self.hits() >= PREFETCH_HITS
            && self.claim_refresh(now, REFRESH_TAKES)
    }

    /// Whether a refresh may begin now; if so, none other may for `pause`.
    pub(crate) fn claim_refresh(&self, now: Duration, pause: Duration) -> bool {
        let (now, until) = (millis(now), millis(now + pause));
        // Relaxed: of two that claim at once one wins, and nothing else hangs on it.
        let seen = self.head().refresh_not_before_ms.load(Ordering::Relaxed);
        let (relaxed, order) = (Ordering::Relaxed, Ordering::Relaxed);
        now >= seen
            && self
                .head()
                .refresh_not_before_ms
                .compare_exchange(seen, until, order, relaxed)
                .is_ok()
    }

    /// A refresh failed: the stale answer is given at once for `pause` (RFC 8767 §5, failure recheck).
    pub(crate) fn refresh_failed(&self, now: Duration, pause: Duration) {
        self.head().refresh_not_before_ms.store(millis(now + pause), Ordering::Relaxed);
    }

    /// Whether a refresh failed lately or is on its way.
    pub(crate) fn refresh_is_futile(&self, now: Duration) -> bool {
        millis(now) < self.head().refresh_not_before_ms.load(Ordering::Relaxed)
    }

    /// One more hit. Relaxed, and no single step: a count that decides nothing grave should not make every
    /// answer wait for the memory bus.
    pub(crate) fn note_hit(&self) {
        let hits = &self.head().hits;
        hits.store(hits.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.head().mark.touch();
    }
}

/// The last tenth of an answer's life is when it is refreshed, if it is in use.
const PREFETCH_SHARE: u64 = 10;
const PREFETCH_HITS: u32 = 2;
/// Shorter lives end before a refresh would be back.
const LEAST_PREFETCH_LIFE_MS: u64 = 10_000;
/// No second refresh of one answer within this time.
const REFRESH_TAKES: Duration = Duration::from_secs(5);

/// The counter's ceiling (two bits in the S3-FIFO paper, §4.1).
const MOST_FREQUENT: u8 = 3;
/// Count, length and head, before the octets.
const HEAD_BYTES: usize = 16 + size_of::<Head>();

fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000).saturating_add(u64::from(time.subsec_millis()))
}

fn millis_of(ttl: Ttl) -> u64 {
    u64::from(ttl.as_secs()) * 1_000
}
