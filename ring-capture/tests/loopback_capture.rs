//! Real packets from a real packet socket on loopback, where the kernel permits one.

#![cfg(all(feature = "afpacket", target_os = "linux", not(loom)))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ring_capture::afpacket::{OpenError, PacketSocket, SocketConfig};
use ring_capture::{Config, FlowKey, Packet, Ring, Tap, Window};

/// A connection that says `bytes` to itself; the flow it was.
fn talk(bytes: &[u8]) -> std::io::Result<FlowKey> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server: SocketAddr = listener.local_addr()?;
    let mut client = TcpStream::connect(server)?;
    let flow = FlowKey::tcp(client.local_addr()?, server);
    let (mut accepted, _) = listener.accept()?;
    let sent = bytes.to_vec();
    let writer = std::thread::spawn(move || client.write_all(&sent).map(|()| drop(client)));
    let mut received = Vec::new();
    accepted.read_to_end(&mut received)?;
    writer.join().expect("the writer")?;
    assert_eq!(received, bytes);
    Ok(flow)
}

#[test]
fn a_connection_on_loopback_comes_out_of_the_ring_whole_and_once()
-> Result<(), Box<dyn std::error::Error>> {
    let config = SocketConfig::new("lo").incoming_only(true).buffer(8, 1 << 20);
    let mut socket = match PacketSocket::open(&config) {
        Err(OpenError::NotPermitted(_)) => {
            writeln!(std::io::stderr(), "skipped: no CAP_NET_RAW, loopback capture not tried")
                .expect("standard error");
            return Ok(());
        }
        other => other?,
    };
    let (ring, mut producers) = Ring::new(&Config::default().bytes(16 << 20))?;
    let mut tap = Tap::new(producers.remove(0));
    // A megabyte, so that segmentation offload makes frames of up to 64 KiB.
    let bytes: Vec<u8> = (0..1 << 20).map(|i: u32| (i >> 3) as u8).collect();
    let flow = talk(&bytes)?;

    let (mut ends, deadline) = (0, Instant::now() + Duration::from_secs(10));
    while ends < 2 && Instant::now() < deadline {
        socket.poll(Duration::from_millis(100), |frame| {
            let packet = Packet::parse(frame.link, frame.bytes);
            if packet.is_some_and(|p| p.flow == flow) {
                ends += u32::from(packet.is_some_and(|p| p.ends_flow()));
                tap.push(frame).expect("nobody reads yet");
            }
        })?;
    }
    let mut found = ring.extract(flow.hash(ring.seed()), &Window::ALL);
    let (mut payload, mut largest) = (0, 0);
    while let Some(record) = found.next() {
        let packet = Packet::parse(ring_capture::LinkType::Ethernet, record.bytes).expect("TCP");
        payload += record.bytes.len() - packet.payload_at;
        largest = largest.max(record.bytes.len());
        assert_eq!(record.bytes.len(), record.meta.original_len as usize);
    }
    assert_eq!(payload, bytes.len(), "every byte once (loopback loses and repeats nothing)");
    assert!(largest > 9_000, "segmentation offload was in the game: {largest}");
    assert_eq!(socket.stats()?.dropped, 0);
    Ok(())
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    match PacketSocket::open(&SocketConfig::new("nosuchif0")) {
        Err(OpenError::NoInterface(name)) => assert_eq!(name, "nosuchif0"),
        Err(OpenError::NotPermitted(_)) => {
            writeln!(std::io::stderr(), "skipped: no CAP_NET_RAW").expect("standard error");
        }
        other => panic!("{other:?}"),
    }
}
