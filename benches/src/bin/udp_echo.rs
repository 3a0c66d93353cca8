//! The floor of a DNS server over UDP: sends each query back as an answer and does nothing else.
//!
//! `udp_echo ADDRESS single|batch`: a system call each way for every datagram, or up to 64 datagrams with
//! each. Runs until it is killed.

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("udp_echo ADDRESS single|batch")?;
    let socket = UdpSocket::bind(&address).with_context(|| address.clone())?;
    match arguments.next().as_deref() {
        Some("single") => single(&socket),
        Some("batch") => batch(&socket),
        _ => bail!("single or batch?"),
    }
}

fn single(socket: &UdpSocket) -> Result<()> {
    let mut buffer = [0; LARGEST];
    loop {
        let (count, from) = socket.recv_from(&mut buffer)?;
        if answer(&mut buffer[..count]) {
            socket.send_to(&buffer[..count], from)?;
        }
    }
}

fn batch(socket: &UdpSocket) -> Result<()> {
    let fd = socket.as_raw_fd();
    let mut buffers = vec![[0; LARGEST]; BATCH];
    let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut came = [(None, 0); BATCH];
    loop {
        let mut count = 0;
        let mut free = buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(free.next().expect("as many as slices"))]);
        let wait = MsgFlags::MSG_WAITFORONE;
        for message in recvmmsg(fd, &mut incoming, slices.iter_mut(), wait, None)? {
            came[count] = (message.address, message.bytes);
            count += 1;
        }
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        let mut addresses = [None; BATCH];
        for (index, buffer) in buffers[..count].iter_mut().enumerate() {
            let (address, length) = came[index];
            answer(&mut buffer[..length]);
            (slices[index], addresses[index]) = ([IoSlice::new(&buffer[..length])], address);
        }
        let all = (slices[..count].iter(), &addresses[..count]);
        sendmmsg(fd, &mut outgoing, all.0, all.1, [], MsgFlags::empty())?;
    }
}

/// Sets the bit that makes an answer of a query.
fn answer(message: &mut [u8]) -> bool {
    message.get_mut(2).map(|flags| *flags |= 0x80).is_some()
}

const BATCH: usize = 64;
const LARGEST: usize = 4096;
