//! `tokio_rustls::TlsConnector`, with a report of every handshake.

use std::{fmt, io};

use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Connect, TlsConnector, client::TlsStream};

use super::{
    clock::{Clock, SystemClock},
    tcp_info::TcpInfoSource,
    timed::Timed,
    watch::{Endpoints, Watch, Watching},
};
use crate::{config::Config, gap::Vantage, names::Side, report::Report};

/// A handshake that failed, with what is known of it.
#[derive(Debug, Error)]
#[error("tls handshake not established: {}", report.outcome.label())]
pub struct ConnectError {
    /// What the stream or rustls said.
    pub source: io::Error,
    /// The report.
    pub report: Box<Report>,
}

impl ConnectError {
    /// A word for metrics: the outcome's.
    pub fn label(&self) -> &'static str {
        self.report.outcome.label()
    }
}

/// Opens TLS on connected streams and times it. It takes the `TlsConnector` you have: roots,
/// client certificate, versions and the crypto provider are its affair.
#[derive(Clone)]
pub struct TimedConnector<C = SystemClock> {
    inner: TlsConnector,
    watching: Watching<C>,
}

impl<C> fmt::Debug for TimedConnector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.watching.config;
        f.debug_struct("TimedConnector").field("config", config).finish_non_exhaustive()
    }
}

impl TimedConnector {
    /// Times the handshakes of `inner` by the system's clock.
    pub fn new(inner: TlsConnector, config: Config) -> Self {
        let config = config.vantage(Vantage::Client);
        let watching = Watching { config, clock: SystemClock, on_slow: None, tcp_info: None };
        Self { inner, watching }
    }
}

impl<C: Clock + Unpin> TimedConnector<C> {
    /// Takes the time from another clock.
    pub fn with_clock<D: Clock>(self, clock: D) -> TimedConnector<D> {
        let Self { inner, watching: Watching { config, clock: _, on_slow, tcp_info } } = self;
        TimedConnector { inner, watching: Watching { config, clock, on_slow, tcp_info } }
    }

    /// Asks the kernel for the round trip and for retransmissions of connections whose
    /// [`Endpoints`] are known.
    pub fn with_tcp_info(mut self, source: TcpInfoSource) -> Self {
        self.watching.tcp_info = Some(source);
        self
    }

    /// Calls `callback` with every handshake that took [`Config::slow`] or longer, whatever its
    /// outcome; also with one whose future was dropped (`tokio::time::timeout`), as a time-out.
    pub fn on_slow(mut self, callback: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.watching.on_slow = Some(std::sync::Arc::new(callback));
        self
    }

    /// Opens TLS to `domain` on a stream about which nothing else is known.
    ///
    /// # Errors
    /// [`ConnectError`] with the report, if the handshake is not established.
    pub fn connect<IO>(
        &self,
        domain: ServerName<'static>,
        io: IO,
    ) -> impl Future<Output = Connected<IO, C>> + use<IO, C>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.connect_from(domain, io, Endpoints::default())
    }

    /// Opens TLS to `domain` on a stream between these endpoints. The clock starts with the call,
    /// or when the connection began to be opened, where that is told.
    ///
    /// # Errors
    /// [`ConnectError`] with the report, if the handshake is not established.
    pub fn connect_from<IO>(
        &self,
        domain: ServerName<'static>,
        io: IO,
        endpoints: Endpoints,
    ) -> impl Future<Output = Connected<IO, C>> + use<IO, C>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let (connect, watch) = self.begin(domain, io, endpoints);
        async move { conclude(connect.await, &watch) }
    }

    /// The handshake and the watch over it, for a caller who gives it up in time of his own.
    pub(super) fn begin<IO>(
        &self,
        domain: ServerName<'static>,
        io: IO,
        endpoints: Endpoints,
    ) -> (Connect<Timed<IO, C>>, Watch<C>)
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let watch = self.watching.begin(Side::Client, endpoints);
        (self.inner.connect(domain, Timed::new(io, watch.tape.clone())), watch)
    }
}

/// What comes of connecting.
pub type Connected<IO, C = SystemClock> = Result<(TlsStream<Timed<IO, C>>, Report), ConnectError>;

/// Reports what came of a handshake.
pub(super) fn conclude<IO, C: Clock>(
    connected: io::Result<TlsStream<Timed<IO, C>>>,
    watch: &Watch<C>,
) -> Connected<IO, C> {
    match connected {
        Ok(mut stream) => {
            let (timed, session) = stream.get_mut();
            timed.release();
            let report = watch.established(session, None);
            Ok((stream, report))
        }
        Err(source) => {
            let report = Box::new(watch.failed(&source));
            Err(ConnectError { source, report })
        }
    }
}
