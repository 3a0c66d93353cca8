//! Append-only blocks with a committed watermark and pins: where the ring's memory is touched.
//!
//! All unsafe that reads or writes stored bytes is in this file. The argument, in three sentences:
//!
//! 1. A block's bytes below `committed` never change while its generation stands, so a reader that
//!    holds a pin may borrow them; the writer only ever copies at and above `committed`.
//! 2. The writer takes a block for a new generation with one compare-and-swap that succeeds only
//!    when nobody has it pinned, and a reader pins with one that succeeds only when the generation
//!    is the one it expects: of the two, one loses.
//! 3. There is one [`BlockWriter`] for each [`Blocks`], made together with it and not `Clone`.
//!
//! Orderings and their partners:
//!
//! | store | load | what it hands over |
//! |---|---|---|
//! | `committed` Release, [`BlockWriter::commit`] | `committed` Acquire, [`Blocks::pin`] | the bytes, times and filter bits of a record |
//! | `state` Release, [`BlockWriter::open`] | `state` Acquire, [`Blocks::pin`] | the emptied block: `committed` = 0, filter cleared |
//! | `state` Release, [`Pinned::drop`] | `state` Acquire, [`Blocks::take`] | that the reader has finished reading |
//! | `newest`, `by_serial` Release, [`BlockWriter::open`] | Acquire, [`Blocks::pin`], [`Blocks::serials`] | which block has which serial |

use std::collections::VecDeque;
use std::io;

use crossbeam_utils::CachePadded;

use crate::memory::Memory;
use crate::sync::{Arc, AtomicU32, AtomicU64, Ordering, Shadow};

/// The blocks of one producer, as readers see them.
#[derive(Debug)]
pub(crate) struct Blocks {
    memory: Memory,
    shadow: Shadow,
    shift: u32,
    states: Box<[BlockState]>,
    /// Which block holds a serial: entry `serial & mask`. An entry may be stale; the generation in
    /// the block's state decides.
    by_serial: Box<[AtomicU32]>,
    newest: AtomicU64,
}

#[derive(Debug)]
struct BlockState {
    /// Twice the serial, plus one while the writer has it for itself; the number of pins below.
    state: CachePadded<AtomicU64>,
    /// Bytes that are complete and may be read.
    committed: AtomicU64,
    first_ns: AtomicU64,
    last_ns: AtomicU64,
    /// A blocked Bloom filter of the flows in here: two bits of one word for each flow.
    filter: Box<[AtomicU64]>,
}

/// The sole right to write to some [`Blocks`].
#[derive(Debug)]
pub(crate) struct BlockWriter {
    blocks: Arc<Blocks>,
    /// Every block but the spare, the oldest in front, the current one last.
    order: VecDeque<u32>,
    /// Taken ahead of need, so that a full block is followed at once whatever readers do.
    spare: Option<u32>,
    current: u32,
    /// Where the current block begins in the memory.
    start: usize,
    block_bytes: usize,
    serial: u64,
    offset: usize,
    /// Up to where in the current block the processor was told to fetch lines.
    fetched: usize,
    first_ns: u64,
    last_ns: u64,
}

/// A block held in place: it cannot be recycled before this is dropped.
#[derive(Debug)]
pub(crate) struct Pinned<'a> {
    blocks: &'a Blocks,
    index: usize,
    committed: usize,
    serial: u64,
}

