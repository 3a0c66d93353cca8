//! What is kept of each connection, found by its ends and given up by its age.
//!
//! A slot for each connection, on a list from the oldest to the newest; slots are used again. Finding,
//! adding, renewing and removing take constant time, and none of them moves what is kept.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher as _, Hash, Hasher},
    net::{IpAddr, SocketAddr},
};

/// The two ends of a connection, the smaller first: addresses (IPv4 ones as IPv6 maps them, RFC 4291
/// §2.5.5.2) and ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends([(u128, u16); 2]);

impl Ends {
    pub(crate) fn of(one: SocketAddr, other: SocketAddr) -> Self {
        let [one, other] = [one, other].map(|end| (bits(end.ip()), end.port()));
        Self(if one <= other { [one, other] } else { [other, one] })
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => MAPPED | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Hash for Ends {
    /// In as few words as there are: the hasher, keyed against floods, charges for each.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (address, port) in self.0 {
            if address >> 32 == MAPPED >> 32 {
                state.write_u64((address as u64) << 16 | u64::from(port));
            } else {
                state.write_u128(address);
                state.write_u16(port);
            }
        }
    }
}

/// `::ffff:0:0`.
const MAPPED: u128 = 0xffff_0000_0000;

/// Connections by their ends and by their age.
#[derive(Debug)]
pub(crate) struct Flows<V> {
    slots: HashMap<Ends, u32>,
    kept: Vec<Slot<V>>,
    /// The first of the slots that are free, which are chained by `newer`.
    free: u32,
    oldest: u32,
    newest: u32,
}

#[derive(Debug)]
struct Slot<V> {
    ends: Ends,
    older: u32,
    newer: u32,
    /// None in a slot that is free.
    value: Option<V>,
}

impl<V> Default for Flows<V> {
    fn default() -> Self {
        Self { slots: HashMap::new(), kept: Vec::new(), free: NONE, oldest: NONE, newest: NONE }
    }
}

impl<V> Flows<V> {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Where a connection is kept.
    pub(crate) fn find(&self, ends: &Ends) -> Option<u32> {
        self.slots.get(ends).copied()
    }

    /// Where the oldest is kept.
    pub(crate) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// # Panics
    /// If nothing is kept there.
    pub(crate) fn at(&self, slot: u32) -> &V {
        self.kept[slot as usize].value.as_ref().expect("a slot that was found is in use")
    }

    /// # Panics
    /// If nothing is kept there.
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut V {
        self.kept[slot as usize].value.as_mut().expect("a slot that was found is in use")
    }

    /// Keeps a connection as the newest, in place of what was kept of the same ends.
    pub(crate) fn insert(&mut self, ends: Ends, value: V) -> u32 {
        let slot = match self.slots.entry(ends) {
            Entry::Occupied(taken) => {
                let slot = *taken.get();
                self.kept[slot as usize].value = Some(value);
                self.renew(slot);
                return slot;
            }
            Entry::Vacant(vacant) => {
                let new = Slot { ends, older: NONE, newer: NONE, value: Some(value) };
                let slot = if self.free == NONE {
                    self.kept.push(new);
                    u32::try_from(self.kept.len() - 1).expect("flows are bounded far below that")
                } else {
                    let slot = self.free;
                    self.free = self.kept[slot as usize].newer;
                    self.kept[slot as usize] = new;
                    slot
                };
                *vacant.insert(slot)
            }
        };
        self.append(slot);
        slot
    }

    /// Makes a connection the newest.
    pub(crate) fn renew(&mut self, slot: u32) {
        self.unlink(slot);
        self.append(slot);
    }

    /// Takes a connection out.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<(Ends, V)> {
        let value = self.kept[slot as usize].value.take()?;
        self.unlink(slot);
        let Slot { ends, newer, .. } = &mut self.kept[slot as usize];
        *newer = self.free;
        self.free = slot;
        self.slots.remove(ends);
        Some((*ends, value))
    }

    /// The ends by the table's own hash, which no stranger can foresee.
    pub(crate) fn hash(&self, ends: &Ends) -> u64 {
        self.slots.hasher().hash_one(ends)
    }

    fn append(&mut self, slot: u32) {
        let newest = std::mem::replace(&mut self.newest, slot);
        match self.kept.get_mut(newest as usize) {
            Some(before) => before.newer = slot,
            None => self.oldest = slot,
        }
        let Slot { older, newer, .. } = &mut self.kept[slot as usize];
        (*older, *newer) = (newest, NONE);
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { older, newer, .. } = self.kept[slot as usize];
        match self.kept.get_mut(older as usize) {
            Some(before) => before.newer = newer,
            None => self.oldest = newer,
        }
        match self.kept.get_mut(newer as usize) {
            Some(after) => after.older = older,
            None => self.newest = older,
        }
    }
}

/// No slot: there are at most 2^20.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(number: u16) -> Ends {
        Ends::of(([192, 0, 2, 1], number).into(), ([192, 0, 2, 2], 443).into())
    }

    proptest! {
        #[test]
        fn age_is_that_of_a_plain_list(steps in prop::collection::vec((0_u8..3, 0_u16..20), 0..200)) {
            let mut flows = Flows::default();
            let mut model: Vec<(u16, usize)> = Vec::new();
            for (at, (what, number)) in steps.into_iter().enumerate() {
                let known = model.iter().position(|(n, _)| *n == number);
                prop_assert_eq!(flows.find(&ends(number)).is_some(), known.is_some());
                match (what, known) {
                    (0, known) => {
                        known.map(|place| model.remove(place));
                        flows.insert(ends(number), at);
                        model.push((number, at));
                    }
                    (1, Some(place)) => {
                        let entry = model.remove(place);
                        model.push(entry);
                        flows.renew(flows.find(&ends(number)).unwrap());
                    }
                    (_, Some(place)) => {
                        let slot = flows.find(&ends(number)).unwrap();
                        let (gone, value) = flows.remove(slot).unwrap();
                        prop_assert_eq!((gone, value), (ends(number), model.remove(place).1));
                        prop_assert!(flows.remove(slot).is_none());
                    }
                    (_, None) => {}
                }
                prop_assert_eq!(flows.len(), model.len());
                let oldest = flows.oldest().map(|slot| *flows.at(slot));
                prop_assert_eq!(oldest, model.first().map(|(_, value)| *value));
            }
            prop_assert!(flows.kept.len() <= 20, "slots are used again");
        }
    }
}
