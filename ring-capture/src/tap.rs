//! The packet front end of a producer: finds each frame's flow and pushes it.

use crate::frame::Frame;
use crate::packet::{Packet, Parser};
use crate::position::Position;
use crate::record::Meta;
use crate::ring::{Producer, PushError};
use crate::snaplen::{Snaplen, Whole};

/// A producer that takes frames, and keeps as much of each as a [`Snaplen`] says: all, by default.
///
/// The record's user word is the frame's link type, so that what comes out of the ring can be
/// parsed again. A frame without a flow (ARP, say) is kept under flow 0.
#[derive(Debug)]
pub struct Tap<S = Whole> {
    producer: Producer,
    parser: Parser,
    snaplen: S,
}

impl Tap {
    /// Feeds this producer, with frames as long as they come.
    pub fn new(producer: Producer) -> Self {
        Self::with_snaplen(producer, Whole)
    }
}

impl<S: Snaplen> Tap<S> {
    /// Feeds this producer, with as much of each frame as the policy keeps.
    pub fn with_snaplen(producer: Producer, snaplen: S) -> Tap<S> {
        Tap { producer, parser: Parser::default(), snaplen }
    }

    /// How frames are read: by default, tunnels are left alone.
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// Puts a frame into the ring, cut as the policy says and to the longest record that fits.
    ///
    /// One pass over the headers, one copy of the bytes, no allocation.
    ///
    /// # Errors
    ///
    /// When readers hold every block ([`PushError::AllPinned`]).
    #[inline]
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Position, PushError> {
        let packet = self.parser.parse(frame.link, frame.bytes);
        self.push_parsed(packet.as_ref(), frame)
    }

    /// Puts every frame of any source into the ring, and says how many were not taken. What refused
    /// them is counted by the ring ([`Stats`](crate::Stats)).
    ///
    /// ```
    /// use ring_capture::{Config, Direction, Frame, LinkType, Ring, Tap};
    ///
    /// let (ring, mut producers) = Ring::new(&Config::default().bytes(4 << 20))?;
    /// let lines = ["a line", "and another"];
    /// let frames = (1..).zip(lines).map(|(at, line)| Frame {
    ///     timestamp_ns: at,
    ///     original_len: line.len() as u32,
    ///     link: LinkType::Raw,
    ///     interface: 0,
    ///     direction: Direction::Unknown,
    ///     bytes: line.as_bytes(),
    /// });
    /// assert_eq!(Tap::new(producers.remove(0)).push_all(frames), 0);
    /// assert_eq!(ring.stats().pushed, 2);
    /// # Ok::<(), ring_capture::ConfigError>(())
    /// ```
    pub fn push_all<'f>(&mut self, frames: impl IntoIterator<Item = Frame<'f>>) -> u64 {
        let refused = frames.into_iter().filter(|frame| self.push(frame).is_err());
        refused.count() as u64
    }

    /// [`push`](Self::push) for a caller that has parsed the frame already; `None` is for one
    /// without a flow.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    #[inline]
    pub fn push_parsed(
        &mut self,
        packet: Option<&Packet>,
        frame: &Frame<'_>,
    ) -> Result<Position, PushError> {
        let flow = packet.map_or(0, |p| p.flow.hash(self.producer.seed()));
        let keep = self.snaplen.keep(packet, flow, frame);
        self.push_cut(flow, keep, frame)
    }

    /// [`push`](Self::push) for a caller that knows the flow's hash and nothing else: the policy is
    /// asked as for a frame without a flow.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    #[inline]
    pub fn push_as(&mut self, flow: u64, frame: &Frame<'_>) -> Result<Position, PushError> {
        let keep = self.snaplen.keep(None, flow, frame);
        self.push_cut(flow, keep, frame)
    }

    #[inline]
    fn push_cut(
        &mut self,
        flow: u64,
        keep: usize,
        frame: &Frame<'_>,
    ) -> Result<Position, PushError> {
        let meta = Meta {
            timestamp_ns: frame.timestamp_ns,
            original_len: frame.original_len.max(frame.bytes.len() as u32),
            flow,
            user: u32::from(frame.link.number()),
            interface: frame.interface,
            direction: frame.direction,
        };
        let len = frame.bytes.len().min(keep).min(self.producer.max_record_bytes());
        self.producer.push(&meta, &frame.bytes[..len])
    }
}
