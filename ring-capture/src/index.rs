//! From a flow to its records: a chain of links from the newest record to the oldest.
//!
//! Flows share buckets. Each record links to the record before it in its bucket (`prev`), and to
//! the newest one of the bucket in an older block (`skip`). A walk that comes into a block whose
//! filter says "not here" leaves it by `skip` in one step, so that a bucket shared with a flow of a
//! million packets costs a step a block and not a step a packet.

use crate::block::{Blocks, Pinned};
use crate::position::{Older, Place, Position};
use crate::record::Header;
use crate::sync::{AtomicU64, Ordering};
use crate::window::Window;

/// The chains of one producer.
#[derive(Debug)]
pub(crate) struct Index {
    buckets: Box<[Bucket]>,
}

/// Both words lie together: a push touches one cache line of the index.
#[derive(Debug)]
struct Bucket {
    /// The newest position of the bucket; readers begin here.
    head: AtomicU64,
    /// The newest outside the block that `head` lies in: the writer's own note.
    older: AtomicU64,
}

/// Which records a walk is after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) flow: u64,
    pub(crate) window: &'a Window,
    /// Only records later than this one.
    pub(crate) after: Option<Position>,
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At the beginning: of the bucket, of the window, or of what was not seen before.
    Reached,
    /// At a record that has been overwritten.
    Recycled,
    /// The steps ran out.
    OutOfSteps,
}

impl Index {
    /// An index fit for so many bytes of records.
    pub(crate) fn new(ring_bytes: usize) -> Self {
        let count = (ring_bytes / BYTES_PER_BUCKET).next_power_of_two().clamp(64, MAX_BUCKETS);
        let bucket = || Bucket { head: AtomicU64::new(0), older: AtomicU64::new(0) };
        Self { buckets: std::iter::repeat_with(bucket).take(count).collect() }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn bucket(&self, flow: u64) -> &Bucket {
        &self.buckets[flow as usize & (self.buckets.len() - 1)]
    }

    /// The words (`prev`, `skip`) that a record of `flow` about to be written to the block with this
    /// serial has to lead back to. For the one writer of these chains alone.
    #[inline]
    pub(crate) fn heads(&self, flow: u64, serial: u64, block_shift: u32) -> (u64, u64) {
        let bucket = self.bucket(flow);
        // Relaxed, both words: the one writer reads what it stored itself.
        let head = bucket.head.load(Ordering::Relaxed);
        let older = bucket.older.load(Ordering::Relaxed);
        // Stored either way: whether this is the flow's first in the block is a coin's toss, which
        // as a branch would be foretold wrongly half of the time.
        let skip = if head >> block_shift == serial { older } else { head };
        bucket.older.store(skip, Ordering::Relaxed);
        (head, skip)
    }

    /// Makes a committed record the newest of its bucket. For the one writer alone.
    #[inline]
    pub(crate) fn publish(&self, flow: u64, position: Position) {
        // Release: partner of the Acquire in `walk`.
        self.bucket(flow).head.store(position.word(), Ordering::Release);
    }

    /// Collects the wanted records, newest first; returns the newest record of the bucket and where
    /// the walk ended.
    pub(crate) fn walk(
        &self,
        blocks: &Blocks,
        producer: u16,
        wanted: Wanted<'_>,
        steps: &mut usize,
        found: &mut Vec<Place>,
    ) -> (Option<Position>, End) {
        let Wanted { flow, window, after } = wanted;
        let shift = blocks.shift();
        // Acquire: partner of the Release in `publish`: the record is committed.
        let head = Position::from_word(self.bucket(flow).head.load(Ordering::Acquire));
        let mut next = head;
        let mut held: Option<Pinned<'_>> = None;
        while let Some(position) = next.filter(|&position| Some(position) > after) {
            if *steps == 0 {
                return (head, End::OutOfSteps);
            }
            *steps -= 1;
            let serial = position.serial(shift);
            if held.as_ref().is_none_or(|pin| pin.serial() != serial) {
                drop(held.take()); // One pin at a time: let go before holding on.
                held = blocks.pin(serial);
            }
            let Some(pin) = &held else { return (head, End::Recycled) };
            let Some(header) = pin.bytes().get(position.offset(shift)..).and_then(Header::decode)
            else {
                break;
            };
            let too_old = |(_, last): (u64, u64)| last.saturating_add(REORDER_NS) < window.from_ns;
            if pin.times_ns().is_none_or(too_old) {
                break;
            }
            let (here, at_ns) = (pin.may_hold(flow), header.meta.timestamp_ns);
            if here && header.meta.flow == flow && window.holds(at_ns) {
                found.push(Place { at_ns, producer, position, len: header.captured });
            }
            let link = if here { header.prev } else { header.skip };
            next = match position.follow(link) {
                Older::None => None,
                Older::At(older) => Some(older),
                Older::TooFar => return (head, End::Recycled),
            };
        }
        (head, End::Reached)
    }
}

/// One bucket for so many bytes of ring: ten records of 1,500 bytes. Flows that share a bucket
/// lengthen each other's walks; buckets that lie apart cost each push a line from a far cache. Eight
/// times as many cost a push of 64 bytes a third more and made no extraction faster
/// (`benches/RESULTS.md`).
const BYTES_PER_BUCKET: usize = 16384;
const MAX_BUCKETS: usize = 1 << 22;

/// A block may hold records this much older than its youngest neighbours' times suggest: packets
/// reach a producer slightly out of order.
const REORDER_NS: u64 = 100_000_000;
