//! A packet socket that outlives its interface.

use std::io;
use std::time::{Duration, Instant};

use super::{KernelStats, OpenError, PacketSocket, PollError};
use crate::frame::Frame;

/// A packet socket that comes back when its interface does.
///
/// An interface that is set down and up again, or deleted and made anew under its old name, costs
/// the packets of that time and nothing else. Without fanout no privilege is needed for it: the
/// socket is the same all along. A member of a fanout group is closed and opened anew, for which
/// CAP_NET_RAW must still be there.
#[derive(Debug)]
pub struct Reopening {
    /// `None` while a member of a group is closed.
    socket: Option<PacketSocket>,
    config: super::SocketConfig,
    state: LinkState,
    retry_at: Option<Instant>,
    wait: Duration,
    outages: u64,
    closed: KernelStats,
    refused: Option<OpenError>,
}

/// What is known of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// There, and up.
    #[default]
    Up,
    /// There.
    Down,
    /// Not there.
    Gone,
}

impl From<PacketSocket> for Reopening {
    fn from(socket: PacketSocket) -> Self {
        Self {
            config: socket.config.clone(),
            socket: Some(socket),
            state: LinkState::Up,
            retry_at: None,
            wait: FIRST_WAIT,
            outages: 0,
            closed: KernelStats::default(),
            refused: None,
        }
    }
}

impl Reopening {
    /// [`PacketSocket::poll`], which goes on through an outage: with 0 packets after each wait, until
    /// the interface is back. While it is gone, another of its name is looked for: 50 ms after it
    /// went (or [`SocketConfig::retire`](super::SocketConfig::retire), if that is longer), then after
    /// twice as long, and so on up to every second.
    ///
    /// # Errors
    ///
    /// When a system call fails on a socket whose interface is well.
    pub fn poll(
        &mut self,
        now: Instant,
        timeout: Duration,
        mut take: impl FnMut(&Frame<'_>),
    ) -> io::Result<usize> {
        let mut packets = 0;
        let mut timeout = timeout;
        if let Some(retry_at) = self.retry_at {
            let left = retry_at.saturating_duration_since(now);
            if left.is_zero() {
                // What the kernel had handed over of the old interface.
                packets += self.listen(now, Duration::ZERO, &mut take)?;
                self.bring_back(now);
            } else {
                timeout = timeout.min(left);
            }
        }
        if self.socket.is_none() {
            std::thread::sleep(timeout);
            return Ok(packets);
        }
        Ok(packets + self.listen(now, timeout, &mut take)?)
    }

    /// What was last seen of the interface.
    pub fn state(&self) -> LinkState {
        self.state
    }

    /// Times that the interface was lost.
    pub fn outages(&self) -> u64 {
        self.outages
    }

    /// When an interface that is gone is looked for next; `None` while there is one.
    pub fn next_try(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Why the last try to come back failed, while the interface is gone.
    pub fn refused(&self) -> Option<&OpenError> {
        self.refused.as_ref()
    }

    /// The socket; `None` between two members of a fanout group.
    pub fn socket(&mut self) -> Option<&mut PacketSocket> {
        self.socket.as_mut()
    }

    /// Counts since the first socket was opened.
    ///
    /// # Errors
    ///
    /// What `getsockopt` says.
    pub fn stats(&mut self) -> io::Result<KernelStats> {
        let open = self.socket.as_mut().map(PacketSocket::stats).transpose()?;
        Ok(self.closed.plus(&open.unwrap_or_default()))
    }

    fn listen(
        &mut self,
        now: Instant,
        timeout: Duration,
        take: &mut impl FnMut(&Frame<'_>),
    ) -> io::Result<usize> {
        let Some(socket) = &mut self.socket else { return Ok(0) };
        let error = match socket.poll(timeout, take) {
            // Without packets the interface was looked at; with some, they may be from before.
            Ok(packets) => {
                if self.state == LinkState::Down && (packets == 0 || socket.check().is_ok()) {
                    self.state = LinkState::Up;
                    tracing::info!(interface = self.config.interface, "the interface is back");
                }
                return Ok(packets);
            }
            Err(error) => error,
        };
        let state = match error {
            PollError::Io(error) => return Err(error),
            PollError::Down => LinkState::Down,
            PollError::Gone => LinkState::Gone,
        };
        if self.state == LinkState::Up {
            self.outages += 1;
            tracing::warn!(interface = self.config.interface, %error, "no packets for now");
        }
        if state == LinkState::Gone && self.retry_at.is_none() {
            self.wait = FIRST_WAIT.max(self.config.retire);
            self.retry_at = now.checked_add(self.wait);
        }
        if self.state != LinkState::Gone {
            self.state = state;
        }
        Ok(0)
    }

    fn bring_back(&mut self, now: Instant) {
        match self.reopened() {
            Ok(()) => {
                // Whether it is up, the next wait will tell.
                (self.state, self.retry_at, self.refused) = (LinkState::Down, None, None);
            }
            Err(error) => {
                tracing::debug!(interface = self.config.interface, %error, "not back yet");
                self.refused = Some(error);
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                self.retry_at = now.checked_add(self.wait);
            }
        }
    }

    fn reopened(&mut self) -> Result<(), OpenError> {
        if self.config.fanout.is_none()
            && let Some(socket) = &mut self.socket
        {
            return socket.rebind();
        }
        if let Some(mut socket) = self.socket.take() {
            // The group's number is free for the new interface when its old members are closed.
            self.closed = self.closed.plus(&socket.stats().unwrap_or_default());
            self.config = socket.config.clone();
        }
        self.socket = Some(PacketSocket::open(&self.config)?);
        Ok(())
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
