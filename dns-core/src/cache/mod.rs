//! Answers in memory: bounded in bytes, sharded, every operation on one key O(1).
//!
//! The clock comes from outside: `now` is a [`Duration`] since an epoch of the caller's choice, the same
//! for all calls.

mod entry;
mod ghost;
mod inspect;
mod queues;
mod shard;
mod snapshot;

use std::hash::BuildHasher;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};
use thread_local::ThreadLocal;

pub use entry::{Entry, Lifetime, Source};
pub use inspect::Cached;
pub use snapshot::SnapshotError;
pub(crate) use snapshot::read as read_snapshot;

use crate::answer::{Answer, Kind};
use crate::name::{Name, is_under};
use crate::question::Key;
use crate::ttl::Ttl;
use entry::Freshness;
use shard::Shard;

/// How much is kept, and for how long.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Bytes for keys, answers and their administration. Default 32 MiB, least 64 KiB.
    pub max_bytes: usize,
    /// Parts with a lock each. Default 16, least 1; fewer when a part would fall below 64 KiB.
    pub shards: usize,
    /// Answers are kept at least this long. Default 0 (RFC 2181 §8: the zone's owner decides).
    pub min_ttl: Ttl,
    /// And at most this long. Default one day (RFC 8767 suggests a cap of seven).
    pub max_ttl: Ttl,
    /// Denials are kept at most this long. Default one hour (RFC 2308 §5: one to three hours).
    pub max_negative_ttl: Ttl,
    /// How long an expired answer may stand in. Default one day (RFC 8767: from
    /// less than a day to a week, by how long an outage takes to mend).
    pub max_stale: Ttl,
}

impl Default for CacheConfig {
    fn default() -> CacheConfig {
        CacheConfig {
            max_bytes: 32 << 20,
            shards: 16,
            min_ttl: Ttl::ZERO,
            max_ttl: Ttl::DAY,
            max_negative_ttl: Ttl::HOUR,
            max_stale: Ttl::DAY,
        }
    }
}

/// What a look into the cache found.
#[derive(Clone, Debug)]
pub enum Hit {
    /// A valid answer.
    Fresh(Entry),
    /// An expired one that may stand in when no better can be had (RFC 8767).
    Stale(Entry),
    /// Nothing to give.
    Miss,
}

/// Counts since the start, and what is held now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups that found a fresh answer.
    pub hits: u64,
    /// Lookups that found an expired one.
    pub stale: u64,
    /// Lookups that found nothing.
    pub misses: u64,
    /// Answers put in.
    pub insertions: u64,
    /// Answers thrown out for room.
    pub evictions: u64,
    /// Answers held.
    pub entries: usize,
    /// Bytes held, administration included.
    pub bytes: usize,
}

/// The cache. `Sync`; readers share a lock, only changes exclude.
#[derive(Debug)]
pub struct Cache {
    /// Readers lock a word of their own thread's: none waits for another's cache line.
    shards: Box<[ShardedLock<Shard>]>,
    lookups: ThreadLocal<Lookups>,
    hasher: RandomState,
    config: CacheConfig,
}

/// What one thread has found. Nobody else writes here: counting takes no step that others have to wait for.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Lookups {
    hits: AtomicU64,
    stale: AtomicU64,
    misses: AtomicU64,
}

