//! A scripted server on loopback.

#![allow(dead_code, reason = "each test looks at its part")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use dns_core::Name;

/// A server that answers every A with 203.0.113.9, over UDP with nothing but TC for names that begin with
/// `t`. Counts queries and remembers their names.
pub(crate) struct Upstreams {
    pub(crate) address: SocketAddr,
    pub(crate) over_udp: Arc<AtomicU32>,
    pub(crate) over_tcp: Arc<AtomicU32>,
    pub(crate) names: Arc<Mutex<Vec<Name>>>,
}

impl Upstreams {
    pub(crate) fn start() -> Upstreams {
        let tcp = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = tcp.local_addr().expect("an address");
        let udp = UdpSocket::bind(address).expect("the same port");
        let (over_udp, over_tcp) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counts = (Arc::clone(&over_udp), Arc::clone(&over_tcp));
        let names = Arc::<Mutex<Vec<Name>>>::default();
        let (asked, asked_over_tcp) = (Arc::clone(&names), Arc::clone(&names));
        std::thread::spawn(move || {
            let mut query = [0; 4096];
            while let Ok((len, from)) = udp.recv_from(&mut query) {
                counts.0.fetch_add(1, Ordering::Relaxed);
                asked.lock().expect("no panic").push(name_of(&query[..len]));
                let _ = udp.send_to(&answer(&query[..len], true), from);
            }
        });
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (count, asked) = (Arc::clone(&counts.1), Arc::clone(&asked_over_tcp));
                std::thread::spawn(move || {
                    converse(stream, |query| {
                        count.fetch_add(1, Ordering::Relaxed);
                        asked.lock().expect("no panic").push(name_of(query));
                        answer(query, false)
                    });
                });
            }
        });
        Upstreams { address, over_udp, over_tcp, names }
    }
}

fn converse(mut stream: impl Read + Write, answer: impl Fn(&[u8]) -> Vec<u8>) {
    let mut prefix = [0; 2];
    while stream.read_exact(&mut prefix).is_ok() {
        let mut query = vec![0; usize::from(u16::from_be_bytes(prefix))];
        if stream.read_exact(&mut query).is_err() {
            return;
        }
        let response = answer(&query);
        let framed = [&(response.len() as u16).to_be_bytes(), response.as_slice()].concat();
        if stream.write_all(&framed).is_err() {
            return;
        }
    }
}

fn name_of(query: &[u8]) -> Name {
    let end = 12 + query[12..].iter().position(|&octet| octet == 0).expect("a root") + 1;
    Name::from_wire(&query[12..end]).expect("a plain name")
}

fn answer(query: &[u8], udp: bool) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|&octet| octet == 0).expect("a root") + 5;
    let mut wire = query[..end].to_vec();
    if udp && query[13].eq_ignore_ascii_case(&b't') {
        wire[2..12].copy_from_slice(&[0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
        return wire;
    }
    wire[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    wire.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9]);
    wire
}

/// A query for A records with id 0x1234 and RD.
pub(crate) fn query(name: &str) -> Vec<u8> {
    let name: Name = name.parse().expect("a name");
    [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], name.as_wire(), &[0, 1, 0, 1]].concat()
}
