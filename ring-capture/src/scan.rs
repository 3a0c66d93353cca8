//! Everything in the ring, in time order: for what the index does not answer.

use crate::block::Pinned;
use crate::extract::record_at;
use crate::record::{Header, Record};
use crate::ring::{Lane, Ring};
use crate::sync::Arc;
use crate::window::Window;

/// The records of a window that a predicate wants, in time order over all producers.
///
/// Made by [`Ring::scan`]. Reads what was complete when the scan came to it; records pushed
/// meanwhile to the blocks ahead are included.
#[derive(Debug)]
pub struct Scan<'r, P> {
    ring: &'r Ring,
    window: Window,
    wanted: P,
    cursors: Vec<Cursor>,
    held: Option<(usize, Pinned<'r>)>,
    lost_blocks: u64,
}

/// Where the scan stands in one producer's records.
#[derive(Debug)]
struct Cursor {
    serial: u64,
    last: u64,
    offset: usize,
    /// Whether a record has been read: a block gone from here on is a loss.
    begun: bool,
    /// Timestamp of the record at `offset`, once looked at.
    ahead_ns: Option<u64>,
}

impl Ring {
    /// Goes through all records of a window, handing out those that `wanted` accepts.
    ///
    /// Costs as much as there is in the ring: [`extract`](Ring::extract) is for single flows.
    /// Within one producer, records come in the order they were pushed.
    pub fn scan<P: FnMut(&Record<'_>) -> bool>(&self, window: &Window, wanted: P) -> Scan<'_, P> {
        let cursor = |lane: &Arc<Lane>| {
            let (first, last) = lane.blocks.serials().into_inner();
            Cursor { serial: first, last, offset: 0, begun: false, ahead_ns: None }
        };
        Scan {
            ring: self,
            window: *window,
            wanted,
            cursors: self.lanes().iter().map(cursor).collect(),
            held: None,
            lost_blocks: 0,
        }
    }
}

impl<P: FnMut(&Record<'_>) -> bool> Scan<'_, P> {
    /// The next record wanted.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend its items")]
    pub fn next(&mut self) -> Option<Record<'_>> {
        let (lane, offset) = loop {
            let lane = self.earliest()?;
            // Another lane may have been looked at last: come back to this one's block.
            if !self.hold(lane) {
                self.leave_block(lane);
                continue;
            }
            let (_, pin) = self.held.as_ref()?;
            let cursor = &mut self.cursors[lane];
            let offset = cursor.offset;
            let record = record_at(pin.bytes(), offset)?;
            cursor.offset += Header::record_bytes(record.bytes.len());
            (cursor.begun, cursor.ahead_ns) = (true, None);
            if self.window.holds(record.meta.timestamp_ns) && (self.wanted)(&record) {
                break (lane, offset);
            }
        };
        let (held_lane, pin) = self.held.as_ref()?;
        debug_assert_eq!(*held_lane, lane);
        record_at(pin.bytes(), offset)
    }

    /// Blocks that were recycled after the scan began and before it had read them to the end.
    pub fn lost_blocks(&self) -> u64 {
        self.lost_blocks
    }

    /// The lane whose next record is the oldest.
    fn earliest(&mut self) -> Option<usize> {
        (0..self.cursors.len())
            .filter_map(|lane| self.look_ahead(lane).map(|at| (at, lane)))
            .min()
            .map(|(_, lane)| lane)
    }

    fn look_ahead(&mut self, lane: usize) -> Option<u64> {
        loop {
            if let Some(at) = self.cursors[lane].ahead_ns {
                return Some(at);
            }
            if self.cursors[lane].serial > self.cursors[lane].last {
                return None;
            }
            if !self.hold(lane) {
                self.leave_block(lane);
                continue;
            }
            let (_, pin) = self.held.as_ref()?;
            let cursor = &mut self.cursors[lane];
            let outside = |(first, last): (u64, u64)| {
                last < self.window.from_ns || first > self.window.until_ns
            };
            match record_at(pin.bytes(), cursor.offset) {
                Some(record) if !pin.times_ns().is_some_and(outside) => {
                    cursor.ahead_ns = Some(record.meta.timestamp_ns);
                }
                _ => {
                    cursor.serial += 1;
                    cursor.offset = 0;
                }
            }
        }
    }

    fn hold(&mut self, lane: usize) -> bool {
        let serial = self.cursors[lane].serial;
        if !self.held.as_ref().is_some_and(|(l, pin)| *l == lane && pin.serial() == serial) {
            drop(self.held.take()); // One pin at a time: let go before holding on.
            self.held = self.ring.lanes()[lane].blocks.pin(serial).map(|pin| (lane, pin));
        }
        self.held.is_some()
    }

    fn leave_block(&mut self, lane: usize) {
        let cursor = &mut self.cursors[lane];
        self.lost_blocks += u64::from(cursor.begun);
        *cursor = Cursor { serial: cursor.serial + 1, offset: 0, ahead_ns: None, ..*cursor };
    }
}