impl Blocks {
    /// `count` blocks of `2^shift` bytes, at least [`MIN_BLOCKS`], and the right to write them.
    pub(crate) fn new(
        count: usize,
        shift: u32,
        lock: bool,
    ) -> io::Result<(Arc<Self>, BlockWriter)> {
        debug_assert!(count >= MIN_BLOCKS && u32::try_from(count).is_ok());
        let bytes = count
            .checked_mul(1 << shift)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "ring size out of range"))?;
        let filter_words = ((1_usize << shift) / FILTER_SHARE / 8).next_power_of_two();
        let blocks = Arc::new(Self {
            memory: Memory::new(bytes, lock)?,
            shadow: Shadow::new(bytes),
            shift,
            states: (0..count).map(|_| BlockState::new(filter_words)).collect(),
            by_serial: (0..(2 * count).next_power_of_two()).map(|_| AtomicU32::new(0)).collect(),
            newest: AtomicU64::new(0),
        });
        let order = (0..count as u32).collect();
        let writer = BlockWriter {
            blocks: Arc::clone(&blocks),
            order,
            spare: None,
            current: 0,
            start: 0,
            block_bytes: 1 << shift,
            serial: 0,
            offset: 1 << shift,
            fetched: 0,
            first_ns: u64::MAX,
            last_ns: 0,
        };
        Ok((blocks, writer))
    }

    pub(crate) fn shift(&self) -> u32 {
        self.shift
    }

    pub(crate) fn count(&self) -> usize {
        self.states.len()
    }

    /// Serials that may still be readable, oldest first. Empty before the first record.
    pub(crate) fn serials(&self) -> std::ops::RangeInclusive<u64> {
        let newest = self.newest.load(Ordering::Acquire);
        // A pinned block can outlive its turn, but never by more than `by_serial` remembers.
        let oldest = newest.saturating_sub(self.by_serial.len() as u64 - 1).max(1);
        oldest..=newest
    }

    /// Holds the block with this serial in place, or `None` when it has been recycled.
    ///
    /// Two atomic operations, and no waiting: a pin lost to the writer is `None`, one that meets
    /// other readers is tried again at once.
    pub(crate) fn pin(&self, serial: u64) -> Option<Pinned<'_>> {
        let slot = serial as usize & (self.by_serial.len() - 1);
        let index = self.by_serial[slot].load(Ordering::Acquire) as usize;
        let block = &self.states[index];
        let mut seen = block.state.load(Ordering::Relaxed);
        loop {
            if seen >> PIN_BITS != serial << 1 || seen & PIN_MASK == PIN_MASK {
                return None;
            }
            // Acquire: partner of the Release in `open`, through which we see the block emptied.
            match block.state.compare_exchange_weak(
                seen,
                seen + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        // Acquire: partner of the Release in `commit`.
        let committed = block.committed.load(Ordering::Acquire) as usize;
        Some(Pinned { blocks: self, index, committed, serial })
    }

    /// Pins held at this moment, over all blocks.
    pub(crate) fn pins(&self) -> u64 {
        self.states.iter().map(|b| b.state.load(Ordering::Relaxed) & PIN_MASK).sum()
    }

    /// Takes a block out of the readers' reach; false while somebody has it pinned.
    fn take(&self, index: u32) -> bool {
        let state = &self.states[index as usize].state;
        // Read by modifying: a plain load may be stale and show a hold that was given back, which
        // would cost a record when it is the last block to ask (loom found that).
        let seen = state.fetch_add(0, Ordering::Relaxed);
        if seen >> PIN_BITS & 1 == 1 {
            return true;
        }
        // Acquire: partner of the Release in `Pinned::drop`: the last reader has finished.
        seen & PIN_MASK == 0
            && state
                .compare_exchange(seen, seen | TAKEN, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }
}

impl BlockState {
    fn new(filter_words: usize) -> Self {
        Self {
            state: CachePadded::new(AtomicU64::new(TAKEN)),
            committed: AtomicU64::new(0),
            first_ns: AtomicU64::new(u64::MAX),
            last_ns: AtomicU64::new(0),
            filter: (0..filter_words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    #[inline]
    fn filter_bits(&self, flow: u64) -> (&AtomicU64, u64) {
        let word = (flow >> 40) as usize & (self.filter.len() - 1);
        (&self.filter[word], 1 << (flow >> 28 & 63) | 1 << (flow >> 34 & 63))
    }
}

impl BlockWriter {
    /// Makes room for `len` bytes in one piece, moving to the next block when this one is full.
    ///
    /// False when there is no next block because readers hold every one of them.
    #[inline]
    pub(crate) fn reserve(&mut self, len: usize) -> bool {
        debug_assert!(len <= self.block_bytes);
        self.offset + len <= self.block_bytes || self.open()
    }

    /// Serial of the block that the next bytes go to, and their offset in it.
    #[inline]
    pub(crate) fn place(&self) -> (u64, usize) {
        (self.serial, self.offset)
    }

    /// Copies bytes to `after` bytes behind the place that [`reserve`](Self::reserve) made room at.
    /// They stay invisible until [`commit`](Self::commit).
    ///
    /// # Panics
    ///
    /// When they would end outside of the block.
    #[inline]
    pub(crate) fn copy(&mut self, after: usize, bytes: &[u8]) {
        let room = self.block_bytes.checked_sub(self.offset + after);
        assert!(room.is_some_and(|room| bytes.len() <= room), "reserved too little");
        let at = self.start + self.offset + after;
        self.blocks.shadow.write(at, bytes.len());
        // SAFETY: the target lies inside the arena: `start` is where block `current` begins, and the
        // bytes end within its size (asserted; `offset` is a whole block before the first `open`, so
        // that nothing fits). Nobody reads these bytes: `current` was taken by `open` when it had no
        // pins, readers borrow only below `committed`, and `offset` is never below `committed`.
        // Nobody else writes them: there is one writer for each arena, and this is `&mut` of it.
        unsafe {
            let target = self.blocks.memory.base().as_ptr().add(at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
    }

    /// Has the lines behind the next `len` bytes on their way before they are written: a ring larger
    /// than the near caches meets every line cold, and a store that misses holds up the ones behind
    /// it. This halves the time of a push there (`benches/RESULTS.md`).
    #[inline]
    pub(crate) fn fetch_ahead(&mut self, len: usize) {
        let until = (self.offset + len + FETCH_AHEAD).min(self.block_bytes);
        let mut at = self.fetched.max(self.offset + len);
        while at < until {
            self.blocks.memory.fetch(self.start + at);
            at += CACHE_LINE;
        }
        self.fetched = at;
    }

    /// Publishes the next `len` bytes, a multiple of eight, as one record of `flow` seen at `at_ns`.
    /// All of them were copied, or are padding.
    #[inline]
    pub(crate) fn commit(&mut self, len: usize, flow: u64, at_ns: u64) {
        let block = &self.blocks.states[self.current as usize];
        // Relaxed throughout: there is one writer, and `committed` publishes them.
        if at_ns > self.last_ns {
            self.last_ns = at_ns;
            block.last_ns.store(at_ns, Ordering::Relaxed);
        }
        if at_ns < self.first_ns {
            self.first_ns = at_ns;
            block.first_ns.store(at_ns, Ordering::Relaxed);
        }
        let (word, bits) = block.filter_bits(flow);
        word.store(word.load(Ordering::Relaxed) | bits, Ordering::Relaxed);
        self.offset += len;
        // Release: partner of the Acquire in `pin`.
        block.committed.store(self.offset as u64, Ordering::Release);
    }

    /// Moves to the spare block and takes the oldest free one as the next spare.
    #[cold]
    fn open(&mut self) -> bool {
        let Some(index) = self.spare.take().or_else(|| self.take_oldest()) else {
            return false;
        };
        let block = &self.blocks.states[index as usize];
        // Relaxed: published by the Release store of `state` below.
        block.committed.store(0, Ordering::Relaxed);
        block.first_ns.store(u64::MAX, Ordering::Relaxed);
        block.last_ns.store(0, Ordering::Relaxed);
        for word in &block.filter {
            word.store(0, Ordering::Relaxed);
        }
        self.serial += 1;
        self.current = index;
        self.start = (index as usize) << self.blocks.shift;
        self.order.push_back(index);
        (self.offset, self.fetched, self.first_ns, self.last_ns) = (0, 0, u64::MAX, 0);
        let slot = self.serial as usize & (self.blocks.by_serial.len() - 1);
        // Release: partners of the Acquire loads in `pin` and `serials`.
        block.state.store(self.serial << 1 << PIN_BITS, Ordering::Release);
        self.blocks.by_serial[slot].store(index, Ordering::Release);
        self.blocks.newest.store(self.serial, Ordering::Release);
        self.spare = self.take_oldest();
        true
    }

    /// The oldest block that nobody has pinned, now out of the readers' reach. Never the current.
    fn take_oldest(&mut self) -> Option<u32> {
        let candidates = self.order.len() - usize::from(self.serial != 0);
        let free = (0..candidates).find(|&i| self.blocks.take(self.order[i]))?;
        self.order.remove(free)
    }
}

impl<'a> Pinned<'a> {
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Every complete record of the block at the time it was pinned.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let at = self.index << self.blocks.shift;
        self.blocks.shadow.read(at, self.committed);
        // SAFETY: the range lies inside the arena, which lives as long as `blocks`, and is
        // initialised (`Memory` is zeroed). No byte of it changes while the pin is held: the
        // writer copies only at or above `committed`, and starts over in this block only after
        // `take`, which fails while the pin count is not zero. The Acquire load of `committed`
        // made the writes that it covers visible here.
        unsafe {
            let start = self.blocks.memory.base().as_ptr().add(at);
            std::slice::from_raw_parts(start, self.committed)
        }
    }

    /// The earliest and latest timestamp in the block; `None` while it is empty.
    pub(crate) fn times_ns(&self) -> Option<(u64, u64)> {
        // Relaxed: ordered by the Acquire of `committed`; a newer value only widens the range.
        let first = self.state().first_ns.load(Ordering::Relaxed);
        let last = self.state().last_ns.load(Ordering::Relaxed);
        (first <= last).then_some((first, last))
    }

    /// False when the block surely holds no record of this flow.
    #[inline]
    pub(crate) fn may_hold(&self, flow: u64) -> bool {
        let (word, bits) = self.state().filter_bits(flow);
        // Relaxed: ordered by the Acquire of `committed`.
        word.load(Ordering::Relaxed) & bits == bits
    }

    fn state(&self) -> &'a BlockState {
        &self.blocks.states[self.index]
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        // Release: partner of the Acquire in `take`: our reads are over.
        self.state().state.fetch_sub(1, Ordering::Release);
    }
}

/// A current block, a spare, and one that is history.
pub(crate) const MIN_BLOCKS: usize = 3;

/// Pins are counted in the low bits of the state: 65,535 readers may hold one block.
const PIN_BITS: u32 = 16;
const PIN_MASK: u64 = (1 << PIN_BITS) - 1;
/// The generation is odd: the writer has the block for itself.
const TAKEN: u64 = 1 << PIN_BITS;

/// Chosen by measuring 1, 2, 4 and 8 KiB: from 2 KiB on, all are alike.
const FETCH_AHEAD: usize = 4096;
const CACHE_LINE: usize = 64;

/// One byte of filter for so many bytes of block (2 KiB in 1 MiB): with 700 packets of 1,500 bytes
/// in a block, it passes a foreign flow about once in a hundred.
const FILTER_SHARE: usize = 512;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn write(writer: &mut BlockWriter, flow: u64, bytes: &[u8]) -> Option<(u64, usize)> {
        writer.reserve(bytes.len().next_multiple_of(8)).then(|| {
            let place = writer.place();
            writer.copy(0, bytes);
            writer.commit(bytes.len().next_multiple_of(8), flow, place.1 as u64);
            place
        })
    }

    #[test]
    fn what_is_committed_can_be_read_and_what_is_not_cannot() {
        let (blocks, mut writer) = Blocks::new(3, 12, false).expect("12 KiB");
        assert!(blocks.serials().is_empty());
        write(&mut writer, 1, b"abcdefgh");
        writer.copy(0, b"not yet!");
        let pin = blocks.pin(1).expect("the first block");
        assert_eq!(pin.bytes(), b"abcdefgh");
        writer.commit(8, 1, 9);
        assert_eq!(pin.bytes(), b"abcdefgh", "a pin sees what was there when it was taken");
        let pin = blocks.pin(1).expect("still the first block");
        assert_eq!(pin.bytes(), b"abcdefghnot yet!");
        assert_eq!(pin.times_ns(), Some((0, 9)));
    }

    #[test]
    fn a_pinned_block_is_stepped_over_and_the_writer_goes_on() {
        let (blocks, mut writer) = Blocks::new(4, 12, false).expect("16 KiB");
        let page = [7; 4096];
        write(&mut writer, 1, &page);
        let pin = blocks.pin(1).expect("the first block");
        for _ in 0..40 {
            assert!(write(&mut writer, 2, &[9; 4096]).is_some());
        }
        assert_eq!(pin.bytes(), page);
        assert_eq!(blocks.pins(), 1);
        drop(pin);
        assert_eq!(blocks.pins(), 0);
        assert!(blocks.pin(40).is_some(), "the one before the newest is still there");
    }

    #[test]
    fn with_every_block_pinned_the_writer_is_told_and_recovers() {
        let (blocks, mut writer) = Blocks::new(3, 12, false).expect("12 KiB");
        let mut pins = Vec::new();
        while write(&mut writer, 1, &[1; 4096]).is_some() {
            pins.push(blocks.pin(writer.serial).expect("just written"));
        }
        assert_eq!(pins.len(), 3);
        pins.remove(0);
        assert!(write(&mut writer, 1, &[2; 4096]).is_some());
    }

    #[test]
    fn a_recycled_serial_is_gone_for_ever() {
        let (blocks, mut writer) = Blocks::new(3, 12, false).expect("12 KiB");
        for _ in 0..10 {
            write(&mut writer, 1, &[1; 4096]);
        }
        assert!(blocks.pin(1).is_none());
        assert!(blocks.pin(0).is_none());
        assert!(blocks.pin(11).is_none(), "not written yet");
    }

    #[test]
    fn the_filter_knows_the_flows_of_its_block() {
        let (blocks, mut writer) = Blocks::new(3, 16, false).expect("192 KiB");
        let flow = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for i in 0..40 {
            write(&mut writer, flow(i), &[0; 1000]);
        }
        let pin = blocks.pin(1).expect("the first block");
        assert!((0..40).all(|i| pin.may_hold(flow(i))));
        let passed = (1_000..2_000).filter(|&i| pin.may_hold(flow(i))).count();
        assert!(passed < 50, "{passed} of 1000 foreign flows passed");
    }
}
