//! A Linux packet socket with a ring shared with the kernel (TPACKET_V3, packet(7)).
//!
//! One system call a wait, none a packet: the kernel fills blocks of shared memory and hands them
//! over whole. Needs CAP_NET_RAW in the network namespace at [`PacketSocket::open`]; nothing after.

mod walk;
mod socket;
mod blocks;

use std::io;
use std::time::Duration;

use crate::filter::{CompileError, Filter};
use crate::frame::Frame;
use crate::packet::LinkType;
use crate::record::Direction;
use blocks::Mapped;
use socket::Socket;

/// What to capture and how much the kernel may buffer.
///
/// ```
/// use ring_capture::afpacket::SocketConfig;
/// let config = SocketConfig::new("lo").incoming_only(true);
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
pub struct SocketConfig {
    interface: String,
    number: u16,
    block_bytes: u32,
    blocks: u32,
    retire: Duration,
    incoming_only: bool,
    filter: Option<Filter>,
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
            filter: None,
        }
    }

    /// The number that [`Frame::interface`] carries: default 0.
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

    /// Receive only what matches: the kernel decides, before a packet is copied.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// Why a packet socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The kernel wants CAP_NET_RAW.
    #[error("capturing needs CAP_NET_RAW: run as root, or `setcap cap_net_raw+ep` the binary")]
    NotPermitted(#[source] io::Error),
    /// There is no interface of this name.
    #[error("no interface named {0:?}; `ip link` lists them")]
    NoInterface(String),
    /// The interface is neither Ethernet nor loopback nor plain IP.
    #[error("interface {interface:?} has hardware type {hardware}, which is not supported")]
    UnknownLink {
        /// Its name.
        interface: String,
        /// `ARPHRD_*`.
        hardware: u16,
    },
    /// The filter cannot be compiled for this interface.
    #[error("the filter does not fit the interface")]
    Filter(#[from] CompileError),
    /// A call failed; its name says which.
    #[error("{call} failed")]
    Call {
        /// The system call or socket option.
        call: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotPermitted(_) => "not_permitted",
            Self::NoInterface(_) => "no_interface",
            Self::UnknownLink { .. } => "unknown_link",
            Self::Filter(error) => error.label(),
            Self::Call { .. } => "call",
        }
    }
}

/// What the kernel counted since the socket was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelStats {
    /// Packets that passed the filter, those dropped included.
    pub packets: u64,
    /// Of them, dropped because no block was free.
    pub dropped: u64,
    /// Times the kernel found every block taken and stood still.
    pub freezes: u64,
}

/// An open packet socket.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
    mapped: Mapped,
    next: usize,
    number: u16,
    link: LinkType,
    incoming_only: bool,
    stats: KernelStats,
}

impl PacketSocket {
    /// Opens, maps and binds. Packets are received from now on.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: without privilege, for an unknown interface, or when the kernel refuses
    /// the buffer.
    pub fn open(config: &SocketConfig) -> Result<Self, OpenError> {
        let socket = Socket::new()?;
        let interface = socket.find(&config.interface)?;
        if config.incoming_only {
            // Linux 4.20; before it, `incoming_only` is kept below, packet by packet.
            socket.ignore_outgoing();
        }
        let retire_ms = config.retire.as_millis().clamp(1, 10_000) as u32;
        socket.request_ring(config.block_bytes, config.blocks, retire_ms)?;
        let mapped = Mapped::new(&socket, config.blocks as usize, config.block_bytes as usize)
            .map_err(|source| OpenError::Call { call: "mmap", source })?;
        if let Some(filter) = &config.filter {
            // Before `bind`, so that nothing else is ever received.
            socket.attach(&filter.compile(interface.link, WHOLE_FRAMES)?)?;
        }
        socket.bind(interface.index)?;
        Ok(Self {
            socket,
            mapped,
            next: 0,
            number: config.number,
            link: interface.link,
            incoming_only: config.incoming_only,
            stats: KernelStats::default(),
        })
    }

    /// Receives only what matches from now on. Packets already handed over by the kernel may be of
    /// another mind.
    ///
    /// # Errors
    ///
    /// When the filter cannot be compiled for this interface, or the kernel refuses it.
    pub fn set_filter(&mut self, filter: &Filter) -> Result<(), OpenError> {
        self.socket.attach(&filter.compile(self.link, WHOLE_FRAMES)?)
    }

    /// What its frames start with.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Waits for packets up to `timeout`, hands each to `take`, gives the memory back to the
    /// kernel. Returns how many there were: 0 after a time-out or a signal.
    ///
    /// # Errors
    ///
    /// When the interface is down (`NetworkDown`) or gone.
    pub fn poll(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(&Frame<'_>),
    ) -> io::Result<usize> {
        let mut packets = 0;
        if !self.mapped.ready(self.next) {
            self.socket.wait(timeout)?;
        }
        // At most one round, so that a flood cannot keep the caller here for ever.
        for _ in 0..self.mapped.count() {
            let Some(mut block) = self.mapped.take(self.next) else { break };
            while let Some(packet) = block.next() {
                let direction = match packet.outgoing {
                    true if self.incoming_only => continue,
                    true => Direction::Outbound,
                    false => Direction::Inbound,
                };
                packets += 1;
                take(&Frame {
                    timestamp_ns: packet.timestamp_ns,
                    original_len: packet.original_len,
                    link: self.link,
                    interface: self.number,
                    direction,
                    bytes: packet.bytes,
                });
            }
            drop(block);
            self.next = (self.next + 1) % self.mapped.count();
        }
        Ok(packets)
    }

    /// Counts since the socket was opened: one system call.
    ///
    /// # Errors
    ///
    /// What `getsockopt` says.
    pub fn stats(&mut self) -> io::Result<KernelStats> {
        let fresh = self.socket.statistics()?;
        self.stats.packets += fresh.packets;
        self.stats.dropped += fresh.dropped;
        self.stats.freezes += fresh.freezes;
        Ok(self.stats)
    }
}

/// The snaplen that cuts nothing: a quarter of a mebibyte, as tcpdump has it.
const WHOLE_FRAMES: u32 = 256 << 10;
