//! One cached answer and its times.

use std::sync::atomic::{AtomicU32, Ordering};
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
    /// Put in from outside.
    Injected,
}

impl Source {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Source::Zone => "zone",
            Source::Special => "special",
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
        Entry { answer, source, lifetime, inserted_ms: millis(now), hits: AtomicU32::new(0) }
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

    /// One more hit. Relaxed: a count, nothing is published through it.
    pub(crate) fn note_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
