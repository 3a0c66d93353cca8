//! After the drop, open sockets receive, new ones are refused, and nothing is left to get them back.

//!
//! Without the test harness: that would have a thread besides, and threads are what it is about.

#[path = "../namespaces/namespace.rs"]
mod namespace;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use namespace::{Outcome, VETH, WAIT, apart, carrier, is_ours, send, skip, until, veth};
use ring_capture::afpacket::privilege::{DropError, User, drop_all};
use ring_capture::afpacket::{LinkState, OpenError, PacketSocket, Reopening, SocketConfig};

type Case = fn() -> Outcome;

const CASES: [(&str, Case); 4] = [
    ("an_open_socket_receives_and_a_new_one_is_refused", received_and_refused),
    ("root_becomes_nobody", root_becomes_nobody),
    ("a_thread_that_keeps_its_privileges_is_found", a_thread_is_found),
    ("without_privileges_an_interface_that_comes_back_is_captured_again", captured_again),
];

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let mut passed = 0;
    for (name, case) in CASES.into_iter().filter(|(name, _)| wanted(name)) {
        apart(name, case)?;
        println!("test {name} ... ok");
        passed += 1;
    }
    println!("test result: ok. {passed} passed");
    Ok(())
}

fn config() -> SocketConfig {
    SocketConfig::new("far").buffer(4, 1 << 16).retire(Duration::from_millis(5))
}

fn receives(socket: &mut PacketSocket) {
    send(b"still there?", 1).expect("both ends are up");
    let mut ours = 0;
    until("a datagram", || {
        socket.poll(WAIT, |frame| ours += usize::from(is_ours(frame))).expect("up");
        ours == 1
    });
}

fn status(field: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").expect("it is readable by anybody");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.expect("the kernel knows the field").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn received_and_refused() -> Outcome {
    veth();
    let mut socket = PacketSocket::open(&config())?;
    receives(&mut socket);
    drop_all(None)?;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(set), "0000000000000000", "{set}");
    }
    assert_eq!(status("NoNewPrivs"), "1");
    assert!(matches!(PacketSocket::open(&config()), Err(OpenError::NotPermitted(_))));
    assert!(!Command::new("ip").args(["link", "set", "far", "down"]).output()?.status.success());
    receives(&mut socket);
    assert_eq!(socket.stats()?.dropped, 0);
    drop_all(None)?;
    Ok(())
}

fn root_becomes_nobody() -> Outcome {
    // A user namespace of ours has no other user to become.
    if fs::read_to_string("/proc/self/uid_map")?.split_whitespace().nth(2) == Some("1") {
        return skip("root becomes nobody", "not root of all");
    }
    veth();
    let mut socket = PacketSocket::open(&config())?;
    drop_all(Some(User { uid: 65534, gid: 65533 }))?;
    assert_eq!(status("Uid"), "65534 65534 65534 65534");
    assert_eq!(status("Gid"), "65533 65533 65533 65533");
    assert_eq!(status("Groups"), "");
    assert_eq!(status("CapBnd"), "0000000000000000");
    assert!(matches!(PacketSocket::open(&config()), Err(OpenError::NotPermitted(_))));
    receives(&mut socket);
    let back = drop_all(Some(User { uid: 0, gid: 0 })).expect_err("for good");
    assert_eq!(back.label(), "call");
    Ok(())
}

fn a_thread_is_found() -> Outcome {
    let (end, ended) = mpsc::channel::<()>();
    let other = thread::spawn(move || ended.recv());
    let error = drop_all(None).expect_err("the other thread has them all");
    assert!(matches!(&error, DropError::Thread { left, .. } if left.starts_with("Cap")), "{error}");
    drop(end);
    let _ = other.join().expect("it ends");
    until("it is gone from /proc", || drop_all(None).is_ok());
    drop_all(None)?;
    Ok(())
}

fn captured_again() -> Outcome {
    veth();
    // Somebody else, who keeps what it takes to make interfaces.
    let script = format!("read go; ip link delete far; read go; ip {}", VETH.join("; ip "));
    let mut other = Command::new("sh").args(["-ec", &script]).stdin(Stdio::piped()).spawn()?;
    let mut orders = other.stdin.take().expect("it is piped");
    let socket = PacketSocket::open(&config().promiscuous(true))?;
    drop_all(None)?;
    let mut socket = Reopening::from(socket);
    let mut now = Instant::now();
    let mut ours = 0;
    let mut reaches = |socket: &mut Reopening, state| {
        until("another state", || {
            now += Duration::from_secs(1);
            let take = |frame: &ring_capture::Frame<'_>| ours += usize::from(is_ours(frame));
            socket.poll(now, WAIT, take).expect("an outage at most");
            socket.state() == state
        });
    };
    writeln!(orders, "go")?;
    reaches(&mut socket, LinkState::Gone);
    writeln!(orders, "go")?;
    reaches(&mut socket, LinkState::Up);
    assert!(other.wait()?.success());
    carrier();
    receives(socket.socket().expect("it is no member of a group"));
    assert_eq!(socket.outages(), 1);
    Ok(())
}