/// Adds one to a counter that only this thread writes.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl Cache {
    /// An empty cache.
    pub fn new(config: CacheConfig) -> Cache {
        let max_bytes = config.max_bytes.max(LEAST_BYTES);
        let count = config.shards.clamp(1, max_bytes / LEAST_BYTES);
        let shards = (0..count).map(|_| ShardedLock::new(Shard::new(max_bytes / count))).collect();
        Cache { shards, lookups: ThreadLocal::new(), hasher: keyed(), config }
    }

    /// What is known under `key`, counted as a hit. Never allocates but for a thread's first.
    pub fn lookup(&self, now: Duration, key: &Key<'_>) -> Hit {
        let (hash, part) = self.part(key);
        let hit = Hit::of(now, read(part).find(hash, key));
        let lookups = self.lookups.get_or_default();
        match &hit {
            Hit::Fresh(entry) => {
                entry.note_hit();
                count(&lookups.hits);
            }
            Hit::Stale(entry) => {
                entry.note_hit();
                count(&lookups.stale);
            }
            Hit::Miss => count(&lookups.misses),
        }
        hit
    }

    /// Makes something of the answer under `key` where it lies, when it is fresh; that counts as a hit, and
    /// anything else is not counted. Never allocates but for a thread's first. The shard cannot change meanwhile:
    /// `make` must be short and must not use the cache.
    #[inline]
    pub(crate) fn fresh<T>(
        &self,
        now: Duration,
        key: &Key<'_>,
        make: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        let (hash, part) = self.part(key);
        let shard = read(part);
        let entry = shard.find(hash, key)?;
        if entry.freshness(now) != Freshness::Fresh {
            return None;
        }
        entry.note_hit();
        count(&self.lookups.get_or_default().hits);
        Some(make(entry))
    }

    /// The same without leaving a trace: no count, no favour in the eviction.
    pub fn peek(&self, now: Duration, key: &Key<'_>) -> Hit {
        let (hash, part) = self.part(key);
        Hit::of(now, read(part).find(hash, key))
    }

    /// Puts an answer in and returns it as an entry. One to another question, or larger than a shard, is handed
    /// back without being kept.
    pub fn insert(
        &self,
        now: Duration,
        key: &Key<'_>,
        answer: Answer,
        source: Source,
        lifetime: Lifetime,
    ) -> Entry {
        let entry = Entry::new(now, key, answer, source, lifetime);
        if entry.is_of(key) {
            self.insert_entry(now, entry.clone());
        }
        entry
    }

    fn insert_entry(&self, now: Duration, entry: Entry) {
        let weight = u32::try_from(ENTRY_BYTES + entry.bytes()).unwrap_or(u32::MAX);
        let (hash, part) = self.part(&entry.key());
        write(part).insert(now, hash, entry, weight);
    }

    /// How long the cache would keep `answer`, had from elsewhere; `None` when it must not.
    pub fn lifetime(&self, answer: &Answer) -> Option<Lifetime> {
        let config = &self.config;
        let most = match answer.kind() {
            Kind::NxDomain | Kind::NoData => config.max_ttl.min(config.max_negative_ttl),
            _ => config.max_ttl,
        };
        let fresh = answer.ttl()?.clamp_between(config.min_ttl, most);
        Some(Lifetime::Ages { fresh, stale: config.max_stale })
    }

    /// Takes out every type of `name` in every view, and returns how many. Looks at every entry.
    pub fn purge_name(&self, name: &Name) -> usize {
        let folded = name.folded();
        self.purge_where(|key, _| key == folded.as_wire())
    }

    /// Takes out `suffix` and everything below it. Looks at every entry.
    pub fn purge_suffix(&self, suffix: &Name) -> usize {
        self.purge_where(|name, _| is_under(name, suffix.as_wire()))
    }

    /// Takes out everything.
    pub fn clear(&self) -> usize {
        self.purge_where(|_, _| true)
    }

    /// Takes out what `doomed` says of a name (plain wire form, lower case) and its entry.
    pub fn purge_where(&self, mut doomed: impl FnMut(&[u8], &Entry) -> bool) -> usize {
        let parts = self.shards.iter();
        parts.map(|part| write(part).purge(|entry| doomed(entry.name(), entry))).sum()
    }

    /// Counts and sizes; the shards are read one after the other.
    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats::default();
        for lookups in &self.lookups {
            stats.hits += lookups.hits.load(Ordering::Relaxed);
            stats.stale += lookups.stale.load(Ordering::Relaxed);
            stats.misses += lookups.misses.load(Ordering::Relaxed);
        }
        for part in &self.shards {
            let shard = read(part);
            stats.insertions += shard.insertions;
            stats.evictions += shard.evictions;
            stats.entries += shard.len();
            stats.bytes += shard.bytes();
        }
        stats
    }

    /// The hash is keyed at random, so that nobody can choose names that fall together.
    #[inline]
    fn part(&self, key: &Key<'_>) -> (u64, &ShardedLock<Shard>) {
        let hash = self.hasher.hash_one(key);
        // The table uses the lower bits and the top seven; take others, without a division.
        let at = u64::from((hash >> 16) as u32) * self.shards.len() as u64;
        (hash, &self.shards[(at >> 32) as usize])
    }
}

/// Keys that nobody can guess, as the standard library has them from the system.
fn keyed() -> RandomState {
    let system = std::hash::RandomState::new();
    let [a, b, c, d] = [0u8, 1, 2, 3].map(|nth| system.hash_one(nth));
    RandomState::with_seeds(a, b, c, d)
}

impl Hit {
    fn of(now: Duration, entry: Option<&Entry>) -> Hit {
        match entry.map(|entry| (entry, entry.freshness(now))) {
            Some((entry, Freshness::Fresh)) => Hit::Fresh(entry.clone()),
            Some((entry, Freshness::Stale)) => Hit::Stale(entry.clone()),
            Some((_, Freshness::Dead)) | None => Hit::Miss,
        }
    }
}

// A panic under the lock leaves a shard whole enough to read: no step over peer data panics inside.
fn read(part: &ShardedLock<Shard>) -> ShardedLockReadGuard<'_, Shard> {
    part.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(part: &ShardedLock<Shard>) -> ShardedLockWriteGuard<'_, Shard> {
    part.write().unwrap_or_else(PoisonError::into_inner)
}

/// The smallest shard worth a lock.
const LEAST_BYTES: usize = 64 << 10;
/// What an entry costs beside its own block: the slot (32) and the table's share (9), both doubled at worst by
/// growth, and the allocator's of one block (16), rounded. `tests/hit_allocations.rs` compares it with the truth.
const ENTRY_BYTES: usize = 100;
