//! Where a record lies, for ever: positions only grow and are never used twice.

/// A record's place in the order of all producers: by time, then producer, then position.
///
/// Sorting what several [`extract_after`](crate::Ring::extract_after) gave by this gives the order
/// in which one [`extract`](crate::Ring::extract) would have given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its timestamp: Unix nanoseconds.
    pub at_ns: u64,
    /// The producer that pushed it, counted from 0.
    pub producer: u16,
    /// Where it lies in that producer's stream.
    pub position: Position,
    /// Bytes stored of it.
    pub len: u32,
}

/// The place of a record in the stream of one producer.
///
/// A position is the block's serial number (counted from 1 over the producer's whole life) and the
/// record's offset in that block, in one word. Later records have larger positions; a position
/// whose block has been recycled is recognised as stale and never read as something else, because
/// serials do not repeat: 47 bits of serial are 2⁴⁷ blocks, over four hundred thousand years of
/// 10 GB/s into blocks of 1 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    pub(crate) const fn new(serial: u64, offset: usize, block_shift: u32) -> Self {
        Self(serial << block_shift | offset as u64)
    }

    /// A link as stored in a record: zero means "no earlier record".
    pub(crate) const fn from_link(word: u64) -> Option<Self> {
        if word == 0 { None } else { Some(Self(word)) }
    }

    pub(crate) const fn link(self) -> u64 {
        self.0
    }

    pub(crate) const fn serial(self, block_shift: u32) -> u64 {
        self.0 >> block_shift
    }

    pub(crate) const fn offset(self, block_shift: u32) -> usize {
        (self.0 & ((1 << block_shift) - 1)) as usize
    }
}
