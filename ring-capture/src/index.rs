//! From a flow to its records: a chain of links from the newest record to the oldest.
//!
//! Flows share buckets. Each record links to the record before it in its bucket (`prev`), and to
//! the newest one of the bucket in an older block (`skip`). A walk that comes into a block whose
//! filter says "not here" leaves it by `skip` in one step, so that a bucket shared with a flow of a
//! million packets costs a step a block and not a step a packet.

use crate::block::{Blocks, Pinned};
use crate::position::Position;
use crate::record::Header;
use crate::sync::{AtomicU64, Ordering};
use crate::window::Window;

/// The newest position of each bucket, as readers see it.
#[derive(Debug)]
pub(crate) struct Index {
    heads: Box<[AtomicU64]>,
}

/// The writer's half: for each bucket, its newest position outside the current block.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    older: Box<[u64]>,
}

/// A record of the wanted flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) at_ns: u64,
    pub(crate) lane: u16,
    pub(crate) position: Position,
}

impl Index {
    /// An index fit for so many bytes of records.
    pub(crate) fn new(ring_bytes: usize) -> (Self, IndexWriter) {
        let buckets = (ring_bytes / BYTES_PER_BUCKET).next_power_of_two().clamp(64, MAX_BUCKETS);
        let index = Self { heads: (0..buckets).map(|_| AtomicU64::new(0)).collect() };
        (index, IndexWriter { older: vec![0; buckets].into() })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.heads.len() * 2 * size_of::<u64>()
    }

    fn head(&self, flow: u64) -> &AtomicU64 {
        &self.heads[flow as usize & (self.heads.len() - 1)]
    }

    /// Collects the flow's records in the window, newest first. False when the steps ran out.
    pub(crate) fn walk(
        &self,
        blocks: &Blocks,
        lane: u16,
        flow: u64,
        window: &Window,
        steps: &mut usize,
        found: &mut Vec<Found>,
    ) -> bool {
        let shift = blocks.shift();
        // Acquire: partner of the Release in `IndexWriter::publish`: the record is committed.
        let mut next = Position::from_link(self.head(flow).load(Ordering::Acquire));
        let mut held: Option<Pinned<'_>> = None;
        while let Some(position) = next {
            if *steps == 0 {
                return false;
            }
            *steps -= 1;
            let serial = position.serial(shift);
            if held.as_ref().is_none_or(|pin| pin.serial() != serial) {
                drop(held.take()); // One pin at a time: let go before holding on.
                held = blocks.pin(serial);
            }
            let Some(pin) = &held else { break };
            let Some(header) = pin.bytes().get(position.offset(shift)..).and_then(Header::decode)
            else {
                break;
            };
            let too_old = |(_, last): (u64, u64)| last.saturating_add(REORDER_NS) < window.from_ns;
            if pin.times_ns().is_none_or(too_old) {
                break;
            }
            let here = pin.may_hold(flow);
            if here && header.meta.flow == flow && window.holds(header.meta.timestamp_ns) {
                found.push(Found { at_ns: header.meta.timestamp_ns, lane, position });
            }
            let link = if here { header.prev } else { header.skip };
            // Positions only grow, so a link that does not lead back is not one of ours.
            next = Position::from_link(link).filter(|&older| older < position);
        }
        true
    }
}

impl IndexWriter {
    /// The links for a record of `flow` about to be written to the block with this serial.
    #[inline]
    pub(crate) fn links(
        &mut self,
        index: &Index,
        flow: u64,
        serial: u64,
        block_shift: u32,
    ) -> (u64, u64) {
        // Relaxed: this writer stored it.
        let head = index.head(flow).load(Ordering::Relaxed);
        let older = &mut self.older[flow as usize & (index.heads.len() - 1)];
        if head >> block_shift != serial {
            *older = head;
        }
        (head, *older)
    }

    /// Makes a committed record the newest of its bucket.
    #[inline]
    #[expect(clippy::unused_self, reason = "the right to publish is the writer's")]
    pub(crate) fn publish(&mut self, index: &Index, flow: u64, position: Position) {
        // Release: partner of the Acquire in `walk`.
        index.head(flow).store(position.link(), Ordering::Release);
    }
}

/// One bucket for so many bytes of ring: half as many buckets as records of 1,000 bytes.
const BYTES_PER_BUCKET: usize = 2048;
const MAX_BUCKETS: usize = 1 << 22;

/// A block may hold records this much older than its youngest neighbours' times suggest: packets
/// reach a producer slightly out of order.
const REORDER_NS: u64 = 100_000_000;
