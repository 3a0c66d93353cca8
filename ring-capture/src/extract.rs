//! One flow out of the ring, at a cost that follows the flow and not the ring.

use crate::block::Pinned;
use crate::index::Found;
use crate::record::{Header, Record};
use crate::ring::Ring;
use crate::window::Window;

/// The records of one flow, in time order over all producers.
///
/// Made by [`Ring::extract`]. The records are found at once and read one by one, each borrowed from
/// the ring for as long as it is looked at.
#[derive(Debug)]
pub struct Extract<'r> {
    ring: &'r Ring,
    found: std::vec::IntoIter<Found>,
    held: Option<(u16, Pinned<'r>)>,
    truncated: bool,
    overwritten: u64,
}

impl Ring {
    /// Finds the records of a flow (the hash its records were pushed with) in a window.
    ///
    /// Walks the flow's own chain, newest to oldest, and holds one block at a time. Allocates a few
    /// bytes for each record found.
    pub fn extract(&self, flow: u64, window: &Window) -> Extract<'_> {
        self.extract_within(flow, window, MAX_STEPS)
    }

    /// [`extract`](Self::extract) with a bound on the records looked at, over all producers.
    pub fn extract_within(&self, flow: u64, window: &Window, max_steps: usize) -> Extract<'_> {
        let (mut found, mut steps, mut complete) = (Vec::new(), max_steps, true);
        for (lane, at) in (0..).zip(self.lanes()) {
            complete &= at.index.walk(&at.blocks, lane, flow, window, &mut steps, &mut found);
        }
        found.sort_unstable();
        let found = found.into_iter();
        Extract { ring: self, found, held: None, truncated: !complete, overwritten: 0 }
    }
}

impl Extract<'_> {
    /// The next record, oldest first.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend its items")]
    pub fn next(&mut self) -> Option<Record<'_>> {
        let next = loop {
            let next = self.found.next()?;
            if self.hold(next) {
                break next;
            }
            self.overwritten += 1;
        };
        let (_, pin) = self.held.as_ref()?;
        record_at(pin.bytes(), next.position.offset(self.shift(next.lane)))
    }

    /// Records still to come, those meanwhile overwritten included.
    pub fn remaining(&self) -> usize {
        self.found.len()
    }

    /// Whether the steps ran out: older records of the flow may exist that were not looked at.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Records that were found and then overwritten before they were read.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    fn shift(&self, lane: u16) -> u32 {
        self.ring.lanes()[usize::from(lane)].blocks.shift()
    }

    fn hold(&mut self, next: Found) -> bool {
        let serial = next.position.serial(self.shift(next.lane));
        let held = |(lane, pin): &(u16, Pinned<'_>)| *lane == next.lane && pin.serial() == serial;
        if !self.held.as_ref().is_some_and(held) {
            drop(self.held.take()); // One pin at a time: let go before holding on.
            let blocks = &self.ring.lanes()[usize::from(next.lane)].blocks;
            self.held = blocks.pin(serial).map(|pin| (next.lane, pin));
        }
        self.held.is_some()
    }
}

/// The record at an offset of a block's committed bytes.
pub(crate) fn record_at(block: &[u8], offset: usize) -> Option<Record<'_>> {
    let rest = block.get(offset..)?;
    let header = Header::decode(rest)?;
    let bytes = rest[Header::BYTES..].get(..header.captured as usize)?;
    Some(Record { meta: header.meta, bytes })
}

/// A chain of a million steps is walked in a tenth of a second.
const MAX_STEPS: usize = 1 << 20;
