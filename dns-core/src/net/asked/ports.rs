//! Datagrams to one server, each pool of queries from a port of its own that nobody outside can guess
//! (RFC 5452 §9.2). A port is used for a short while by a few queries, then never again.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Heard, Pending, id_of};
use crate::forward::AttemptId;

#[derive(Debug)]
pub(super) struct Ports {
    server: SocketAddr,
    heard: mpsc::Sender<Heard>,
    open: Vec<Port>,
    next: usize,
}

#[derive(Debug)]
struct Port {
    /// The same socket as the reader's. Sending past tokio: it knows of a new socket's readiness late.
    socket: std::net::UdpSocket,
    pending: Arc<Mutex<Pending>>,
    opened: Instant,
    used: u32,
}

impl Ports {
    pub(super) fn new(server: SocketAddr, heard: mpsc::Sender<Heard>) -> Ports {
        Ports { server, heard, open: Vec::new(), next: 0 }
    }

    pub(super) fn send(&mut self, attempt: AttemptId, message: &[u8]) {
        let sent = self.port().and_then(|port| {
            port.used += 1;
            let id = id_of(message).ok_or(io::ErrorKind::InvalidData)?;
            let mut pending = port.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.entry(id).or_default().push(attempt);
            port.socket.send(message)
        });
        if let Err(error) = sent {
            tracing::debug!(server.address = %self.server, %error, "cannot send a query");
            let _ = self.heard.try_send(Heard::Failure(attempt));
        }
    }

    /// The ports in turn; one that has served its time is replaced.
    fn port(&mut self) -> io::Result<&mut Port> {
        self.open.retain(|port| port.used < USES && port.opened.elapsed() < LIFE);
        if self.open.len() < PORTS {
            let port = Port::open(self.server, &self.heard)?;
            self.open.push(port);
            self.next = self.open.len() - 1;
        } else {
            self.next = (self.next + 1) % self.open.len();
        }
        Ok(&mut self.open[self.next])
    }
}

impl Port {
    fn open(server: SocketAddr, heard: &mpsc::Sender<Heard>) -> io::Result<Port> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        // The kernel draws the port. Connected: nothing from elsewhere comes through, and an ICMP error
        // is heard of.
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let reader = UdpSocket::from_std(socket.try_clone()?)?;
        let pending = Arc::new(Mutex::new(Pending::new()));
        tokio::spawn(read(reader, Arc::clone(&pending), heard.clone()));
        Ok(Port { socket, pending, opened: Instant::now(), used: 0 })
    }
}

/// Reads until no answer can come any more.
async fn read(socket: UdpSocket, pending: Arc<Mutex<Pending>>, heard: mpsc::Sender<Heard>) {
    let mut response = vec![0; LARGEST];
    let end = Instant::now() + LIFE + LINGER;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(received) = timeout(left, socket.recv(&mut response)).await else { return };
        let take_all = received.is_err();
        let attempts: Vec<AttemptId> = {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            match &received {
                // Nobody listens there: everything on its way has failed.
                Err(_) => pending.drain().flat_map(|(_, attempts)| attempts).collect(),
                Ok(len) => {
                    let id = id_of(&response[..*len]);
                    id.and_then(|id| pending.get(&id)).cloned().unwrap_or_default()
                }
            }
        };
        for attempt in attempts {
            let what = match &received {
                Ok(len) => Heard::Response(attempt, response[..*len].to_vec()),
                Err(_) => Heard::Failure(attempt),
            };
            if heard.send(what).await.is_err() {
                return;
            }
        }
        if take_all {
            tokio::task::yield_now().await;
        }
    }
}

/// Ports open at once to one server.
const PORTS: usize = 32;
/// Queries from one port.
const USES: u32 = 64;
/// How long a port is used for new queries.
const LIFE: Duration = Duration::from_secs(10);
/// How long answers are waited for after that: longer than a flight lasts.
const LINGER: Duration = Duration::from_secs(10);
/// The largest answer taken over UDP: more than is ever offered.
const LARGEST: usize = 4096;
