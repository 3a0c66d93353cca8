//! Over a veth: VLAN tags are where they were on the wire, and frames of 64 KiB come through whole.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::namespace::{Outcome, WAIT, apart, ip, is_ours, shown, skip, until, veth};
use ring_capture::afpacket::{PacketSocket, SocketConfig};
use ring_capture::{Config, FlowKey, Packet, Ring, Tap, Window};

fn config() -> SocketConfig {
    SocketConfig::new("far").buffer(8, 1 << 20).retire(Duration::from_millis(5))
}

/// The next frame of ours.
fn next(socket: &mut PacketSocket) -> (Vec<u8>, u32) {
    let mut found = None;
    until("a frame", || {
        socket
            .poll(WAIT, |frame| {
                if is_ours(frame) {
                    found = Some((frame.bytes.to_vec(), frame.original_len));
                }
            })
            .expect("the interface is up");
        found.is_some()
    });
    found.expect("one was")
}

/// A datagram to port 7000, with these VLAN tags.
fn tagged(tags: &[[u8; 4]]) -> Vec<u8> {
    let udp = [&[0x80, 0, 0x1b, 0x58, 0, 15, 0, 0][..], b"payload"].concat();
    let mut frame = [&[2; 6][..], &[4; 6], &tags.concat(), &[8, 0]].concat();
    frame.extend([0x45, 0, 0, 35, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
    frame.extend(udp);
    frame
}

/// Sends a frame as it is, out of `near`.
fn send_raw(frame: &[u8]) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
    // SAFETY: all-zero bytes are a valid `sockaddr_ll`.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    // SAFETY: a NUL-terminated name.
    to.sll_ifindex = unsafe { libc::if_nametoindex(c"near".as_ptr()) } as i32;
    // SAFETY: the frame and its length, an address and its size.
    let sent = unsafe {
        let length = size_of_val(&to) as u32;
        libc::sendto(socket, frame.as_ptr().cast(), frame.len(), 0, (&raw const to).cast(), length)
    };
    let error = io::Error::last_os_error();
    // SAFETY: the descriptor is ours and is not used again.
    unsafe { libc::close(socket) };
    if sent < 0 { Err(error) } else { Ok(()) }
}

#[test]
fn tags_the_kernel_took_out_are_back_in_their_place() -> Outcome {
    apart("veth::tags_the_kernel_took_out_are_back_in_their_place", || {
        veth();
        let mut socket = PacketSocket::open(&config())?;
        let (vlan, qinq) = ([0x81, 0, 0x20, 42], [0x88, 0xa8, 0, 7]);
        for tags in [&[][..], &[vlan], &[qinq], &[qinq, vlan]] {
            let frame = tagged(tags);
            send_raw(&frame)?;
            assert_eq!(next(&mut socket), (frame.clone(), frame.len() as u32), "{tags:?}");
        }
        Ok(())
    })
}

#[test]
fn a_vlan_link_sends_what_is_captured_with_its_tag() -> Outcome {
    apart("veth::a_vlan_link_sends_what_is_captured_with_its_tag", || {
        veth();
        let made = std::process::Command::new("ip")
            .args("link add link near name near.42 type vlan id 42".split(' '))
            .output()?;
        if !made.status.success() {
            return skip("a VLAN link over a veth", "this kernel has no VLAN links");
        }
        for words in [
            "address add 10.9.42.1/24 dev near.42",
            "link set near.42 up",
            "neighbour add 10.9.42.2 lladdr 02:00:00:00:00:02 dev near.42",
        ] {
            ip(words);
        }
        let mut socket = PacketSocket::open(&config())?;
        until("a link that sends", || shown("near.42").contains("state UP"));
        UdpSocket::bind("10.9.42.1:0")?.send_to(b"payload", "10.9.42.2:7000")?;
        let (frame, original_len) = next(&mut socket);
        assert_eq!(frame[12..18], [0x81, 0, 0, 42, 8, 0]);
        assert_eq!(frame.len(), original_len as usize);
        Ok(())
    })
}

#[test]
fn a_bulk_flow_between_namespaces_comes_out_of_the_ring_whole() -> Outcome {
    apart("veth::a_bulk_flow_between_namespaces_comes_out_of_the_ring_whole", || {
        veth();
        let bytes: Vec<u8> = (0..2 << 20).map(|i: u32| (i >> 5) as u8).collect();
        let (to_server, from_here) = mpsc::channel();
        let (to_here, from_server) = mpsc::channel();
        // The server's thread is in a network namespace of its own, which gets the far end.
        let server = thread::spawn(move || -> io::Result<Vec<u8>> {
            // SAFETY: no pointers are passed; only this thread's namespace changes.
            let (done, thread) = unsafe { (libc::unshare(libc::CLONE_NEWNET), libc::gettid()) };
            assert_eq!(done, 0, "{}", io::Error::last_os_error());
            to_here.send(thread).expect("somebody waits");
            from_here.recv().expect("the far end is here");
            ip("address add 10.9.0.2/24 dev far");
            ip("link set far up");
            let listener = TcpListener::bind("10.9.0.2:7443")?;
            // It belongs to this namespace wherever it is polled.
            let socket = PacketSocket::open(&config()).expect("the far end");
            to_here.send(0).expect("somebody waits");
            let capture = thread::spawn(move || captured(socket));
            let (mut accepted, _) = listener.accept()?;
            let mut received = Vec::new();
            accepted.read_to_end(&mut received)?;
            drop(accepted);
            capture.join().expect("the capture");
            Ok(received)
        });
        ip(&format!("link set far netns {}", from_server.recv()?));
        to_server.send(())?;
        if from_server.recv().is_err() {
            server.join().expect("the server says why")?;
            unreachable!("it ended without a word");
        }
        ip("neighbour delete 10.9.0.2 dev near");
        until("a carrier", || shown("near").contains("state UP"));
        let mut client = TcpStream::connect("10.9.0.2:7443")?;
        client.write_all(&bytes)?;
        drop(client);
        assert!(server.join().expect("the server")? == bytes);
        Ok(())
    })
}

/// Captures a connection to its end, and looks at what the ring has of it.
fn captured(mut socket: PacketSocket) {
    let (ring, mut producers) = Ring::new(&Config::default().bytes(16 << 20)).expect("16 MiB");
    let mut tap = Tap::new(producers.remove(0));
    let (mut flow, mut ends): (Option<FlowKey>, u32) = (None, 0);
    until("the connection's end", || {
        let take = |frame: &ring_capture::Frame<'_>| {
            if let Some(packet) = Packet::parse(frame.link, frame.bytes)
                && packet.flow.protocol() == 6
            {
                flow = Some(packet.flow);
                ends += u32::from(packet.ends_flow());
                tap.push(frame).expect("nobody reads yet");
            }
        };
        socket.poll(WAIT, take).expect("the interface is up");
        ends >= 2
    });
    let flow = flow.expect("a flow");
    let mut found = ring.extract(flow.hash(ring.seed()), &Window::ALL);
    let (mut payload, mut largest) = (0, 0);
    while let Some(record) = found.next() {
        let packet = Packet::parse(ring_capture::LinkType::Ethernet, record.bytes).expect("TCP");
        payload += record.bytes.len() - packet.payload_at;
        largest = largest.max(record.bytes.len());
        assert_eq!(record.bytes.len(), record.meta.original_len as usize);
    }
    assert!(payload >= 2 << 20, "{payload} bytes: every one at least once");
    assert!(largest > 9_000, "segmentation offload was in the game: {largest}");
    assert_eq!(socket.stats().expect("counts").dropped, 0);
}
