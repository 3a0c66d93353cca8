//! A resolver that runs.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The binary under test.
pub const RESOLVER: &str = env!("CARGO_BIN_EXE_resolver");

/// A resolver that runs until it is dropped.
pub struct Running {
    pub child: Child,
    pub address: SocketAddr,
}

impl Running {
    /// Listens on a port of its choice.
    pub fn start(args: &[&str]) -> Running {
        let mut command = Command::new(RESOLVER);
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        Running::spawn(command)
    }

    /// Waits until it says where it listens.
    pub fn spawn(mut command: Command) -> Running {
        command.env("NO_COLOR", "1");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the resolver starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let address = loop {
            let line = lines.next().expect("it says where it listens").expect("text");
            if let Some((_, address)) = line.split_once("listen=") {
                break address.trim().parse().expect("an address");
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Running { child, address }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// The response code and the last four octets.
    pub fn ask(&self, name: &str) -> (u8, [u8; 4]) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let name: dns_core::Name = name.parse().expect("a name");
        let query = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], name.as_wire(), &[0, 1, 0, 1]].concat();
        socket.send_to(&query, self.address).expect("sent");
        let mut response = [0; 4096];
        let len = socket.recv(&mut response).expect("a response");
        let last = response[..len].last_chunk().expect("a header at least");
        (response[3] & 15, *last)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
