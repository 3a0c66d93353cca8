//! Sockets of a group get each packet once between them.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::namespace::{Outcome, WAIT, apart, ip, is_ours, send, until, veth};
use ring_capture::afpacket::{Fanout, FanoutMode, PacketSocket, SocketConfig};
use ring_capture::{Direction, FlowKey, Frame, Packet};

/// What each socket has received of ours, until there are `all` or, in vain, for ten seconds.
fn received(sockets: &mut [PacketSocket], all: usize) -> Vec<usize> {
    let mut each = vec![0; sockets.len()];
    until("all of them", || {
        for (socket, count) in sockets.iter_mut().zip(&mut each) {
            socket.poll(WAIT, |frame| *count += usize::from(is_ours(frame))).expect("up");
        }
        each.iter().sum::<usize>() >= all
    });
    for (socket, count) in sockets.iter_mut().zip(&mut each) {
        socket.poll(WAIT, |frame| *count += usize::from(is_ours(frame))).expect("up");
    }
    each
}

fn config() -> SocketConfig {
    SocketConfig::new("far").buffer(4, 1 << 16).retire(Duration::from_millis(5))
}

#[test]
fn each_packet_goes_to_one_socket_in_every_mode() -> Outcome {
    apart("fanout::each_packet_goes_to_one_socket_in_every_mode", || {
        veth();
        for mode in [FanoutMode::Hash, FanoutMode::LoadBalance, FanoutMode::Cpu] {
            for rollover in [false, true] {
                let fanout = Fanout::new(mode).rollover(rollover);
                let mut sockets = PacketSocket::open_many(&config().fanout(fanout), 4)?;
                send(b"to one of you", 100)?;
                let each = received(&mut sockets, 100);
                assert_eq!(each.iter().sum::<usize>(), 100, "{mode:?} {each:?}");
                if mode != FanoutMode::Cpu {
                    assert!(each.iter().all(|&n| n > 5), "{mode:?} {each:?}");
                }
            }
        }
        Ok(())
    })
}

#[test]
fn groups_have_numbers_of_their_own() -> Outcome {
    apart("fanout::groups_have_numbers_of_their_own", || {
        veth();
        let mut one = PacketSocket::open_many(&config(), 2)?;
        let mut other = PacketSocket::open_many(&config(), 2)?;
        assert_ne!(one[0].group(), other[0].group());
        assert_eq!(one[0].group(), one[1].group());
        let named = config().fanout(Fanout::default().group(77));
        let mut third = vec![PacketSocket::open(&named)?, PacketSocket::open(&named)?];
        assert_eq!(third[1].group(), Some(77));
        send(b"to one of each group", 50)?;
        for group in [&mut one, &mut other, &mut third] {
            assert_eq!(received(group, 50).iter().sum::<usize>(), 50);
        }
        let error = PacketSocket::open(&config().fanout(Fanout::new(FanoutMode::Cpu).group(77)));
        assert_eq!(error.expect_err("another mode under that number").label(), "call");
        Ok(())
    })
}

#[test]
fn nothing_is_seen_twice_while_sockets_join() -> Outcome {
    apart("fanout::nothing_is_seen_twice_while_sockets_join", || {
        veth();
        let joined = Arc::new(AtomicBool::new(false));
        let sender = thread::spawn({
            let joined = Arc::clone(&joined);
            move || -> std::io::Result<u32> {
                let mut number = 0_u32;
                while !joined.load(Ordering::Relaxed) {
                    send(&number.to_be_bytes(), 1)?;
                    number += 1;
                }
                Ok(number)
            }
        });
        let mut sockets = Vec::new();
        for _ in 0..10 {
            sockets.push(PacketSocket::open_many(&config().buffer(16, 1 << 18), 4)?);
        }
        joined.store(true, Ordering::Relaxed);
        assert!(sender.join().expect("the sender")? > 40, "it sent all the while");
        for group in &mut sockets {
            let (mut seen, mut quiet) = (HashSet::new(), 0);
            until("the end of it", || {
                let mut packets = 0;
                for socket in &mut *group {
                    let take = |frame: &Frame<'_>| {
                        let new = !is_ours(frame) || seen.insert(frame.bytes.last_chunk().copied());
                        assert!(new, "{:?} is there twice", frame.bytes.last_chunk::<4>());
                    };
                    packets += socket.poll(WAIT, take).expect("up");
                }
                quiet = if packets == 0 { quiet + 1 } else { 0 };
                quiet == 2
            });
            assert!(!seen.contains(&None::<[u8; 4]>));
        }
        Ok(())
    })
}

