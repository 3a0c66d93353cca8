//! What the kernel knows of a socket and tells in `/proc/net` only: proc_net(5).

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Datagrams the kernel dropped since the socket with this inode was made, its receive buffer being
/// full. `None` when `/proc` does not say.
pub(super) fn dropped_datagrams(inode: u64, is_v4: bool) -> Option<u64> {
    let text = fs::read_to_string(if is_v4 { "/proc/net/udp" } else { "/proc/net/udp6" }).ok()?;
    let inode = inode.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(INODE);
        (fields.next()? == inode).then(|| fields.nth(DROPS - INODE - 1)?.parse().ok())?
    })
}

/// Bytes written to a TCP connection that the peer's kernel has not acknowledged. `NotFound` when
/// there is no such connection any more.
pub(super) fn unacknowledged_bytes(local: SocketAddr, peer: SocketAddr) -> io::Result<u64> {
    let text =
        fs::read_to_string(if local.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" })?;
    unacknowledged_in(&text, local, peer).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn unacknowledged_in(text: &str, local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let (local, peer) = (in_hex(local), in_hex(peer));
    text.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(LOCAL);
        let is_it = fields.next()? == local && fields.next()? == peer;
        let queues = if is_it { fields.nth(QUEUES - LOCAL - 2)? } else { return None };
        u64::from_str_radix(queues.split_once(':')?.0, 16).ok()
    })
}

/// The address as words in the machine's own byte order, the port as a number.
fn in_hex(address: SocketAddr) -> String {
    let word = |bytes: &[u8]| {
        u32::from_ne_bytes(bytes.try_into().expect("addresses are words of four bytes"))
    };
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) => format!("{:08X}:{port:04X}", word(&ip.octets())),
        IpAddr::V6(ip) => {
            let [a, b, c, d] = [0, 4, 8, 12].map(|at| word(&ip.octets()[at..at + 4]));
            format!("{a:08X}{b:08X}{c:08X}{d:08X}:{port:04X}")
        }
    }
}

// Columns.
const LOCAL: usize = 1;
const QUEUES: usize = 4;
const INODE: usize = 9;
const DROPS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_full_receive_buffer_is_told() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(address) else { continue };
            let sender = UdpSocket::bind(address).unwrap();
            let inode = fs::metadata(fd_path(&socket)).unwrap().ino();
            let is_v4 = address.starts_with('1');
            assert_eq!(dropped_datagrams(inode, is_v4), Some(0));
            for _ in 0..2000 {
                sender.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
            }
            assert!(dropped_datagrams(inode, is_v4).unwrap() > 0);
        }
        assert_eq!(dropped_datagrams(u64::MAX, true), None);
    }

    #[test]
    fn bytes_a_peer_does_not_read_are_unacknowledged() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let peer = listener.accept().unwrap();
            let ends = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
            assert_eq!(unacknowledged_bytes(ends.0, ends.1).unwrap(), 0);
            stream.set_nonblocking(true).unwrap();
            while stream.write(&[0; 8192]).is_ok() {}
            assert!(unacknowledged_bytes(ends.0, ends.1).unwrap() > 0);
            drop(peer);
        }
        let nobody = "127.0.0.1:1".parse().unwrap();
        let error = unacknowledged_bytes(nobody, nobody).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    fn fd_path(socket: &UdpSocket) -> String {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", socket.as_raw_fd())
    }
}
