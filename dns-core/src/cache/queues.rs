//! Slots in one vector, threaded into first-in-first-out lists by index: O(1) to append, to pop and to
//! take out of the middle.

use super::entry::Entry;

/// One entry and its place in a list.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) entry: Entry,
    pub(super) hash: u64,
    weight: u32,
    pub(super) list: List,
    newer: u32,
    older: u32,
}

/// The two lists of S3-FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// On probation.
    Small,
    /// Has proved itself.
    Main,
}

impl Slot {
    pub(super) fn new(entry: Entry, hash: u64, weight: u32) -> Slot {
        Slot { entry, hash, weight, list: List::Small, newer: NONE, older: NONE }
    }
}

/// Ends and size of one list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    newest: u32,
    oldest: u32,
    bytes: usize,
}

/// All slots of a shard.
#[derive(Debug)]
pub(super) struct Queues {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    ends: [Ends; 2],
}

impl Queues {
    pub(super) fn new() -> Queues {
        let empty = Ends { newest: NONE, oldest: NONE, bytes: 0 };
        Queues { slots: Vec::new(), free: Vec::new(), ends: [empty; 2] }
    }

    pub(super) fn slot(&self, index: u32) -> &Slot {
        self.slots[index as usize]
            .as_ref()
            .expect("an index lives in a list or the table while its slot is taken")
    }

    fn slot_mut(&mut self, index: u32) -> &mut Slot {
        self.slots[index as usize]
            .as_mut()
            .expect("an index lives in a list or the table while its slot is taken")
    }

    pub(super) fn oldest(&self, list: List) -> Option<u32> {
        Some(self.ends[list as usize].oldest).filter(|&index| index != NONE)
    }

    pub(super) fn bytes(&self, list: List) -> usize {
        self.ends[list as usize].bytes
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Puts `slot` at the new end of `list` and returns its index.
    pub(super) fn insert(&mut self, slot: Slot, list: List) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("a shard of 2^32 entries exceeds any memory")
        });
        slot.entry.mark().place(index);
        self.slots[index as usize] = Some(slot);
        self.link(index, list);
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> Slot {
        self.unlink(index);
        self.free.push(index);
        self.slots[index as usize].take().expect("unlink has just seen it")
    }

    /// Takes the slot out of its list and puts it at the new end of `list`.
    pub(super) fn requeue(&mut self, index: u32, list: List) {
        self.unlink(index);
        self.link(index, list);
    }

    /// Replaces what a slot holds; its place and the hits it has had stay.
    pub(super) fn replace(&mut self, index: u32, entry: Entry, weight: u32) {
        let slot = self.slot_mut(index);
        entry.mark().place(index);
        entry.mark().count_from(slot.entry.mark().frequency());
        slot.entry = entry;
        let before = std::mem::replace(&mut slot.weight, weight);
        let list = slot.list;
        let ends = &mut self.ends[list as usize];
        ends.bytes = ends.bytes - before as usize + weight as usize;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Slot)> {
        let taken =
            |(index, slot): (usize, &'_ Option<Slot>)| slot.is_some().then_some(index as u32);
        self.slots.iter().enumerate().filter_map(taken).map(|index| (index, self.slot(index)))
    }

    fn link(&mut self, index: u32, list: List) {
        let newest = self.ends[list as usize].newest;
        let slot = self.slot_mut(index);
        (slot.list, slot.newer, slot.older) = (list, NONE, newest);
        let weight = slot.weight as usize;
        if newest != NONE {
            self.slot_mut(newest).newer = index;
        }
        let ends = &mut self.ends[list as usize];
        ends.newest = index;
        if ends.oldest == NONE {
            ends.oldest = index;
        }
        ends.bytes += weight;
    }

    fn unlink(&mut self, index: u32) {
        let slot = self.slot(index);
        let (newer, older, list, weight) = (slot.newer, slot.older, slot.list, slot.weight);
        if newer != NONE {
            self.slot_mut(newer).older = older;
        }
        if older != NONE {
            self.slot_mut(older).newer = newer;
        }
        let ends = &mut self.ends[list as usize];
        if ends.newest == index {
            ends.newest = older;
        }
        if ends.oldest == index {
            ends.oldest = newer;
        }
        ends.bytes -= weight as usize;
    }
}

/// No slot.
const NONE: u32 = u32::MAX;
