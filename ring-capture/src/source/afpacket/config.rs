//! What to capture, and how.

use std::time::Duration;

use crate::filter::Filter;

/// What to capture and how much the kernel may buffer.
///
/// ```
/// use ring_capture::afpacket::{Fanout, FanoutMode, SocketConfig};
/// let config = SocketConfig::new("lo").incoming_only(true).fanout(Fanout::new(FanoutMode::Hash));
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
pub struct SocketConfig {
    pub(super) interface: String,
    pub(super) number: u16,
    pub(super) block_bytes: u32,
    pub(super) blocks: u32,
    pub(super) retire: Duration,
    pub(super) incoming_only: bool,
    pub(super) promiscuous: bool,
    pub(super) fanout: Option<Fanout>,
    pub(super) filter: Option<Filter>,
}

impl SocketConfig {
    /// Captures on the interface of this name.
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: interface.into(),
            number: 0,
            block_bytes: 1 << 20,
            blocks: 32,
            retire: Duration::from_millis(20),
            incoming_only: false,
            promiscuous: false,
            fanout: None,
            filter: None,
        }
    }

    /// The number that [`Frame::interface`](crate::Frame::interface) carries: default 0.
    pub fn number(mut self, number: u16) -> Self {
        self.number = number;
        self
    }

    /// Blocks of the kernel's buffer and the bytes of one: default 32 of 1 MiB. Frames of 64 KiB
    /// (segmentation offload on loopback) want blocks of 1 MiB at least.
    pub fn buffer(mut self, blocks: u32, block_bytes: u32) -> Self {
        (self.blocks, self.block_bytes) = (blocks, block_bytes);
        self
    }

    /// How long the kernel may keep a block that is not full: default 20 ms, at least 1 ms.
    pub fn retire(mut self, after: Duration) -> Self {
        self.retire = after;
        self
    }

    /// Leave out what this host sends: default off. On loopback each packet is seen twice, once
    /// going out and once coming in; with this, once.
    pub fn incoming_only(mut self, only: bool) -> Self {
        self.incoming_only = only;
        self
    }

    /// Receive what is addressed to other hosts as well: default off. The interface returns to what
    /// it was when the last socket that asked is closed.
    pub fn promiscuous(mut self, promiscuous: bool) -> Self {
        self.promiscuous = promiscuous;
        self
    }

    /// Share the packets with the other sockets of a group, each packet going to one: default alone.
    pub fn fanout(mut self, fanout: Fanout) -> Self {
        self.fanout = Some(fanout);
        self
    }

    /// Receive only what matches: the kernel decides, before a packet is copied.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// How the sockets of a group share packets (PACKET_FANOUT, packet(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fanout {
    pub(super) group: Option<u16>,
    pub(super) mode: FanoutMode,
    pub(super) rollover: bool,
}

/// Which socket of a group a packet goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FanoutMode {
    /// The one its flow's hash says, both directions the same one.
    #[default]
    Hash,
    /// Each in turn.
    LoadBalance,
    /// The one of the processor that received it.
    Cpu,
}

impl Fanout {
    /// A group of its own, without rollover.
    pub fn new(mode: FanoutMode) -> Self {
        Self { group: None, mode, rollover: false }
    }

    /// The group's number, the same for all of its sockets in a network namespace: default one that
    /// nobody uses. Sockets that name a group share with whoever else does, in other processes too.
    pub fn group(mut self, number: u16) -> Self {
        self.group = Some(number);
        self
    }

    /// Packets of a socket whose buffer is full go to another one rather than be dropped: default
    /// off. A flow may then be in two producers, and is extracted from both.
    pub fn rollover(mut self, rollover: bool) -> Self {
        self.rollover = rollover;
        self
    }
}

impl Default for Fanout {
    /// By flow, with rollover.
    fn default() -> Self {
        Self::new(FanoutMode::Hash).rollover(true)
    }
}
