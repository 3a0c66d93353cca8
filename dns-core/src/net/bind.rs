//! Where to listen, and opening the sockets for it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use thiserror::Error;

/// Where queries are taken: `127.0.0.1:53` for UDP and TCP, `tls://127.0.0.1:853` for DNS over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Listen {
    /// UDP and TCP.
    Plain(SocketAddr),
    /// DNS over TLS (RFC 7858).
    Tls(SocketAddr),
}

/// Why a text is no place to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// No address with a port.
    #[error("not an address: write 127.0.0.1:53, [::1]:53 or tls://127.0.0.1:853")]
    Address,
    /// A scheme that is not listened for.
    #[error("unknown scheme: udp and tls are listened for")]
    Scheme,
}

impl ListenError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            ListenError::Address => "address",
            ListenError::Scheme => "scheme",
        }
    }
}

impl Listen {
    /// The address.
    pub const fn address(&self) -> SocketAddr {
        match *self {
            Listen::Plain(address) | Listen::Tls(address) => address,
        }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Listen, ListenError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let port = if scheme == "tls" { 853 } else { 53 };
        let address = rest.parse().or_else(|_| {
            let bare = rest.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(rest);
            bare.parse().map(|ip| SocketAddr::new(ip, port)).map_err(|_| ListenError::Address)
        });
        match scheme {
            "udp" | "dns" => Ok(Listen::Plain(address?)),
            "tls" => Ok(Listen::Tls(address?)),
            _ => Err(ListenError::Scheme),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Plain(address) => write!(f, "{address}"),
            Listen::Tls(address) => write!(f, "tls://{address}"),
        }
    }
}

/// Why a server could not begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// An address cannot be listened on.
    #[error("cannot listen on {listen}{}", hint(source))]
    Listen {
        /// Where.
        listen: Listen,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A server to ask speaks what this build does not.
    #[error("{0} is asked over a protocol this build does not speak")]
    Protocol(crate::upstream::Upstream),
    /// DNS over TLS without a certificate, or in a build without it.
    #[error("{0} takes a certificate and its key, and a build with feature `tls`")]
    Tls(Listen),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl BindError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            BindError::Listen { .. } => "listen",
            BindError::Protocol(_) => "protocol",
            BindError::Tls(_) => "tls",
            BindError::Thread(_) => "thread",
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => " (ports below 1024 take CAP_NET_BIND_SERVICE)",
        io::ErrorKind::AddrInUse => " (somebody listens there already)",
        io::ErrorKind::AddrNotAvailable => " (no interface has this address)",
        _ => "",
    }
}

/// A datagram socket that shares its address with the others of its listener.
pub(super) fn datagram(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(IpProtocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Best effort: bursts wait here; the kernel caps it.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.set_read_timeout(Some(NOTICE))?;
    if address.ip().is_unspecified() {
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A listening socket for connections. The caller is inside a runtime.
pub(super) fn stream(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    tokio::net::TcpListener::from_std(socket.into())
}

/// How soon a thread notices that it is to stop.
const NOTICE: Duration = Duration::from_millis(200);
const SOCKET_BUFFER: usize = 4 << 20;
const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written_back() {
        for (text, written) in [
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("::1", "[::1]:53"),
            ("tls://[::1]", "tls://[::1]:853"),
            ("udp://127.0.0.1", "127.0.0.1:53"),
        ] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), written);
        }
        assert_eq!("ftp://127.0.0.1:1".parse::<Listen>(), Err(ListenError::Scheme));
        assert_eq!("localhost:53".parse::<Listen>(), Err(ListenError::Address));
    }
}
