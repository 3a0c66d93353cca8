//! Listeners of a pipeline, on sockets that are bound already.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use tokio::sync::oneshot;

use super::intake::ListenerState;
use super::limits::Limits;
use super::listen::{
    DatagramSocket, Datagrams, ListenError, Listener, Service, Shared, SocketFile, bind_tcp, serve,
};
#[cfg(feature = "journal")]
use super::listen::{Follower, JournalConfig, JournalError, take_export};
use super::pipeline::{End, Pipeline, Running};
use super::stats::Transport;

impl Pipeline {
    /// Listens for syslog over TCP on `address` and gives the address it got. The listener ends
    /// with the pipeline.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn listen_tcp(
        &self,
        address: SocketAddr,
        limits: Limits,
    ) -> Result<SocketAddr, ListenError> {
        let socket = bind_tcp(address)?;
        let local = socket
            .local_addr()
            .map_err(|source| ListenError { address: address.to_string(), source })?;
        self.serve_tcp(socket, limits)?;
        Ok(local)
    }

    /// Takes syslog over TCP (RFC 6587) from a socket that listens already: see
    /// [`bind_tcp`](super::bind_tcp). Like all of these, on the runtime it is called in.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve_tcp(&self, socket: TcpListener, limits: Limits) -> Result<(), ListenError> {
        self.serve_stream(Transport::Tcp, socket, Service::Lines, limits)
    }

    /// Takes syslog over TLS (RFC 5425): see [`tls_server`](super::tls_server).
    ///
    /// # Errors
    /// [`ListenError`].
    #[cfg(feature = "tls")]
    pub fn serve_tls(
        &self,
        socket: TcpListener,
        tls: Arc<tokio_rustls::rustls::ServerConfig>,
        limits: Limits,
    ) -> Result<(), ListenError> {
        self.serve_stream(Transport::Tls, socket, Service::Tls(tls.into()), limits)
    }

    /// Takes messages over RELP and acknowledges each when its receipt says that it is safe.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve_relp(&self, socket: TcpListener, limits: Limits) -> Result<(), ListenError> {
        self.serve_stream(Transport::Relp, socket, Service::Relp, limits)
    }

    /// Like [`Pipeline::serve_relp`], over TLS: see [`tls_server`](super::tls_server).
    ///
    /// # Errors
    /// [`ListenError`].
    #[cfg(feature = "tls")]
    pub fn serve_relp_tls(
        &self,
        socket: TcpListener,
        tls: Arc<tokio_rustls::rustls::ServerConfig>,
        limits: Limits,
    ) -> Result<(), ListenError> {
        self.serve_stream(Transport::Relp, socket, Service::RelpTls(tls.into()), limits)
    }

    /// Takes syslog over UDP (RFC 5426), on a thread of its own.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve_udp(&self, socket: UdpSocket, limits: Limits) -> Result<(), ListenError> {
        let address = socket.local_addr().map_or_else(|_| "udp".to_owned(), |a| a.to_string());
        self.serve_datagrams(Transport::Udp, &address, DatagramSocket::Udp(socket), limits)
    }

    /// Takes datagrams from a local socket at `path`, which goes away with the listener, on a
    /// thread of its own.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve_unix_datagram(
        &self,
        socket: UnixDatagram,
        path: impl Into<PathBuf>,
        limits: Limits,
    ) -> Result<(), ListenError> {
        let path = path.into();
        let (address, socket) = (
            path.display().to_string(),
            DatagramSocket::Unix { socket, _file: SocketFile(Some(path)) },
        );
        self.serve_datagrams(Transport::UnixDatagram, &address, socket, limits)
    }

    /// Takes frames from a local stream socket, whose file goes away with the listener.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn serve_unix_stream(
        &self,
        socket: UnixListener,
        limits: Limits,
    ) -> Result<(), ListenError> {
        let address = socket.local_addr().ok();
        let path = address.as_ref().and_then(|address| address.as_pathname());
        let file = SocketFile(path.map(Into::into));
        let address = path.map_or_else(String::new, |path| path.display().to_string());
        let failed = |source| ListenError { address: address.clone(), source };
        socket.set_nonblocking(true).map_err(failed)?;
        let listener = tokio::net::UnixListener::from_std(socket).map_err(failed)?;
        self.start(
            Transport::UnixStream,
            address,
            Listener::Unix { listener, _file: file },
            Service::Lines,
            limits,
        );
        Ok(())
    }

    /// Follows the systemd journal: every entry becomes one message, once, however often this
    /// process, `journalctl` or the machine dies. The log remembers how far it came, durably and
    /// only after the entries are; one journal can be followed into a log.
    ///
    /// # Errors
    /// [`JournalError`]; that `journalctl` is not there, or ends, is none: it is tried again.
    #[cfg(feature = "journal")]
    pub fn follow_journal(
        &self,
        config: JournalConfig,
        limits: Limits,
    ) -> Result<(), JournalError> {
        let address = config
            .folder
            .as_ref()
            .map_or_else(|| "journal".to_owned(), |folder| folder.display().to_string());
        let shared = self.shared(Transport::Journal, address, limits);
        let state = Arc::clone(&shared.state);
        let follower = Follower::open(shared, &self.spool, config)?;
        let end = End::Task(tokio::spawn(follower.run()));
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Running { state, end });
        Ok(())
    }

    /// Takes journal entries in export format from a file or a stream called `name`, once: whoever
    /// hands it over again has its messages twice.
    #[cfg(feature = "journal")]
    pub fn take_journal_export(
        &self,
        name: &str,
        stream: impl tokio::io::AsyncRead + Send + Unpin + 'static,
        limits: Limits,
    ) {
        let shared = self.shared(Transport::Journal, name.to_owned(), limits);
        let state = Arc::clone(&shared.state);
        let end = End::Task(tokio::spawn(take_export(stream, shared)));
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Running { state, end });
    }

    fn serve_stream(
        &self,
        transport: Transport,
        socket: TcpListener,
        service: Service,
        limits: Limits,
    ) -> Result<(), ListenError> {
        let address = socket.local_addr().map_or_else(|_| String::new(), |a| a.to_string());
        let failed = |source| ListenError { address: address.clone(), source };
        socket.set_nonblocking(true).map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(socket).map_err(failed)?;
        self.start(transport, address, Listener::Tcp(listener), service, limits);
        Ok(())
    }

    fn start(
        &self,
        transport: Transport,
        address: String,
        listener: Listener,
        service: Service,
        limits: Limits,
    ) {
        let shared = self.shared(transport, address, limits);
        let state = Arc::clone(&shared.state);
        let end = End::Task(tokio::spawn(serve(listener, service, shared)));
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Running { state, end });
    }

    fn serve_datagrams(
        &self,
        transport: Transport,
        address: &str,
        socket: DatagramSocket,
        limits: Limits,
    ) -> Result<(), ListenError> {
        let failed = |source| ListenError { address: address.to_owned(), source };
        let shared = self.shared(transport, address.to_owned(), limits);
        let state = Arc::clone(&shared.state);
        let datagrams = Datagrams::new(socket, shared).map_err(failed)?;
        let (end, ended) = oneshot::channel::<()>();
        let run = move || {
            datagrams.run();
            drop(end);
        };
        std::thread::Builder::new().name(transport.label().into()).spawn(run).map_err(failed)?;
        let running = Running { state, end: End::Thread(ended) };
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(running);
        Ok(())
    }

    fn shared(&self, transport: Transport, address: String, limits: Limits) -> Shared {
        let state = Arc::new(ListenerState::new(transport, address));
        Shared::new(Arc::clone(&self.intake), state, limits, self.stop.subscribe())
    }
}