#[test]
fn a_full_buffer_rolls_over_when_told_to() -> Outcome {
    apart("fanout::a_full_buffer_rolls_over_when_told_to", || {
        veth();
        for rollover in [false, true] {
            let fanout = Fanout::new(FanoutMode::Hash).rollover(rollover);
            let config = config().fanout(fanout).retire(Duration::from_millis(200));
            let mut sockets = PacketSocket::open_many(&config, 2)?;
            // One flow, more of it than one socket's 256 KiB hold, less than two's.
            let sender = std::net::UdpSocket::bind("10.9.0.1:0")?;
            for _ in 0..300 {
                sender.send_to(&[7; 1000], "10.9.0.2:7000")?;
            }
            let (mut packets, mut dropped) = (0, 0);
            until("all are counted", || {
                let stats = sockets.iter_mut().map(|s| s.stats().expect("counts"));
                (packets, dropped) = stats.fold((0, 0), |(packets, dropped), stats| {
                    (packets + stats.packets, dropped + stats.dropped)
                });
                packets >= 300
            });
            let each = received(&mut sockets, 300 - dropped as usize);
            assert_eq!(each.contains(&0), !rollover, "{each:?}");
            assert_eq!(dropped == 0, rollover, "{dropped} dropped, {each:?}");
        }
        Ok(())
    })
}

#[test]
fn both_directions_of_a_flow_go_to_one_socket_and_once() -> Outcome {
    apart("fanout::both_directions_of_a_flow_go_to_one_socket_and_once", || {
        ip("link set lo up");
        let config = SocketConfig::new("lo").incoming_only(true).buffer(4, 1 << 20);
        let mut sockets = PacketSocket::open_many(&config, 4)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = listener.local_addr()?;
        for _ in 0..40 {
            let mut client = TcpStream::connect(server)?;
            let (mut accepted, _) = listener.accept()?;
            client.write_all(b"ping")?;
            accepted.read_exact(&mut [0; 4])?;
            accepted.write_all(b"pong")?;
            client.read_exact(&mut [0; 4])?;
        }
        // Where each flow's payload came out: the socket, and the bytes.
        let mut flows: HashMap<FlowKey, (usize, usize)> = HashMap::new();
        let mut take = |number: usize, frame: &Frame<'_>| {
            assert_eq!(frame.direction, Direction::Inbound);
            let Some(packet) = Packet::parse(frame.link, frame.bytes) else { return };
            let (socket, bytes) = flows.entry(packet.flow).or_insert((number, 0));
            assert_eq!(*socket, number, "{}", packet.flow);
            *bytes += frame.bytes.len() - packet.payload_at;
        };
        let mut quiet = 0;
        until("the end of it", || {
            let mut packets = 0;
            for (number, socket) in sockets.iter_mut().enumerate() {
                packets += socket.poll(WAIT, |frame| take(number, frame)).expect("up");
            }
            quiet = if packets == 0 { quiet + 1 } else { 0 };
            quiet == 3
        });
        assert_eq!(flows.len(), 40);
        assert!(flows.values().all(|&(_, bytes)| bytes == 8), "{flows:?}");
        let used = |number| flows.values().any(|&(socket, _)| socket == number);
        assert!((0..4).all(used), "{flows:?}");
        Ok(())
    })
}
