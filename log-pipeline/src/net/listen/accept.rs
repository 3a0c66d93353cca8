//! Accepting connections, each a task of its own.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use tokio::io::AsyncWriteExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::gate::{Admission, Gate};
use super::{Shared, lines, relp, stopped};

/// Where connections come from.
pub(in crate::net) enum Listener {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: SocketFile },
}

/// The file of a local socket, which goes away with it.
#[derive(Debug)]
pub(in crate::net) struct SocketFile(pub(in crate::net) Option<PathBuf>);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Somebody may have removed it, or we may not any more.
            let _ = std::fs::remove_file(path);
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What is spoken on them.
#[derive(Clone)]
pub(in crate::net) enum Service {
    /// RFC 6587.
    Lines,
    Relp,
    /// RFC 5425.
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
    #[cfg(feature = "tls")]
    RelpTls(tokio_rustls::TlsAcceptor),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| (Stream::Tcp(stream), Some(peer)))
            }
            Self::Unix { listener, .. } => {
                listener.accept().await.map(|(stream, _)| (Stream::Unix(stream), None))
            }
        }
    }
}

/// Accepts until told to stop, then takes in what is already there and ends.
pub(in crate::net) async fn serve(listener: Listener, service: Service, shared: Shared) {
    let gate = Arc::new(Gate::default());
    let mut connections = JoinSet::new();
    let mut stop = shared.stop.clone();
    let admit = |(stream, peer): (Stream, Option<SocketAddr>), connections: &mut JoinSet<()>| {
        // Refused connections are closed by being dropped.
        if let Some(admission) = gate.admit(peer.map(|peer| peer.ip()), &shared) {
            shared.state.accepted.add(1);
            let (service, shared) = (service.clone(), shared.clone());
            connections.spawn(connection(stream, peer, service, shared, admission));
        }
    };
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => admit(accepted, &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    // Out of file descriptors, most likely: connections have to end first.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    // Connections the kernel has accepted for us may hold messages already.
    tokio::task::yield_now().await;
    loop {
        tokio::select! {
            biased;
            Ok(accepted) = listener.accept() => admit(accepted, &mut connections),
            () = std::future::ready(()) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: Stream,
    peer: Option<SocketAddr>,
    service: Service,
    shared: Shared,
    admission: Admission,
) {
    shared.state.open.add(1);
    let outcome = match stream {
        Stream::Tcp(stream) => {
            // Acknowledgements are small, and somebody waits for them.
            let _ = stream.set_nodelay(true);
            speak(stream, peer, service, &shared).await
        }
        Stream::Unix(stream) => speak(stream, peer, service, &shared).await,
    };
    if let Err(error) = outcome {
        tracing::debug!(?peer, %error, "connection ended");
    }
    shared.state.open.subtract(1);
    drop(admission);
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: Option<SocketAddr>,
    service: Service,
    shared: &Shared,
) -> io::Result<()> {
    match service {
        Service::Lines => lines::receive(&mut stream, peer, shared).await,
        Service::Relp => relp::receive(&mut stream, peer, shared).await,
        #[cfg(feature = "tls")]
        Service::Tls(acceptor) => {
            let Some(mut stream) = handshake(stream, acceptor, shared).await? else {
                return Ok(());
            };
            let outcome = lines::receive(&mut stream, peer, shared).await;
            // Says that this is the end and no truncation (RFC 5425 §4.4), if the peer listens.
            let _ = tokio::time::timeout(FAREWELL, stream.shutdown()).await;
            outcome
        }
        #[cfg(feature = "tls")]
        Service::RelpTls(acceptor) => match handshake(stream, acceptor, shared).await? {
            Some(mut stream) => relp::receive(&mut stream, peer, shared).await,
            None => Ok(()),
        },
    }
}

/// `None` when the listener stops before it is done.
#[cfg(feature = "tls")]
async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    acceptor: tokio_rustls::TlsAcceptor,
    shared: &Shared,
) -> io::Result<Option<tokio_rustls::server::TlsStream<S>>> {
    let mut stop = shared.stop.clone();
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(shared.limits.unfinished, acceptor.accept(stream)) => accepted,
        () = stopped(&mut stop) => return Ok(None),
    };
    let accepted = accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    if accepted.is_err() {
        shared.state.handshake.add(1);
    }
    accepted.map(Some)
}

#[cfg(feature = "tls")]
const FAREWELL: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
