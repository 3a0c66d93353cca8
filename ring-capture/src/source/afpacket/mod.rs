//! A Linux packet socket with a ring shared with the kernel (TPACKET_V3, packet(7)).
//!
//! One system call a wait, none a packet: the kernel fills blocks of shared memory and hands them
//! over whole. Needs CAP_NET_RAW in the network namespace at [`PacketSocket::open`] and nothing after,
//! so that privileges can be [dropped](privilege::drop_all) afterwards.
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use ring_capture::afpacket::{PacketSocket, Reopening, SocketConfig, privilege};
//! use ring_capture::{Config, Ring, Tap, TlsHandshakes};
//!
//! let sockets = PacketSocket::open_many(&SocketConfig::new("eth0"), 2)?;
//! // Before any thread is started.
//! privilege::drop_all(Some(privilege::User::named("nobody")?))?;
//! let (_ring, producers) = Ring::new(&Config::default().producers(2))?;
//! for (socket, producer) in sockets.into_iter().zip(producers) {
//!     let mut socket = Reopening::from(socket);
//!     let mut tap = Tap::with_snaplen(producer, TlsHandshakes::default());
//!     std::thread::spawn(move || -> std::io::Result<()> {
//!         loop {
//!             socket.poll(Instant::now(), Duration::from_millis(100), |frame| {
//!                 // Counted by the ring, should it fail.
//!                 let _ = tap.push(frame);
//!             })?;
//!         }
//!     });
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod fetch;
mod walk;
mod interface;
mod socket;
mod blocks;
mod reopening;
pub mod privilege;

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

pub use config::{Fanout, FanoutMode, SocketConfig};
pub use reopening::{LinkState, Reopening};

use crate::filter::{CompileError, Filter, Program};
use crate::frame::Frame;
use crate::packet::LinkType;
use crate::record::Direction;
use blocks::Mapped;
use interface::Interface;
use socket::Socket;

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

impl KernelStats {
    fn plus(&self, more: &Self) -> Self {
        Self {
            packets: self.packets + more.packets,
            dropped: self.dropped + more.dropped,
            freezes: self.freezes + more.freezes,
        }
    }
}

/// Why a packet socket has nothing to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// The interface is down. The socket needs nothing done: packets are back when the interface is.
    #[error("the interface is down")]
    Down,
    /// The interface is gone, from this network namespace at least. [`PacketSocket::rebind`] once
    /// there is another of its name, or leave it to [`Reopening`].
    #[error("the interface is gone")]
    Gone,
    /// A system call failed.
    #[error("the packet socket failed")]
    Io(#[source] io::Error),
}

impl PollError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Gone => "gone",
            Self::Io(_) => "io",
        }
    }
}

/// An open packet socket.
///
/// It belongs to the network namespace of the thread that opened it, for good.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
    mapped: Mapped,
    next: usize,
    link: LinkType,
    stats: KernelStats,
    config: SocketConfig,
}

impl PacketSocket {
    /// Opens, maps and binds. Packets are received from now on.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: without privilege, for an unknown interface, or when the kernel refuses
    /// the buffer.
    pub fn open(config: &SocketConfig) -> Result<Self, OpenError> {
        let mut config = config.clone();
        let socket = Socket::new()?;
        let Interface { index, link } = interface::find(socket.as_fd(), &config.interface)?;
        if config.incoming_only {
            // Linux 4.20; before it, `incoming_only` is kept below, packet by packet.
            socket.ignore_outgoing();
        }
        let retire_ms = config.retire.as_millis().clamp(1, 10_000) as u32;
        socket.request_ring(config.block_bytes, config.blocks, retire_ms)?;
        let mapped = Mapped::new(&socket, config.blocks as usize, config.block_bytes as usize)
            .map_err(|source| OpenError::Call { call: "mmap", source })?;
        let program = compile(config.filter.as_ref(), link)?;
        // Before `bind`, so that nothing else is ever received.
        match (config.fanout, &program) {
            // Nor what other members of the group have, before this one is a member too.
            (Some(_), _) => socket.attach_deaf()?,
            (None, Some(program)) => socket.attach(Some(program))?,
            (None, None) => {}
        }
        bind(&socket, index, &config)?;
        if let Some(fanout) = &mut config.fanout {
            fanout.group = Some(socket.join(*fanout, config.incoming_only)?);
            socket.attach(program.as_ref())?;
        }
        Ok(Self { socket, mapped, next: 0, link, stats: KernelStats::default(), config })
    }

