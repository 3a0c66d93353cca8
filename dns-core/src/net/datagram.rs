//! The hit loop: datagrams in, answers out, many with one system call. Allocates nothing for a hit.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6,
    SockaddrLike, SockaddrStorage, recvmmsg, sendmmsg, sendmsg, sendto,
};
use tokio::sync::mpsc;

use super::clock::Clock;
use super::reply::{Missed, ReplyTo};
#[cfg(feature = "zones")]
use crate::primary::Primary;
use crate::resolve::{Resolver, Served, Transport};

/// One thread's share of a listener.
pub(super) struct DatagramLoop {
    pub(super) socket: Arc<UdpSocket>,
    /// Bound to all addresses: the answer must leave from the one that was asked.
    pub(super) wildcard: bool,
    pub(super) resolver: Resolver,
    pub(super) clock: Clock,
    pub(super) missed: mpsc::Sender<Missed>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) overloaded: Arc<AtomicU64>,
    #[cfg(feature = "zones")]
    pub(super) authority: Option<super::Authority>,
}

/// Addresses of one family, as the system calls take them.
trait Address: SockaddrLike + Copy {
    fn socket_address(&self) -> SocketAddr;
}

impl Address for SockaddrIn {
    fn socket_address(&self) -> SocketAddr {
        SocketAddrV4::from(*self).into()
    }
}

impl Address for SockaddrIn6 {
    fn socket_address(&self) -> SocketAddr {
        SocketAddrV6::from(*self).into()
    }
}

/// Who sent what.
#[derive(Clone, Copy)]
struct Sender<A> {
    address: A,
    local: Option<IpAddr>,
    len: usize,
}

/// Room for a query and for its answer. They do not lie a multiple of 4,096 octets apart, nor does one
/// exchange from the next: what is read and written together would share a few places of the nearest cache.
#[derive(Clone)]
struct Exchange {
    query: [u8; LARGEST + APART],
    answer: [u8; LARGEST],
}

impl DatagramLoop {
    /// Serves until told to stop; the socket's receive time-out says how soon that is noticed.
    pub(super) fn run(self) -> io::Result<()> {
        match self.socket.local_addr()? {
            SocketAddr::V4(_) => self.run_in::<SockaddrIn>(),
            SocketAddr::V6(_) => self.run_in::<SockaddrIn6>(),
        }
    }

    fn run_in<A: Address>(self) -> io::Result<()> {
        let mut exchanges =
            vec![Exchange { query: [0; LARGEST + APART], answer: [0; LARGEST] }; BATCH];
        let mut lengths = [0; BATCH];
        let mut senders: [Option<Sender<A>>; BATCH] = [None; BATCH];
        let space = self.wildcard.then(|| nix::cmsg_space!(libc::in6_pktinfo));
        let mut incoming = MultiHeaders::<A>::preallocate(BATCH, space);
        let mut outgoing = MultiHeaders::<A>::preallocate(BATCH, None);
        let mut busy = false;
        while !self.stop.load(Ordering::Relaxed) {
            let received = if busy {
                self.receive::<A, BATCH>(&mut incoming, &mut exchanges, &mut senders)
            } else {
                self.receive::<A, FEW>(&mut incoming, &mut exchanges, &mut senders)
            };
            let count = match received {
                Ok(count) => count,
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => continue,
                Err(error) => return Err(error.into()),
            };
            busy = count >= FEW;
            let now = self.clock.now();
            for index in 0..count {
                lengths[index] = match &senders[index] {
                    Some(sender) => {
                        let Exchange { query, answer } = &mut exchanges[index];
                        self.answer(now, &query[..sender.len], sender, answer)
                    }
                    None => 0,
                };
            }
            let lengths = &lengths[..count];
            match count {
                1 => self.send_each(&exchanges, lengths, &senders),
                _ if self.wildcard => self.send_each(&exchanges, lengths, &senders),
                ..=FEW => self.send::<A, FEW>(&mut outgoing, &exchanges, lengths, &senders),
                _ => self.send::<A, BATCH>(&mut outgoing, &exchanges, lengths, &senders),
            }
        }
        Ok(())
    }

    /// Answers one query, or hands it to those who ask others; the length of the answer, 0 for none.
    fn answer<A: Address>(
        &self,
        now: Duration,
        query: &[u8],
        sender: &Sender<A>,
        out: &mut [u8; LARGEST],
    ) -> usize {
        let (client, transport) = (sender.address.socket_address().ip(), Transport::Datagram);
        #[cfg(feature = "zones")]
        if let Some(authority) = self.authority.as_ref().filter(|_| Primary::wants(query)) {
            return put(authority.answer(now, client, query, transport), out);
        }
        match self.resolver.serve(now, client, query, transport, out) {
            Served::Answer { len, prefetch } => {
                if prefetch {
                    let refresh = Missed::Refresh { query: query.into(), client };
                    let _ = self.missed.try_send(refresh);
                }
                len
            }
            Served::Ask => {
                self.miss(query, sender.address.socket_address(), sender.local);
                0
            }
            Served::Nothing => 0,
        }
    }

