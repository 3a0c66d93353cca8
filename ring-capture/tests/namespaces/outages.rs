//! An interface that goes down, goes away and comes back is told, and survived.

use std::time::{Duration, Instant};

use crate::namespace::{Outcome, WAIT, apart, carrier, ip, is_ours, send, shown, until, veth};
use ring_capture::Frame;
use ring_capture::afpacket::{
    Fanout, LinkState, OpenError, PacketSocket, PollError, Reopening, SocketConfig,
};
use ring_capture::filter::Filter;

fn config() -> SocketConfig {
    SocketConfig::new("far").buffer(4, 1 << 16).retire(Duration::from_millis(5))
}

/// Sends one of ours and waits until it is received; what else is received is counted.
fn hears(socket: &mut PacketSocket) -> usize {
    send(b"hear me", 1).expect("both ends are up");
    let (mut ours, mut others) = (0, 0);
    until("a datagram", || {
        let take = |frame: &Frame<'_>| *if is_ours(frame) { &mut ours } else { &mut others } += 1;
        socket.poll(WAIT, take).expect("the interface is up");
        ours > 0
    });
    assert_eq!(ours, 1);
    others
}

fn error(socket: &mut PacketSocket) -> PollError {
    let mut error = None;
    until("an error", || {
        error = socket.poll(WAIT, |_| ()).err();
        error.is_some()
    });
    error.expect("there was one")
}

#[test]
fn down_and_gone_are_told_apart() -> Outcome {
    apart("outages::down_and_gone_are_told_apart", || {
        veth();
        let filter = Filter::parse("udp port 7000")?;
        let mut socket = PacketSocket::open(&config().filter(filter).promiscuous(true))?;
        hears(&mut socket);

        ip("link set far down");
        assert!(matches!(error(&mut socket), PollError::Down));
        assert!(matches!(socket.poll(WAIT, |_| ()), Err(PollError::Down)), "for as long as it is");
        ip("link set far up");
        until("it is up", || socket.check().is_ok());
        carrier();
        hears(&mut socket);

        ip("link delete far");
        until("it is gone", || matches!(error(&mut socket), PollError::Gone));
        assert!(matches!(socket.rebind(), Err(OpenError::NoInterface(name)) if name == "far"));
        assert!(matches!(error(&mut socket), PollError::Gone));
        veth();
        assert!(matches!(error(&mut socket), PollError::Gone), "another one of the same name");
        socket.rebind()?;
        assert_eq!(hears(&mut socket), 0, "the filter is still there");
        assert!(promiscuous(), "and so is this");
        assert_eq!(socket.stats()?.packets, 3);
        drop(socket);
        assert!(!promiscuous());
        Ok(())
    })
}

fn promiscuous() -> bool {
    let shown = shown("far");
    assert!(shown.contains("promiscuity "), "{shown}");
    !shown.contains("promiscuity 0")
}

#[test]
fn an_outage_is_survived_and_counted() -> Outcome {
    apart("outages::an_outage_is_survived_and_counted", || {
        veth();
        let mut socket = Reopening::from(PacketSocket::open(&config())?);
        // A clock of the test's own: each wait takes a second.
        let mut now = Instant::now();
        let mut poll = |socket: &mut Reopening, ours: &mut u64| {
            now += Duration::from_secs(1);
            let take = |frame: &Frame<'_>| *ours += u64::from(is_ours(frame));
            socket.poll(now, WAIT, take).expect("no failure but outages");
        };
        let mut ours = 0;
        for round in 1..=3 {
            send(b"before", 1)?;
            until("the one before", || {
                poll(&mut socket, &mut ours);
                ours == round * 3 - 2
            });
            assert_eq!(socket.state(), LinkState::Up);
            ip("link set near down");
            ip("link set far down");
            until("down", || {
                poll(&mut socket, &mut ours);
                socket.state() == LinkState::Down
            });
            ip("link delete far");
            until("gone", || {
                poll(&mut socket, &mut ours);
                socket.state() == LinkState::Gone && socket.refused().is_some()
            });
            assert_eq!(socket.outages(), round * 2 - 1, "one outage, down and gone");
            veth();
            until("back", || {
                poll(&mut socket, &mut ours);
                socket.state() == LinkState::Up
            });
            assert!(socket.refused().is_none());
            send(b"after", 1)?;
            until("the one after", || {
                poll(&mut socket, &mut ours);
                ours == round * 3 - 1
            });
            ip("link set far down");
            ip("link set far up");
            carrier();
            send(b"once more", 1)?;
            until("the one after a moment down", || {
                poll(&mut socket, &mut ours);
                ours == round * 3 && socket.state() == LinkState::Up
            });
            assert_eq!(socket.outages(), round * 2);
        }
        let stats = socket.stats()?;
        assert!(stats.packets >= 9 && stats.dropped == 0, "{stats:?}");
        Ok(())
    })
}

