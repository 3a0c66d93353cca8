//! A record: a header of 40 bytes and the framed bytes, as they lie in a block.

use crate::position::Link;

/// What the writer says of a record besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// When it was seen: Unix nanoseconds.
    pub timestamp_ns: u64,
    /// Bytes it had before it was cut to what is stored (for a packet: its length on the wire).
    /// Raised to the stored length when smaller.
    pub original_len: u32,
    /// What it belongs to: [`FlowKey::hash`](crate::FlowKey::hash) for packets, any well-mixed
    /// 64-bit hash for something else.
    pub flow: u64,
    /// The caller's own word, given back untouched.
    pub user: u32,
    /// The caller's number of the interface (or stream) it was seen on.
    pub interface: u16,
    /// Which way it went.
    pub direction: Direction,
}

/// Which way a packet crossed the interface, as far as the source knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The source does not say.
    #[default]
    Unknown,
    /// It arrived.
    Inbound,
    /// It was sent.
    Outbound,
}

/// A record borrowed from the ring: valid until the reader moves on.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What the writer said.
    pub meta: Meta,
    /// The stored bytes.
    pub bytes: &'a [u8],
}

/// The fixed part before the bytes of each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) meta: Meta,
    pub(crate) captured: u32,
    /// To the previous record whose flow falls into the same bucket.
    pub(crate) prev: Link,
    /// To the newest record of that bucket in an older block: the way past a block without our flow.
    pub(crate) skip: Link,
}

impl Header {
    pub(crate) const BYTES: usize = 40;

    /// The length takes three bytes, the direction the fourth: records have at most 256 KiB.
    #[inline]
    pub(crate) fn encode(&self) -> [u8; Self::BYTES] {
        let m = &self.meta;
        let mut out = [0; Self::BYTES];
        let first = self.captured | u32::from(m.direction as u8) << LENGTH_BITS;
        out[0..4].copy_from_slice(&first.to_ne_bytes());
        out[4..8].copy_from_slice(&m.original_len.max(self.captured).to_ne_bytes());
        out[8..16].copy_from_slice(&m.timestamp_ns.to_ne_bytes());
        out[16..24].copy_from_slice(&m.flow.to_ne_bytes());
        out[24..28].copy_from_slice(&self.prev.0.to_ne_bytes());
        out[28..32].copy_from_slice(&self.skip.0.to_ne_bytes());
        out[32..36].copy_from_slice(&m.user.to_ne_bytes());
        out[36..38].copy_from_slice(&m.interface.to_ne_bytes());
        out
    }

    /// The header at the front of `bytes`; `None` when they are too few.
    #[inline]
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let b: &[u8; Self::BYTES] = bytes.first_chunk()?;
        let u32_at = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let u64_at = |at: usize| {
            u64::from_ne_bytes(*b[at..].first_chunk().expect("every field lies inside the header"))
        };
        let first = u32_at(0);
        Some(Self {
            meta: Meta {
                timestamp_ns: u64_at(8),
                original_len: u32_at(4),
                flow: u64_at(16),
                user: u32_at(32),
                interface: u16::from_ne_bytes([b[36], b[37]]),
                direction: match first >> LENGTH_BITS {
                    1 => Direction::Inbound,
                    2 => Direction::Outbound,
                    _ => Direction::Unknown,
                },
            },
            captured: first & ((1 << LENGTH_BITS) - 1),
            prev: Link(u32_at(24)),
            skip: Link(u32_at(28)),
        })
    }

    /// Bytes a record of `len` stored bytes takes in a block, padding included.
    #[inline]
    pub(crate) const fn record_bytes(len: usize) -> usize {
        Self::BYTES + len.next_multiple_of(8)
    }
}

const LENGTH_BITS: u32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_trip() {
        let header = Header {
            meta: Meta {
                timestamp_ns: 1_700_000_000_123_456_789,
                original_len: 300_000,
                flow: 0xfeed_f00d_dead_beef,
                user: 7,
                interface: 3,
                direction: Direction::Outbound,
            },
            captured: 256 << 10,
            prev: Link(1 << 31 | 5),
            skip: Link::TOO_FAR,
        };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(Header::decode(&header.encode()[..39]), None);
    }

    #[test]
    fn the_original_is_never_shorter_than_what_is_stored() {
        let header =
            Header { meta: Meta::default(), captured: 60, prev: Link::START, skip: Link::START };
        assert_eq!(Header::decode(&header.encode()).map(|h| h.meta.original_len), Some(60));
    }
}