    /// Opens `count` sockets that share the packets, for a thread each: a group as
    /// [`SocketConfig::fanout`] says, by flow with rollover unless it does.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); and where the group's number is taken for something else.
    pub fn open_many(config: &SocketConfig, count: usize) -> Result<Vec<Self>, OpenError> {
        let mut config = config.clone().fanout(config.fanout.unwrap_or_default());
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            let socket = Self::open(&config)?;
            // The first one's number is everybody's.
            config.fanout = socket.config.fanout;
            sockets.push(socket);
        }
        Ok(sockets)
    }

    /// Binds to the interface that has the name now, after the one before has [gone](PollError::Gone).
    /// Buffer, filter and counts stay; no privilege is needed. What the kernel had handed over of the
    /// old interface is to be [polled](Self::poll) before.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoInterface`] until there is one of that name. A member of a fanout group cannot
    /// be bound anew, the kernel says `EINVAL`: drop it and open another.
    pub fn rebind(&mut self) -> Result<(), OpenError> {
        let Interface { index, link } =
            interface::find(self.socket.as_fd(), &self.config.interface)?;
        if link != self.link {
            self.socket.attach(compile(self.config.filter.as_ref(), link)?.as_ref())?;
        }
        bind(&self.socket, index, &self.config)?;
        self.link = link;
        Ok(())
    }

    /// Receives only what matches from now on. Packets already handed over by the kernel may be of
    /// another mind.
    ///
    /// # Errors
    ///
    /// When the filter cannot be compiled for this interface, or the kernel refuses it.
    pub fn set_filter(&mut self, filter: &Filter) -> Result<(), OpenError> {
        self.socket.attach(compile(Some(filter), self.link)?.as_ref())?;
        self.config.filter = Some(filter.clone());
        Ok(())
    }

    /// What its frames start with.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// The number of its fanout group.
    pub fn group(&self) -> Option<u16> {
        self.config.fanout.and_then(|fanout| fanout.group)
    }

    /// Waits for packets up to `timeout`, hands each to `take`, gives the memory back to the
    /// kernel. Returns how many there were: 0 after a time-out or a signal.
    ///
    /// One system call when it has to wait, none when packets are there, three more after waiting in
    /// vain, to see why.
    ///
    /// # Errors
    ///
    /// When the interface is down or gone: at once when that happens, then after each wait in vain
    /// for as long as it lasts. Packets from before it are still to be had.
    pub fn poll(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(&Frame<'_>),
    ) -> Result<usize, PollError> {
        let mut packets = 0;
        if !self.mapped.ready(self.next) {
            self.socket.wait(timeout)?;
            if !self.mapped.ready(self.next) {
                return self.check().map(|()| 0);
            }
        }
        // At most one round, so that a flood cannot keep the caller here for ever.
        for _ in 0..self.mapped.count() {
            let Some(mut block) = self.mapped.take(self.next) else { break };
            while let Some(packet) = block.next() {
                let direction = match packet.outgoing {
                    true if self.config.incoming_only => continue,
                    true => Direction::Outbound,
                    false => Direction::Inbound,
                };
                packets += 1;
                take(&Frame {
                    timestamp_ns: packet.timestamp_ns,
                    original_len: packet.original_len,
                    link: self.link,
                    interface: self.config.number,
                    direction,
                    bytes: packet.bytes,
                });
            }
            drop(block);
            self.next = (self.next + 1) % self.mapped.count();
        }
        Ok(packets)
    }

    /// Whether the interface is there and up: three system calls.
    ///
    /// # Errors
    ///
    /// When it is not, or cannot be asked.
    pub fn check(&self) -> Result<(), PollError> {
        self.socket.check()
    }

    /// Counts since the socket was opened: one system call.
    ///
    /// # Errors
    ///
    /// What `getsockopt` says.
    pub fn stats(&mut self) -> io::Result<KernelStats> {
        self.stats = self.stats.plus(&self.socket.statistics()?);
        Ok(self.stats)
    }
}

fn compile(filter: Option<&Filter>, link: LinkType) -> Result<Option<Program>, CompileError> {
    filter.map(|filter| filter.compile(link, WHOLE_FRAMES)).transpose()
}

fn bind(socket: &Socket, index: i32, config: &SocketConfig) -> Result<(), OpenError> {
    // Between the look at its name and this, it may have gone.
    let gone = |error| match error {
        OpenError::NoInterface(_) => OpenError::NoInterface(config.interface.clone()),
        other => other,
    };
    socket.bind(index).map_err(gone)?;
    if config.promiscuous { socket.promiscuous(index).map_err(gone) } else { Ok(()) }
}

/// The snaplen that cuts nothing: a quarter of a mebibyte, as tcpdump has it.
const WHOLE_FRAMES: u32 = 256 << 10;
