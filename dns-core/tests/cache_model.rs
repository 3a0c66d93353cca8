//! The cache against a slow, obvious S3-FIFO: same hits, same bytes, after any operations.

#[expect(dead_code, reason = "addresses only")]
mod responses;

use std::collections::VecDeque;
use std::time::Duration;

use dns_core::answer::{Aging, Answer};
use dns_core::cache::{Cache, CacheConfig, Hit, Lifetime, Source};
use dns_core::{Name, Ttl};
use proptest::prelude::*;
use responses::{addresses, answer, key, name, owner};

const MAX_BYTES: usize = 64 << 10;
/// What a remembered hash counts for.
const GHOST: usize = 36;

#[derive(Clone, Debug)]
enum Step {
    Insert { host: usize, records: u16, fresh: u32, stale: u32 },
    Lookup { host: usize },
    Purge { host: usize },
    Wait { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let host = || 0usize..60;
    prop_oneof![
        5 => (host(), 1u16..400, 1u32..100, 0u32..100)
            .prop_map(|(host, records, fresh, stale)| Step::Insert { host, records, fresh, stale }),
        8 => host().prop_map(|host| Step::Lookup { host }),
        1 => host().prop_map(|host| Step::Purge { host }),
        2 => (0u64..20_000).prop_map(|millis| Step::Wait { millis }),
    ]
}

#[derive(Clone, Debug)]
struct Held {
    host: usize,
    weight: usize,
    frequency: u8,
    inserted: Duration,
    fresh: Duration,
    stale: Duration,
}

impl Held {
    /// 0 fresh, 1 stale, 2 dead.
    fn state(&self, now: Duration) -> u8 {
        let age = now.saturating_sub(self.inserted);
        u8::from(age >= self.fresh) + u8::from(age >= self.fresh + self.stale)
    }
}

/// Newest at the back.
#[derive(Default)]
struct Model {
    small: VecDeque<Held>,
    main: VecDeque<Held>,
    ghosts: VecDeque<usize>,
}

impl Model {
    fn len(&self) -> usize {
        self.small.len() + self.main.len()
    }

    fn bytes(&self) -> usize {
        let held = self.small.iter().chain(&self.main).map(|held| held.weight);
        held.sum::<usize>() + self.ghosts.len() * GHOST
    }

    fn find(&mut self, host: usize) -> Option<&mut Held> {
        self.small.iter_mut().chain(&mut self.main).find(|held| held.host == host)
    }

    fn insert(&mut self, now: Duration, new: Held) {
        let remembered = self.ghosts.contains(&new.host);
        match self.find(new.host) {
            Some(held) => *held = Held { frequency: held.frequency, ..new },
            None if remembered => self.main.push_back(new),
            None => self.small.push_back(new),
        }
        while self.bytes() > MAX_BYTES && self.len() > 0 {
            self.evict(now);
        }
    }

    fn evict(&mut self, now: Duration) {
        loop {
            let over = self.small.iter().map(|held| held.weight).sum::<usize>() > MAX_BYTES / 10;
            let from_small = !self.small.is_empty() && (over || self.main.is_empty());
            let queue = if from_small { &mut self.small } else { &mut self.main };
            let mut held = queue.pop_front().expect("the caller has looked");
            let dead = held.state(now) == 2;
            if !dead && from_small && held.frequency >= 2 {
                held.frequency = 0;
                self.main.push_back(held);
            } else if !dead && !from_small && held.frequency > 0 {
                held.frequency -= 1;
                self.main.push_back(held);
            } else {
                self.trim();
                if from_small && !dead {
                    if !self.ghosts.contains(&held.host) {
                        self.ghosts.push_back(held.host);
                    }
                    self.trim();
                }
                return;
            }
        }
    }

    fn trim(&mut self) {
        while self.ghosts.len() > self.len() {
            self.ghosts.pop_front();
        }
    }

