//! Hashes of keys lately thrown out on probation: who comes back from here is worth keeping.

use std::collections::VecDeque;

use hashbrown::HashTable;

/// A first-in-first-out set of hashes.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    order: VecDeque<u64>,
    set: HashTable<u64>,
}

impl Ghosts {
    pub(super) fn bytes(&self) -> usize {
        self.order.len() * GHOST_BYTES
    }

    /// Remembers `hash`, forgetting the oldest beyond `most`.
    pub(super) fn push(&mut self, hash: u64, most: usize) {
        if self.set.find(hash, |&known| known == hash).is_none() {
            self.set.insert_unique(hash, hash, |&known| known);
            self.order.push_back(hash);
        }
        self.trim(most);
    }

    /// Forgets the oldest beyond `most`.
    pub(super) fn trim(&mut self, most: usize) {
        while self.order.len() > most {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Ok(found) = self.set.find_entry(oldest, |&known| known == oldest) {
                found.remove();
            }
        }
    }

    /// Whether `hash` is remembered. It stays until its turn comes.
    pub(super) fn contains(&self, hash: u64) -> bool {
        self.set.find(hash, |&known| known == hash).is_some()
    }

    pub(super) fn clear(&mut self) {
        *self = Ghosts::default();
    }
}

/// What one hash costs: eight octets in the order, eight and a control octet in a table at most 7/8 full,
/// both doubled at worst by growth.
const GHOST_BYTES: usize = 36;
