//! One flow out of the ring, at a cost that follows the flow and not the ring.

use crate::block::Pinned;
use crate::index::{End, Wanted};
use crate::position::{Place, Position};
use crate::record::{Header, Record};
use crate::ring::{Lane, Ring};
use crate::window::Window;

/// The records of one flow, in time order over all producers.
///
/// Made by [`Ring::extract`]. The records are found at once and read one by one, each borrowed from
/// the ring for as long as it is looked at.
#[derive(Debug)]
pub struct Extract<'r> {
    ring: &'r Ring,
    found: std::vec::IntoIter<Place>,
    held: Option<(u16, Pinned<'r>)>,
    truncated: bool,
    missing: bool,
    overwritten: u64,
}

/// How far one flow of one ring has been read: what [`Ring::extract_after`] goes on from.
///
/// It remembers, for each producer, the newest record there was. A producer's records are found in
/// the order of pushing, so that one pushed late is found late, whatever its timestamp, and none is
/// found twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// One for each producer; empty before the first step.
    newest: Vec<Option<Position>>,
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
        self.walk(flow, window, &mut Cursor::default(), max_steps)
    }

    /// Finds the records of a flow that were pushed since the cursor was last used, and moves it on.
    ///
    /// Steps with one cursor give together exactly what one `extract` after the last of them gives,
    /// as long as the ring does not go round between two steps ([`Extract::missing`] tells). The
    /// order is by [`Place`] within a step; the caller sorts what several steps gave. A cursor
    /// belongs to one flow of one ring; the window may be moved forward between steps.
    pub fn extract_after(&self, flow: u64, window: &Window, cursor: &mut Cursor) -> Extract<'_> {
        self.walk(flow, window, cursor, MAX_STEPS)
    }

    fn walk(
        &self,
        flow: u64,
        window: &Window,
        cursor: &mut Cursor,
        mut steps: usize,
    ) -> Extract<'_> {
        let first = cursor.newest.is_empty();
        cursor.newest.resize(self.lanes().len(), None);
        let (mut found, mut truncated, mut missing) = (Vec::new(), false, false);
        for ((number, lane), newest) in (0..).zip(self.lanes()).zip(&mut cursor.newest) {
            let wanted = Wanted { flow, window, after: *newest };
            let (head, end) = lane.index.walk(&lane.blocks, number, wanted, &mut steps, &mut found);
            *newest = head;
            truncated |= end == End::OutOfSteps;
            // What was overwritten may have been older than the window: at the first step only.
            missing |= end == End::Recycled && !(first && reaches(lane, window.from_ns));
        }
        found.sort_unstable();
        let found = found.into_iter();
        Extract { ring: self, found, held: None, truncated, missing, overwritten: 0 }
    }
}

/// Whether a producer's records still go back to an instant.
fn reaches(lane: &Lane, at_ns: u64) -> bool {
    lane.history().is_some_and(|history| history.oldest_ns <= at_ns)
}

impl Extract<'_> {
    /// The next record, oldest first.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend its items")]
    pub fn next(&mut self) -> Option<Record<'_>> {
        self.next_placed().map(|(_, record)| record)
    }

    /// The next record, oldest first, and its place in the order of all producers.
    pub fn next_placed(&mut self) -> Option<(Place, Record<'_>)> {
        let next = loop {
            let next = self.found.next()?;
            if self.hold(next) {
                break next;
            }
            self.overwritten += 1;
        };
        let (_, pin) = self.held.as_ref()?;
        let record = record_at(pin.bytes(), next.position.offset(self.shift(next.producer)))?;
        Some((next, record))
    }

    /// Where the records still to come lie, oldest first.
    pub fn places(&self) -> &[Place] {
        self.found.as_slice()
    }

    /// Records still to come, those meanwhile overwritten included.
    pub fn remaining(&self) -> usize {
        self.found.len()
    }

    /// Whether the steps ran out: older records of the flow may exist that were not looked at.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Whether records may be missing because they were overwritten before they were found: the
    /// ring does not reach back to the window's start, or it went round since the step before.
    ///
    /// Flows share buckets, so that it may have been another flow's record.
    pub fn missing(&self) -> bool {
        self.missing
    }

    /// Records that were found and then overwritten before they were read.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    fn shift(&self, lane: u16) -> u32 {
        self.ring.lanes()[usize::from(lane)].blocks.shift()
    }

    fn hold(&mut self, next: Place) -> bool {
        let lane = next.producer;
        let serial = next.position.serial(self.shift(lane));
        let held = |(of, pin): &(u16, Pinned<'_>)| *of == lane && pin.serial() == serial;
        if !self.held.as_ref().is_some_and(held) {
            drop(self.held.take()); // One pin at a time: let go before holding on.
            let blocks = &self.ring.lanes()[usize::from(lane)].blocks;
            self.held = blocks.pin(serial).map(|pin| (lane, pin));
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
