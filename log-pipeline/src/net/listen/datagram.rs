//! Datagrams (RFC 5426, and local ones): each is a message. Read in batches on a thread of its own.

use std::fs;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

use super::Shared;
use super::accept::SocketFile;
use crate::frame;
use crate::net::kernel;

/// A socket of datagrams.
#[derive(Debug)]
pub(in crate::net) enum DatagramSocket {
    Udp(UdpSocket),
    Unix { socket: UnixDatagram, _file: SocketFile },
}

impl DatagramSocket {
    fn fd(&self) -> RawFd {
        match self {
            Self::Udp(socket) => socket.as_raw_fd(),
            Self::Unix { socket, .. } => socket.as_raw_fd(),
        }
    }

    /// Blocking reads that come back now and then.
    fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => {
                socket.set_nonblocking(false)?;
                socket.set_read_timeout(Some(TICK))
            }
            Self::Unix { socket, .. } => {
                socket.set_nonblocking(false)?;
                socket.set_read_timeout(Some(TICK))
            }
        }
    }
}

/// The thread of a datagram listener.
pub(in crate::net) struct Datagrams {
    socket: DatagramSocket,
    shared: Shared,
    /// Of the socket, and whether it is IPv4.
    inode: Option<(u64, bool)>,
    looked: Instant,
}

struct Received {
    length: usize,
    truncated: bool,
    peer: Option<SocketAddr>,
}

impl Datagrams {
    pub(in crate::net) fn new(socket: DatagramSocket, shared: Shared) -> io::Result<Self> {
        socket.prepare()?;
        let inode = match &socket {
            DatagramSocket::Udp(udp) => {
                let metadata = fs::metadata(format!("/proc/self/fd/{}", udp.as_raw_fd()));
                let is_v4 = udp.local_addr()?.is_ipv4();
                metadata.ok().map(|metadata| (metadata.ino(), is_v4))
            }
            DatagramSocket::Unix { .. } => None,
        };
        Ok(Self { socket, shared, inode, looked: Instant::now() })
    }

    /// Receives until told to stop, then takes in what is already there.
    pub(in crate::net) fn run(mut self) {
        // One byte more than a frame may have tells a longer one.
        let size = self.shared.limits.max_frame_bytes + 1;
        let mut buffers = vec![0; size * BATCH];
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
        let mut drains = MOST_DRAINING_READS;
        while drains > 0 {
            let mut flags = MsgFlags::MSG_WAITFORONE;
            if *self.shared.stop.borrow() || self.shared.stop.has_changed().is_err() {
                flags |= MsgFlags::MSG_DONTWAIT;
                drains -= 1;
            }
            match receive(self.socket.fd(), &mut headers, &mut buffers, size, flags) {
                Ok(received) => {
                    if !self.take_in(&received, &buffers, size) {
                        break;
                    }
                }
                Err(Errno::EAGAIN) if flags.contains(MsgFlags::MSG_DONTWAIT) => break,
                // An error of a datagram sent from this socket, if anything; none is.
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {}
                Err(error) => {
                    tracing::error!(%error, address = self.shared.state.address, "receiving failed");
                    break;
                }
            }
            if self.looked.elapsed() >= LOOK {
                self.look();
            }
        }
        self.look();
    }

    /// False when the log takes nothing any more.
    fn take_in(&self, received: &[Received], buffers: &[u8], size: usize) -> bool {
        let (shared, now_ns) = (&self.shared, self.shared.intake.now_ns());
        let mut stats = frame::Stats::default();
        let mut bytes = 0;
        let mut goes_on = true;
        for (datagram, buffer) in received.iter().zip(buffers.chunks(size)) {
            bytes += datagram.length as u64;
            let most = shared.limits.max_frame_bytes;
            let truncated = datagram.truncated || datagram.length > most;
            let frame = trimmed(&buffer[..datagram.length.min(most)]);
            if frame.is_empty() {
                continue;
            }
            stats.frames += 1;
            stats.truncated += u64::from(truncated);
            let address = datagram.peer.map(|peer| peer.ip());
            if !shared.limits.allows(address) {
                shared.state.dropped_not_allowed.add(1);
            } else if address.is_some_and(|address| !shared.takes(now_ns, address)) {
                shared.state.dropped_rate.add(1);
            } else if let Err(error) =
                shared.intake.append_blocking(frame, now_ns, datagram.peer, truncated)
            {
                shared.state.count_refused(datagram.peer, &error);
                goes_on &= !error.is_final();
            }
        }
        shared.state.received_bytes.add(bytes);
        shared.state.count_frames(frame::Stats::default(), stats);
        goes_on
    }

    /// Asks the kernel what it dropped.
    fn look(&mut self) {
        self.looked = Instant::now();
        let dropped = self.inode.and_then(|(inode, is_v4)| kernel::dropped_datagrams(inode, is_v4));
        if let Some(dropped) = dropped {
            self.shared.state.dropped_kernel.set(dropped);
        }
    }
}

/// Receives up to a batch, waiting for the first unless `flags` say otherwise.
fn receive(
    fd: RawFd,
    headers: &mut MultiHeaders<SockaddrStorage>,
    buffers: &mut [u8],
    size: usize,
    flags: MsgFlags,
) -> Result<Vec<Received>, Errno> {
    let mut slices: Vec<_> = buffers.chunks_mut(size).map(|b| [IoSliceMut::new(b)]).collect();
    let received = recvmmsg(fd, headers, slices.iter_mut(), flags, None)?;
    let all = received.map(|message| Received {
        length: message.bytes,
        truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
        peer: message.address.as_ref().and_then(address),
    });
    Ok(all.collect())
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    let v6: std::net::SocketAddrV6 = (*storage.as_sockaddr_in6()?).into();
    // IPv4 on a socket for both is IPv4.
    Some(SocketAddr::new(v6.ip().to_canonical(), v6.port()))
}

/// Without the line end or NUL that some senders put into a datagram.
fn trimmed(mut frame: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r' | 0] = frame {
        frame = rest;
    }
    frame
}

const BATCH: usize = 64;
/// How soon a stop is noticed.
const TICK: Duration = Duration::from_millis(100);
/// How often the kernel is asked what it dropped.
const LOOK: Duration = Duration::from_secs(1);
/// After the stop a sender that never pauses is read this often and no more.
const MOST_DRAINING_READS: u32 = 256;
