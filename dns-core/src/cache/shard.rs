//! One shard: a table of keys, and S3-FIFO to decide who leaves.
//!
//! S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023):
//! newcomers wait in a small list of a tenth of the bytes; whoever is not asked for again by the time it
//! comes to the list's end leaves at once and only its hash is remembered. Names asked once (scans, random
//! subdomain floods, mail servers checking senders) so never push out what the site lives on. Plain LRU has
//! no such gate, and SIEVE (NSDI 2024), simpler still, has none either. A hit only raises a counter, so it
//! needs no more than a shared lock.

use std::time::Duration;

use hashbrown::HashTable;

use super::entry::{Entry, Freshness};
use super::ghost::Ghosts;
use super::queues::{List, Queues, Slot};
use crate::question::Key;

#[derive(Debug)]
pub(super) struct Shard {
    table: HashTable<Entry>,
    queues: Queues,
    ghosts: Ghosts,
    max_bytes: usize,
    pub(super) insertions: u64,
    pub(super) evictions: u64,
}

impl Shard {
    pub(super) fn new(max_bytes: usize) -> Shard {
        Shard {
            table: HashTable::new(),
            queues: Queues::new(),
            ghosts: Ghosts::default(),
            max_bytes,
            insertions: 0,
            evictions: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.queues.bytes(List::Small) + self.queues.bytes(List::Main) + self.ghosts.bytes()
    }

    pub(super) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(super) fn find(&self, hash: u64, key: &Key<'_>) -> Option<&Entry> {
        self.table.find(hash, |entry| entry.is_of(key))
    }

    /// Puts an entry in, in the place of one under the same key; then lets others go until all fits.
    pub(super) fn insert(&mut self, now: Duration, hash: u64, entry: Entry, weight: u32) {
        let key = entry.key();
        let known = self.table.find_mut(hash, |known| known.is_of(&key));
        if weight as usize > self.max_bytes {
            // Larger than the shard: only what it would have replaced must go.
            if let Some(index) = known.map(|known| known.mark().slot()) {
                self.remove(index);
            }
            return;
        }
        self.insertions += 1;
        if let Some(known) = known {
            let index = known.mark().slot();
            *known = entry.clone();
            self.queues.replace(index, entry, weight);
        } else {
            let list = if self.ghosts.contains(hash) { List::Main } else { List::Small };
            self.queues.insert(Slot::new(entry.clone(), hash, weight), list);
            let queues = &self.queues;
            self.table.insert_unique(hash, entry, |entry| queues.slot(entry.mark().slot()).hash);
        }
        while self.bytes() > self.max_bytes && self.evict(now) {}
    }

    /// Shows every entry.
    pub(super) fn each(&self, mut show: impl FnMut(&Entry)) {
        self.queues.iter().for_each(|(_, slot)| show(&slot.entry));
    }

    /// Takes out every entry that `doomed` says, and returns how many.
    pub(super) fn purge(&mut self, mut doomed: impl FnMut(&Entry) -> bool) -> usize {
        let doomed: Vec<u32> = self
            .queues
            .iter()
            .filter(|(_, slot)| doomed(&slot.entry))
            .map(|(index, _)| index)
            .collect();
        for &index in &doomed {
            self.remove(index);
        }
        if self.queues.len() == 0 {
            self.ghosts.clear();
        }
        doomed.len()
    }

    /// Lets one entry go. Amortised O(1): each step over a slot spends a hit it has had.
    fn evict(&mut self, now: Duration) -> bool {
        loop {
            let over = self.queues.bytes(List::Small) > self.max_bytes / SMALL_SHARE;
            let (small, main) = (self.queues.oldest(List::Small), self.queues.oldest(List::Main));
            let Some(index) = (if over { small.or(main) } else { main.or(small) }) else {
                return false;
            };
            let slot = self.queues.slot(index);
            let (list, hash) = (slot.list, slot.hash);
            let dead = slot.entry.freshness(now) == Freshness::Dead;
            let mark = slot.entry.mark();
            match (list, mark.frequency()) {
                (List::Small, PROMOTED..) if !dead => {
                    mark.count_from(0);
                    self.queues.requeue(index, List::Main);
                }
                (List::Main, seen @ 1..) if !dead => {
                    mark.count_from(seen - 1);
                    self.queues.requeue(index, List::Main);
                }
                _ => {
                    self.remove(index);
                    self.evictions += 1;
                    if list == List::Small && !dead {
                        self.ghosts.push(hash, self.queues.len());
                    }
                    return true;
                }
            }
        }
    }

    fn remove(&mut self, index: u32) {
        let slot = self.queues.remove(index);
        if let Ok(found) = self.table.find_entry(slot.hash, |entry| entry.mark().slot() == index) {
            found.remove();
        }
        self.ghosts.trim(self.queues.len());
    }
}

/// The small list's share of the bytes: a tenth (S3-FIFO paper, §4.1).
const SMALL_SHARE: usize = 10;
/// Hits that carry a newcomer to the main list: two (S3-FIFO paper, algorithm 1).
const PROMOTED: u8 = 2;
