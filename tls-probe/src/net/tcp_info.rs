//! What the kernel knows of a TCP connection (`TCP_INFO`), asked for by its addresses.
//!
//! It asks over a socket of `NETLINK_SOCK_DIAG`, as `ss -i` does: that needs no privilege, no
//! file descriptor of the connection and no unsafe code, and costs two system calls, about a
//! microsecond.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

#[cfg(target_os = "linux")]
use rustix::{
    fd::OwnedFd,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    },
};

/// What the kernel measured on a connection so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    /// The smoothed round trip.
    pub rtt: Duration,
    /// The shortest round trip seen; `None` before the first, and of old kernels.
    pub min_rtt: Option<Duration>,
    /// Segments sent again, SYNs among them.
    pub retransmissions: u32,
}

/// Asks the kernel. Clones share one socket. It sees the connections of the network namespace it
/// was opened in.
#[derive(Debug, Clone)]
pub struct TcpInfoSource {
    #[cfg(target_os = "linux")]
    socket: Arc<Mutex<(OwnedFd, u32)>>,
    #[cfg(not(target_os = "linux"))]
    socket: Arc<Mutex<()>>,
}

#[cfg(target_os = "linux")]
impl TcpInfoSource {
    /// Opens the socket to ask on.
    ///
    /// # Errors
    /// Where the system refuses it; on anything but Linux always, as unsupported.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let protocol = Some(netlink::SOCK_DIAG);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
        Ok(Self { socket: Arc::new(Mutex::new((socket, 0))) })
    }

    /// What is known of the connection between these addresses, ours first.
    ///
    /// # Errors
    /// `NotFound` if there is no such connection, or what the system says.
    pub fn ask(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<TcpInfo> {
        let mut locked = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let (socket, sequence) = &mut *locked;
        *sequence = sequence.wrapping_add(1);
        let question = request(*sequence, local, remote);
        send(&*socket, &question, SendFlags::empty())?;
        let mut answer = [0; 1024];
        // The kernel answers within the call above. Answers to questions given up come first.
        for _ in 0..8 {
            let (length, _) = recv(&*socket, &mut answer[..], RecvFlags::empty())?;
            if let Some(answered) = reply(&answer[..length], *sequence) {
                return answered;
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(not(target_os = "linux"))]
impl TcpInfoSource {
    /// Opens the socket to ask on.
    ///
    /// # Errors
    /// Where the system refuses it; on anything but Linux always, as unsupported.
    pub fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What is known of the connection between these addresses, ours first.
    ///
    /// # Errors
    /// Always.
    pub fn ask(&self, _: SocketAddr, _: SocketAddr) -> io::Result<TcpInfo> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// `nlmsghdr` and `inet_diag_req_v2` (sock_diag(7)).
fn request(sequence: u32, local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let mut out = Vec::with_capacity(REQUEST);
    out.extend((REQUEST as u32).to_ne_bytes());
    out.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend(NLM_F_REQUEST.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]); // the kernel fills in who asks
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    out.extend([family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    out.extend(u32::MAX.to_ne_bytes()); // in any state
    out.extend(local.port().to_be_bytes());
    out.extend(remote.port().to_be_bytes());
    for address in [local.ip(), remote.ip()] {
        match address {
            IpAddr::V4(v4) => {
                out.extend(v4.octets());
                out.extend([0; 12]);
            }
            IpAddr::V6(v6) => out.extend(v6.octets()),
        }
    }
    out.extend([0; 4]); // on any interface
    out.extend([0xff; 8]); // no cookie
    out
}

/// Reads an answer; `None` if it is one to another question.
fn reply(answer: &[u8], sequence: u32) -> Option<io::Result<TcpInfo>> {
    let word =
        |at: usize| answer.get(at..at + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    if word(8)? != sequence {
        return None;
    }
    let kind = answer.get(4..6).map(|b| u16::from_ne_bytes([b[0], b[1]]))?;
    if kind == NLMSG_ERROR {
        let errno = i32::from_ne_bytes(word(16)?.to_ne_bytes());
        return Some(Err(io::Error::from_raw_os_error(errno.wrapping_neg())));
    }
    let mut attributes = answer.get(ATTRIBUTES..).unwrap_or_default();
    while let [a, b, c, d, ..] = *attributes {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(value) = attributes.get(4..length) else { break };
        if u16::from_ne_bytes([c, d]) == u16::from(INET_DIAG_INFO) {
            return Some(tcp_info(value).ok_or(io::ErrorKind::InvalidData.into()));
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Err(io::ErrorKind::InvalidData.into()))
}

/// `struct tcp_info` of linux/tcp.h, which has only ever grown at its end.
fn tcp_info(value: &[u8]) -> Option<TcpInfo> {
    let word =
        |at: usize| value.get(at..at + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let micros = |us: u32| Duration::from_micros(us.into());
    Some(TcpInfo {
        rtt: micros(word(68)?),
        min_rtt: word(148).filter(|us| !matches!(us, 0 | &u32::MAX)).map(micros),
        retransmissions: word(100)?,
    })
}

const REQUEST: usize = 16 + 56;
/// After `nlmsghdr` and `inet_diag_msg`.
const ATTRIBUTES: usize = 16 + 72;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const INET_DIAG_INFO: u8 = 2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_size_it_declares() {
        let v4 = request(7, ([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let v6 = request(7, ([1; 8], 1).into(), ([2; 8], 2).into());
        assert_eq!((v4.len(), v6.len()), (REQUEST, REQUEST));
    }

    #[test]
    fn a_cut_reply_is_an_error_and_another_s_is_passed_over() {
        let mut answer = vec![0; ATTRIBUTES];
        answer[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        answer[8..12].copy_from_slice(&9_u32.to_ne_bytes());
        let mut info = vec![0; 152];
        info[68..72].copy_from_slice(&1_500_u32.to_ne_bytes());
        info[100..104].copy_from_slice(&3_u32.to_ne_bytes());
        answer.extend(((info.len() + 4) as u16).to_ne_bytes());
        answer.extend(u16::from(INET_DIAG_INFO).to_ne_bytes());
        answer.extend(&info);
        let read = reply(&answer, 9).expect("ours").expect("whole");
        assert_eq!((read.rtt.as_micros(), read.retransmissions, read.min_rtt), (1_500, 3, None));
        assert!(reply(&answer, 8).is_none());
        for cut in 12..answer.len() {
            assert!(reply(&answer[..cut], 9).is_some_and(|r| r.is_err()), "cut at {cut}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_tells_of_a_connection_of_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let there = listener.local_addr().expect("bound");
        let stream = std::net::TcpStream::connect(there).expect("it listens");
        let here = stream.local_addr().expect("bound");
        let source = TcpInfoSource::open().expect("sock_diag");
        let info = source.ask(here, there).expect("it is there");
        assert!(info.rtt < Duration::from_secs(1) && info.retransmissions == 0, "{info:?}");
        let nobody = source.ask(here, ([127, 0, 0, 1], 1).into()).expect_err("there is none");
        assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
    }
}
