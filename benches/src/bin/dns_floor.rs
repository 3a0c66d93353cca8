//! The least a server over UDP can cost here: datagrams go back as they came, with QR set.
//!
//! usage: `dns_floor echo|echo-mmsg|zone|forward ADDR [UPSTREAM]`; `zone` and `forward` are our own server, with
//! the names of the bench as its zone, or asking another for them.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{Resolver, Upstream};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use popkit_benches::dns::zone;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, address, rest @ ..] = &args[..] else { bail!("echo|echo-mmsg|zone|forward ADDR") };
    let address: SocketAddr = address.parse().context("no address")?;
    match what.as_str() {
        "echo" => echo(&UdpSocket::bind(address)?),
        "echo-mmsg" => echo_many(&UdpSocket::bind(address)?),
        "zone" => serve(address, Resolver::builder().zone(zone()).build(), None),
        "forward" => {
            let upstream = rest.first().context("whom to ask")?.parse()?;
            serve(address, Resolver::builder().forwards().build(), Some(upstream))
        }
        other => bail!("{other}?"),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn serve(address: SocketAddr, resolver: Resolver, upstream: Option<Upstream>) -> Result<()> {
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Plain(address)];
    config.upstreams.extend(upstream);
    let server = Server::start(resolver, config)?;
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}

fn echo(socket: &UdpSocket) -> Result<()> {
    let mut datagram = [0; 4096];
    loop {
        let (len, from) = socket.recv_from(&mut datagram)?;
        datagram[2] |= 0x80;
        let _ = socket.send_to(&datagram[..len], from);
    }
}

fn echo_many(socket: &UdpSocket) -> Result<()> {
    let mut datagrams = vec![[0; 4096]; BATCH];
    let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    loop {
        let (mut lengths, mut senders) = ([0; BATCH], [None; BATCH]);
        let mut rest = datagrams.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(rest.next().expect("as many"))]);
        let flags = MsgFlags::MSG_WAITFORONE;
        let mut count = 0;
        for message in recvmmsg(socket.as_raw_fd(), &mut incoming, slices.iter_mut(), flags, None)?
        {
            (lengths[count], senders[count]) = (message.bytes, message.address);
            count += 1;
        }
        datagrams[..count].iter_mut().for_each(|datagram| datagram[2] |= 0x80);
        let slices: Vec<[IoSlice<'_>; 1]> = datagrams
            .iter()
            .zip(lengths)
            .take(count)
            .map(|(datagram, len)| [IoSlice::new(&datagram[..len])])
            .collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let _ = sendmmsg(socket.as_raw_fd(), &mut outgoing, &slices, &senders[..count], [], flags);
    }
}

/// As many as the server under test takes at once.
const BATCH: usize = 64;
