//! Programs that serve on loopback until a test is done with them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that runs, and is asked to end when this goes.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Daemon {
    /// Starts `command` and waits until it takes connections at `port`.
    pub(crate) fn start(mut command: Command, port: u16) -> Daemon {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().expect("the program starts");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut daemon = Daemon { child, address };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            let ended = daemon.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended at once: {ended:?}");
            assert!(Instant::now() < patience, "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// To send signals to.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports of loopback that were free a moment ago, for UDP and TCP, each another.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    while held.len() < N {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = tcp.local_addr().expect("bound").port();
        if let Ok(udp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, tcp, udp));
        }
    }
    std::array::from_fn(|index| held[index].0)
}

/// One of them.
pub(crate) fn free_port() -> u16 {
    let [port] = free_ports();
    port
}
