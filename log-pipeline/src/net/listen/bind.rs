//! Sockets to listen on, made without a runtime so that a process can open them, give up its
//! privileges, and only then start threads.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use nix::sys::socket::{setsockopt, sockopt};

/// Why a listener could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address or path asked for.
    pub address: String,
    #[source]
    pub(crate) source: io::Error,
}

impl ListenError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        "bind"
    }

    /// What the system said.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Who may write to a local socket: the mode of its file. `/dev/log` is 0o666, the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixMode(pub u32);

impl Default for UnixMode {
    fn default() -> Self {
        Self(0o666)
    }
}

/// A TCP socket, for RFC 6587, RFC 5425 and RELP.
///
/// # Errors
/// [`ListenError`].
pub fn bind_tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).map_err(|source| failed(&address, source))
}

/// A UDP socket whose receive buffer has room for `receive_bytes`, as far as the system allows
/// (`net.core.rmem_max`, unless the process may exceed it).
///
/// # Errors
/// [`ListenError`].
pub fn bind_udp(address: SocketAddr, receive_bytes: usize) -> Result<UdpSocket, ListenError> {
    let socket = UdpSocket::bind(address).map_err(|source| failed(&address, source))?;
    // Without the privilege to exceed the limit, as much as it allows.
    if setsockopt(&socket, sockopt::RcvBufForce, &receive_bytes).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &receive_bytes)
            .map_err(|errno| failed(&address, errno.into()))?;
    }
    Ok(socket)
}

/// A local datagram socket, like `/dev/log`. A socket file nobody listens on any more is replaced;
/// any other file is left alone.
///
/// # Errors
/// [`ListenError`]; `AddrInUse` when somebody listens there or the file is no socket.
pub fn bind_unix_datagram(path: &Path, mode: UnixMode) -> Result<UnixDatagram, ListenError> {
    at_path(path, mode, || UnixDatagram::unbound()?.connect(path), || UnixDatagram::bind(path))
}

/// A local stream socket; otherwise like [`bind_unix_datagram`].
///
/// # Errors
/// [`ListenError`]; `AddrInUse` when somebody listens there or the file is no socket.
pub fn bind_unix_stream(path: &Path, mode: UnixMode) -> Result<UnixListener, ListenError> {
    at_path(path, mode, || UnixStream::connect(path).map(drop), || UnixListener::bind(path))
}

fn at_path<S>(
    path: &Path,
    mode: UnixMode,
    connect: impl Fn() -> io::Result<()>,
    bind: impl Fn() -> io::Result<S>,
) -> Result<S, ListenError> {
    let error = |source| failed(&path.display(), source);
    if let Ok(metadata) = fs::symlink_metadata(path) {
        // Of another type of socket: somebody listens there as well.
        let refused = connect().is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
        if !metadata.file_type().is_socket() || !refused {
            return Err(error(io::ErrorKind::AddrInUse.into()));
        }
        fs::remove_file(path).map_err(error)?;
    }
    let socket = bind().map_err(error)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode.0)).map_err(error)?;
    Ok(socket)
}

fn failed(address: &dyn std::fmt::Display, source: io::Error) -> ListenError {
    ListenError { address: address.to_string(), source }
}
