//! Where to listen, and opening the sockets for it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use thiserror::Error;

/// Where queries are taken: `127.0.0.1:53` for UDP and TCP, `tls://127.0.0.1:853` for DNS over TLS,
/// `https://127.0.0.1:443` for DNS over HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Listen {
    /// UDP and TCP.
    Plain(SocketAddr),
    /// DNS over TLS (RFC 7858).
    Tls(SocketAddr),
    /// DNS over HTTPS (RFC 8484), at `/dns-query`.
    Https(SocketAddr),
}

/// Why a text is no place to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// No address with a port.
    #[error(
        "not an address: write 127.0.0.1:53, [::1]:53, tls://127.0.0.1:853 or https://127.0.0.1:443"
    )]
    Address,
    /// A scheme that is not listened for.
    #[error("unknown scheme: udp, tls and https are listened for")]
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
            Listen::Plain(address) | Listen::Tls(address) | Listen::Https(address) => address,
        }
    }

    /// The same at another address.
    pub(super) const fn at(&self, address: SocketAddr) -> Listen {
        match self {
            Listen::Plain(_) => Listen::Plain(address),
            Listen::Tls(_) => Listen::Tls(address),
            Listen::Https(_) => Listen::Https(address),
        }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Listen, ListenError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let port = match scheme {
            "tls" => 853,
            "https" => 443,
            _ => 53,
        };
        let address = rest.parse().or_else(|_| {
            let bare = rest.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(rest);
            bare.parse().map(|ip| SocketAddr::new(ip, port)).map_err(|_| ListenError::Address)
        });
        match scheme {
            "udp" | "dns" => Ok(Listen::Plain(address?)),
            "tls" => Ok(Listen::Tls(address?)),
            "https" => Ok(Listen::Https(address?)),
            _ => Err(ListenError::Scheme),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Plain(address) => write!(f, "{address}"),
            Listen::Tls(address) => write!(f, "tls://{address}"),
            Listen::Https(address) => write!(f, "https://{address}"),
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
    #[error("{0} takes a certificate and its key, and a build with its feature (`tls`, `https`)")]
    Tls(Listen),
    /// The system's configuration cannot be read.
    #[error("cannot read {}", path.display())]
    System {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
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
            BindError::System { .. } => "system",
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

/// Sockets that are open and not served yet: for whoever gives up privileges, or gets its sockets from a
/// service manager.
#[derive(Debug, Default)]
pub struct Sockets {
    pub(super) datagrams: Vec<UdpSocket>,
    pub(super) streams: Vec<(Listen, TcpListener)>,
}

impl Sockets {
    /// Opens a socket for connections on each address, and for datagrams as many as `threads` on each plain
    /// one.
    ///
    /// # Errors
    /// [`BindError::Listen`]: none is open then.
    pub fn open(listen: &[Listen], threads: usize) -> Result<Sockets, BindError> {
        let mut sockets = Sockets::default();
        for &listen in listen {
            let failed = |source| BindError::Listen { listen, source };
            let stream = stream(listen.address()).map_err(failed)?;
            // With port 0, UDP takes the port that TCP was given.
            let address = stream.local_addr().map_err(failed)?;
            sockets.streams.push((listen.at(address), stream));
            if let Listen::Plain(_) = listen {
                for _ in 0..threads.max(1) {
                    sockets.datagrams.push(datagram(address).map_err(failed)?);
                }
            }
        }
        Ok(sockets)
    }

    /// Takes a datagram socket that somebody else has bound.
    ///
    /// # Errors
    /// When the system refuses the options a server needs.
    pub fn take_datagrams(&mut self, socket: UdpSocket) -> io::Result<()> {
        let address = socket.local_addr()?;
        let socket = Socket::from(socket);
        socket.set_nonblocking(false)?;
        prepare(&socket, address)?;
        self.datagrams.push(socket.into());
        Ok(())
    }

    /// Takes a listening socket that somebody else has bound, for connections in plain DNS.
    ///
    /// # Errors
    /// When the system refuses the options a server needs.
    pub fn take_stream(&mut self, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        self.streams.push((Listen::Plain(address), listener));
        Ok(())
    }

    /// Where there are sockets.
    pub fn addresses(&self) -> impl Iterator<Item = Listen> {
        self.streams.iter().map(|(listen, _)| *listen)
    }
}

/// A datagram socket that shares its address with the others of its listener.
fn datagram(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(IpProtocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    prepare(&socket, address)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // Best effort: bursts wait here; the kernel caps it.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.set_read_timeout(Some(NOTICE))?;
    if address.ip().is_unspecified() {
        if address.is_ipv4() {
            setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    Ok(())
}

/// A listening socket for connections.
fn stream(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How soon a thread notices that it is to stop.
const NOTICE: Duration = Duration::from_millis(200);
const SOCKET_BUFFER: usize = 4 << 20;
const BACKLOG: i32 = 1024;

/// What DNS over TLS is called where a handshake names protocols (ALPN; RFC 9103 §7.1 demands it for transfers).
#[cfg(feature = "tls")]
pub(super) const DOT: &[u8] = b"dot";

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
