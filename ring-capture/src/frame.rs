//! A frame as a source sees it, before it is in the ring.

use crate::packet::LinkType;
use crate::record::Direction;

/// One captured frame, borrowed from whatever captured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When: Unix nanoseconds.
    pub timestamp_ns: u64,
    /// Its length before anything was cut off.
    pub original_len: u32,
    /// What it starts with.
    pub link: LinkType,
    /// The source's number of the interface.
    pub interface: u16,
    /// Which way it went.
    pub direction: Direction,
    /// What was captured.
    pub bytes: &'a [u8],
}
