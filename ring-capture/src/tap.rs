//! The packet front end of a producer: finds each frame's flow and pushes it.

use crate::frame::Frame;
use crate::packet::Packet;
use crate::position::Position;
use crate::record::Meta;
use crate::ring::{Producer, PushError};

/// A producer that takes frames.
///
/// The record's user word is the frame's link type, so that what comes out of the ring can be
/// parsed again. A frame without a flow (ARP, say) is kept under flow 0.
#[derive(Debug)]
pub struct Tap {
    producer: Producer,
}

impl Tap {
    /// Feeds this producer.
    pub fn new(producer: Producer) -> Self {
        Self { producer }
    }

    /// Puts a frame into the ring, cut to the longest record that fits.
    ///
    /// One pass over the headers, one copy of the bytes, no allocation.
    ///
    /// # Errors
    ///
    /// When readers hold every block ([`PushError::AllPinned`]).
    #[inline]
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Position, PushError> {
        let seed = self.producer.seed();
        let flow = Packet::parse(frame.link, frame.bytes).map_or(0, |p| p.flow.hash(seed));
        self.push_as(flow, frame)
    }

    /// [`push`](Self::push) for a caller that knows the flow's hash already.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    #[inline]
    pub fn push_as(&mut self, flow: u64, frame: &Frame<'_>) -> Result<Position, PushError> {
        let meta = Meta {
            timestamp_ns: frame.timestamp_ns,
            original_len: frame.original_len,
            flow,
            user: u32::from(frame.link.number()),
            interface: frame.interface,
            direction: frame.direction,
        };
        let len = frame.bytes.len().min(self.producer.max_record_bytes());
        self.producer.push(&meta, &frame.bytes[..len])
    }
}
