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

    /// A position as one word of the index: zero means "no record".
    pub(crate) const fn from_word(word: u64) -> Option<Self> {
        if word == 0 { None } else { Some(Self(word)) }
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// What a record here stores to lead back to `older`, the word of an earlier position.
    #[inline]
    pub(crate) const fn link_to(self, older: u64) -> Link {
        if older == 0 {
            return Link::START;
        }
        let distance = (self.0 - older) / UNIT;
        if distance < Link::TOO_FAR.0 as u64 { Link(distance as u32) } else { Link::TOO_FAR }
    }

    /// Where a link stored here leads.
    #[inline]
    pub(crate) fn follow(self, link: Link) -> Older {
        match link {
            Link::START => Older::None,
            Link::TOO_FAR => Older::TooFar,
            Link(distance) => match self.0.checked_sub(u64::from(distance) * UNIT) {
                None | Some(0) => Older::None,
                Some(older) => Older::At(Self(older)),
            },
        }
    }

    pub(crate) const fn serial(self, block_shift: u32) -> u64 {
        self.0 >> block_shift
    }

    pub(crate) const fn offset(self, block_shift: u32) -> usize {
        (self.0 & ((1 << block_shift) - 1)) as usize
    }
}

/// From a record to an older one of the same producer: a distance in units of eight bytes, which
/// is how records are aligned. Half the size of a position, and a link that is read always leads
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) u32);

impl Link {
    /// There is no older record.
    pub(crate) const START: Self = Self(0);
    /// 32 GiB back or more.
    pub(crate) const TOO_FAR: Self = Self(u32::MAX);
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Older {
    /// Nothing: this record is the first.
    None,
    /// A record, which may have been recycled.
    At(Position),
    /// Something that was recycled long ago, or lies beyond the reach of links.
    TooFar,
}

const UNIT: u64 = 8;

/// The most bytes of one producer that links reach over.
pub(crate) const LINK_REACH: u64 = (Link::TOO_FAR.0 as u64 - 1) * UNIT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_back_to_where_it_came_from() {
        let here = Position::new(900, 4096, 20);
        for older in [Position::new(1, 0, 20), Position::new(899, 8, 20), Position::new(900, 0, 20)]
        {
            assert_eq!(here.follow(here.link_to(older.word())), Older::At(older));
        }
        assert_eq!(here.follow(here.link_to(0)), Older::None);
    }

    #[test]
    fn what_lies_too_far_back_is_said_to_and_not_guessed() {
        let here = Position::new(1 << 20, 64, 20);
        let reach = |bytes: u64| here.follow(here.link_to(here.word() - bytes));
        assert_eq!(reach(LINK_REACH), Older::At(Position(here.0 - LINK_REACH)));
        assert_eq!(reach(LINK_REACH + UNIT), Older::TooFar);
        assert_eq!(reach(1 << 40), Older::TooFar);
    }
}