    fn receive<A: Address, const N: usize>(
        &self,
        headers: &mut MultiHeaders<A>,
        exchanges: &mut [Exchange],
        senders: &mut [Option<Sender<A>>; BATCH],
    ) -> Result<usize, Errno> {
        let mut exchanges = exchanges.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; N] = std::array::from_fn(|_| {
            let exchange = exchanges.next().expect("there are as many buffers as slices");
            [IoSliceMut::new(&mut exchange.query[..LARGEST])]
        });
        // The first is waited for; whatever lies there besides comes along.
        let flags = MsgFlags::MSG_WAITFORONE;
        let fd = self.socket.as_raw_fd();
        let mut count = 0;
        for message in recvmmsg(fd, headers, slices.iter_mut(), flags, None)? {
            let local =
                if self.wildcard { message.cmsgs().ok().and_then(local_address) } else { None };
            let cut = message.flags.contains(MsgFlags::MSG_TRUNC);
            let address = message.address.filter(|_| !cut);
            senders[count] = address.map(|address| Sender { address, local, len: message.bytes });
            count += 1;
        }
        Ok(count)
    }

    /// Sends what there is to send, one by one. Where it does not fit the socket's buffer the client asks again.
    fn send_each<A: Address>(
        &self,
        exchanges: &[Exchange],
        lengths: &[usize],
        senders: &[Option<Sender<A>>; BATCH],
    ) {
        let fd = self.socket.as_raw_fd();
        for ((exchange, &len), sender) in exchanges.iter().zip(lengths).zip(senders) {
            let Some(sender) = sender.filter(|_| len > 0) else { continue };
            let (answer, to) = (&exchange.answer[..len], &sender.address);
            let _ = match sender.local {
                None => sendto(fd, answer, to, MsgFlags::MSG_DONTWAIT),
                from => send_one(&self.socket, to.socket_address(), from, answer),
            };
        }
    }

    /// The same with as few system calls as will do.
    fn send<A: Address, const N: usize>(
        &self,
        headers: &mut MultiHeaders<A>,
        exchanges: &[Exchange],
        lengths: &[usize],
        senders: &[Option<Sender<A>>; BATCH],
    ) {
        let mut slices = [[IoSlice::new(&[])]; N];
        let mut addresses = [None; N];
        let mut count = 0;
        for ((exchange, &len), sender) in exchanges.iter().zip(lengths).zip(senders) {
            if let Some(sender) = sender.filter(|_| len > 0) {
                slices[count] = [IoSlice::new(&exchange.answer[..len])];
                addresses[count] = Some(sender.address);
                count += 1;
            }
        }
        let fd = self.socket.as_raw_fd();
        let mut done = 0;
        while done < count {
            let (slices, addresses) = (&slices[done..count], &addresses[done..count]);
            let flags = MsgFlags::MSG_DONTWAIT;
            match sendmmsg(fd, headers, slices.iter(), addresses, [], flags) {
                Ok(sent) => done += sent.count().max(1),
                Err(Errno::EINTR) => {}
                // One address that cannot be reached must not keep the others from theirs.
                Err(_) => done += 1,
            }
        }
    }

    fn miss(&self, query: &[u8], to: SocketAddr, from: Option<IpAddr>) {
        let (client, transport) = (to.ip(), Transport::Datagram);
        let to = ReplyTo::Datagram { socket: Arc::clone(&self.socket), to, from };
        let missed = Missed::Query { query: query.into(), client, transport, to };
        if self.missed.try_send(missed).is_err() {
            // No answer is the only brake that also slows whoever floods.
            self.overloaded.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Copies the one message of a reply to a datagram into `out`; its length, 0 when there is none.
#[cfg(feature = "zones")]
fn put(mut reply: crate::primary::Reply, out: &mut [u8]) -> usize {
    let message = reply.next_message(super::replicate::wall()).unwrap_or_default();
    let Some(room) = out.get_mut(..message.len()) else { return 0 };
    room.copy_from_slice(&message);
    message.len()
}

/// Sends one datagram, from the address `from` when the socket is bound to all.
pub(super) fn send_one(
    socket: &UdpSocket,
    to: SocketAddr,
    from: Option<IpAddr>,
    answer: &[u8],
) -> Result<usize, Errno> {
    let (slices, address) = ([IoSlice::new(answer)], SockaddrStorage::from(to));
    let (flags, fd) = (MsgFlags::MSG_DONTWAIT, socket.as_raw_fd());
    match from {
        Some(IpAddr::V4(ip)) => {
            let ipi_spec_dst = libc::in_addr { s_addr: u32::from(ip).to_be() };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            sendmsg(fd, &slices, &[ControlMessage::Ipv4PacketInfo(&info)], flags, Some(&address))
        }
        Some(IpAddr::V6(ip)) => {
            let ipi6_addr = libc::in6_addr { s6_addr: ip.octets() };
            let info = libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 };
            sendmsg(fd, &slices, &[ControlMessage::Ipv6PacketInfo(&info)], flags, Some(&address))
        }
        None => sendmsg(fd, &slices, &[], flags, Some(&address)),
    }
}

fn local_address(messages: impl Iterator<Item = ControlMessageOwned>) -> Option<IpAddr> {
    let mut messages = messages.filter_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(IpAddr::from(u32::from_be(info.ipi_spec_dst.s_addr).to_be_bytes()))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(IpAddr::from(info.ipi6_addr.s6_addr)),
        _ => None,
    });
    messages.next()
}

/// Datagrams with one system call. More gained nothing in the measurement behind `benches/RESULTS.md`.
const BATCH: usize = 64;
/// And so many while there are fewer: to prepare places that stay empty costs more than a second call.
const FEW: usize = 8;
/// The largest query taken and answer given over UDP.
const LARGEST: usize = 4096;
/// Five cache lines: with an odd number of them all places get their turn.
const APART: usize = 5 * 64;