    fn purge(&mut self, host: usize) {
        self.small.retain(|held| held.host != host);
        self.main.retain(|held| held.host != host);
        self.trim();
    }
}

fn one_shard() -> Cache {
    Cache::new(CacheConfig { max_bytes: MAX_BYTES, shards: 1, ..CacheConfig::default() })
}

fn insert(cache: &Cache, now: Duration, host: usize, records: u16, fresh: u32, stale: u32) {
    let lifetime = Lifetime::Ages { fresh: Ttl::from_secs(fresh), stale: Ttl::from_secs(stale) };
    let answer = answer(&addresses(&name(host), fresh, records));
    cache.insert(now, &key(&owner(&name(host))), answer, Source::Injected, lifetime);
}

fn weight(host: usize, records: u16) -> usize {
    let cache = one_shard();
    insert(&cache, Duration::ZERO, host, records, 1, 1);
    cache.stats().bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_behaves_like_the_obvious_one(steps in prop::collection::vec(step(), 1..300)) {
        let (cache, mut model) = (one_shard(), Model::default());
        let mut now = Duration::from_secs(1_000);
        for step in steps {
            match step {
                Step::Insert { host, records, fresh, stale } => {
                    insert(&cache, now, host, records, fresh, stale);
                    let [fresh, stale] = [fresh, stale].map(|secs| Duration::from_secs(secs.into()));
                    let weight = weight(host, records);
                    let held = Held { host, weight, frequency: 0, inserted: now, fresh, stale };
                    model.insert(now, held);
                }
                Step::Lookup { host } => {
                    let hit = cache.lookup(now, &key(&owner(&name(host))));
                    let state = model.find(host).map_or(2, |held| {
                        let state = held.state(now);
                        if state < 2 {
                            held.frequency = 3.min(held.frequency + 1);
                        }
                        state
                    });
                    let found = match hit {
                        Hit::Fresh(_) => 0,
                        Hit::Stale(_) => 1,
                        Hit::Miss => 2,
                    };
                    prop_assert_eq!(found, state, "host {}", host);
                }
                Step::Purge { host } => {
                    let gone: Name = name(host).to_uppercase().parse().expect("a name");
                    let was_there = model.find(host).is_some();
                    prop_assert_eq!(cache.purge_name(&gone), usize::from(was_there));
                    model.purge(host);
                }
                Step::Wait { millis } => now += Duration::from_millis(millis),
            }
            let stats = cache.stats();
            prop_assert_eq!((stats.entries, stats.bytes), (model.len(), model.bytes()));
            prop_assert!(stats.bytes <= MAX_BYTES);
        }
    }
}

#[test]
fn a_scan_leaves_what_is_asked_for_alone() {
    let cache = one_shard();
    let now = Duration::ZERO;
    let beloved = 0..50;
    for host in beloved.clone() {
        insert(&cache, now, host, 1, 100, 0);
        cache.lookup(now, &key(&owner(&name(host))));
        cache.lookup(now, &key(&owner(&name(host))));
    }
    for host in 1_000..11_000 {
        insert(&cache, now, host, 1, 100, 0);
    }
    let kept =
        beloved.filter(|&host| matches!(cache.peek(now, &key(&owner(&name(host)))), Hit::Fresh(_)));
    assert_eq!(kept.count(), 50, "ten thousand names asked once push none of them out");
}

#[test]
fn what_is_larger_than_a_shard_is_handed_back_and_not_kept() {
    let cache = one_shard();
    let huge = |host| {
        let mut wire = addresses(&name(host), 100, 0).to_vec().expect("a response");
        for _ in 0..3_900 {
            wire.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 100, 0, 4, 10, 0, 0, 1]);
        }
        wire[6..8].copy_from_slice(&3_900u16.to_be_bytes());
        let answer = Answer::from_response(&wire).expect("below 65,535 octets");
        let entry = cache.insert(
            Duration::ZERO,
            &key(&owner(&name(host))),
            answer,
            Source::Injected,
            Lifetime::Fixed,
        );
        assert_eq!(entry.answer().records(Aging::Fixed).len(), 3_900);
    };
    insert(&cache, Duration::ZERO, 1, 1, 100, 0);
    huge(2);
    assert_eq!(cache.stats().entries, 1, "and pushes nobody out");
    huge(1);
    assert_eq!(cache.stats().entries, 0, "the one it should have replaced is out of date");
}

#[test]
fn purging_a_suffix_takes_what_is_below_it_in_every_view() {
    let cache = Cache::new(CacheConfig::default());
    for host in ["a.corp.", "b.a.corp.", "corp.", "badcorp.", "corp.example."] {
        let lifetime = Lifetime::Fixed;
        let answer = answer(&addresses(host, 1, 1));
        cache.insert(Duration::ZERO, &key(&owner(host)), answer, Source::Injected, lifetime);
    }
    assert_eq!(cache.purge_suffix(&"CORP".parse().expect("a name")), 3);
    assert_eq!(cache.stats().entries, 2);
    assert_eq!(cache.clear(), 2);
    assert_eq!(cache.stats().bytes, 0);
}

#[test]
fn the_lookups_of_all_threads_are_counted() {
    let cache = Cache::new(CacheConfig::default());
    let lifetime = Lifetime::Ages { fresh: Ttl::HOUR, stale: Ttl::HOUR };
    let (known, unknown) = (owner("here.example"), owner("nowhere.example"));
    let answer = answer(&addresses("here.example.", 300, 1));
    cache.insert(Duration::ZERO, &key(&known), answer, Source::Injected, lifetime);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    cache.lookup(Duration::ZERO, &key(&known));
                    cache.lookup(Duration::ZERO, &key(&unknown));
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.stale, stats.misses), (4_000, 0, 4_000));
}