#[test]
fn while_it_is_gone_it_is_looked_for_less_and_less_often() -> Outcome {
    apart("outages::while_it_is_gone_it_is_looked_for_less_and_less_often", || {
        veth();
        let mut socket = Reopening::from(PacketSocket::open(&config())?);
        ip("link delete far");
        let begin = Instant::now();
        until("gone", || {
            socket.poll(begin, WAIT, |_| ()).expect("an outage");
            socket.state() == LinkState::Gone
        });
        let mut now = begin;
        for ms in [50, 100, 200, 400, 800, 1000, 1000] {
            let next = socket.next_try().expect("it is gone");
            assert_eq!(next - now, Duration::from_millis(ms));
            socket.poll(now + Duration::from_millis(ms - 1), WAIT, |_| ())?;
            assert_eq!(socket.next_try(), Some(next), "too early");
            socket.poll(next, WAIT, |_| ())?;
            now = next;
        }
        veth();
        let next = socket.next_try().expect("it is gone");
        socket.poll(next, WAIT, |_| ())?;
        assert_eq!((socket.next_try(), socket.outages()), (None, 1));
        Ok(())
    })
}

#[test]
fn a_group_comes_back_together() -> Outcome {
    apart("outages::a_group_comes_back_together", || {
        veth();
        let config = config().fanout(Fanout::default());
        let sockets = PacketSocket::open_many(&config, 3)?;
        let group = sockets[0].group();
        let mut sockets: Vec<Reopening> = sockets.into_iter().map(Reopening::from).collect();
        let mut now = Instant::now();
        let mut ours = 0;
        let mut poll = |sockets: &mut Vec<Reopening>, ours: &mut usize| {
            now += Duration::from_secs(1);
            for socket in sockets {
                let take = |frame: &Frame<'_>| *ours += usize::from(is_ours(frame));
                socket.poll(now, WAIT, take).expect("no failure but outages");
            }
        };
        send(b"before", 50)?;
        until("all before", || {
            poll(&mut sockets, &mut ours);
            ours == 50
        });
        ip("link delete far");
        until("gone", || {
            poll(&mut sockets, &mut ours);
            sockets.iter().all(|socket| socket.state() == LinkState::Gone)
        });
        veth();
        until("back", || {
            poll(&mut sockets, &mut ours);
            sockets.iter().all(|socket| socket.state() == LinkState::Up)
        });
        send(b"after", 50)?;
        until("all after", || {
            poll(&mut sockets, &mut ours);
            ours == 100
        });
        poll(&mut sockets, &mut ours);
        assert_eq!(ours, 100, "each once");
        let mut packets = 0;
        for socket in &mut sockets {
            assert_eq!(socket.socket().and_then(|s| s.group()), group);
            packets += socket.stats()?.packets;
        }
        assert!(packets >= 100, "{packets}: those of the closed sockets too");
        Ok(())
    })
}
