//! `tokio_rustls::TlsAcceptor`, with a report of every handshake.

use std::{fmt, io};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

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
pub struct AcceptError {
    /// What the stream or rustls said.
    pub source: io::Error,
    /// The report.
    pub report: Box<Report>,
}

impl AcceptError {
    /// A word for metrics: the outcome's.
    pub fn label(&self) -> &'static str {
        self.report.outcome.label()
    }
}

/// Accepts TLS and times it. It takes the `TlsAcceptor` you have: certificates, versions and the
/// crypto provider are its affair.
#[derive(Clone)]
pub struct TimedAcceptor<C = SystemClock> {
    inner: TlsAcceptor,
    watching: Watching<C>,
}

impl<C> fmt::Debug for TimedAcceptor<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.watching.config;
        f.debug_struct("TimedAcceptor").field("config", config).finish_non_exhaustive()
    }
}

impl TimedAcceptor {
    /// Times the handshakes of `inner` by the system's clock.
    pub fn new(inner: TlsAcceptor, config: Config) -> Self {
        let config = config.vantage(Vantage::Server);
        let watching = Watching { config, clock: SystemClock, on_slow: None, tcp_info: None };
        Self { inner, watching }
    }
}

impl<C: Clock + Unpin> TimedAcceptor<C> {
    /// Takes the time from another clock.
    pub fn with_clock<D: Clock>(self, clock: D) -> TimedAcceptor<D> {
        let Self { inner, watching: Watching { config, clock: _, on_slow, tcp_info } } = self;
        TimedAcceptor { inner, watching: Watching { config, clock, on_slow, tcp_info } }
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

    /// Accepts a stream about which nothing else is known.
    ///
    /// # Errors
    /// [`AcceptError`] with the report, if the handshake is not established.
    pub fn accept<IO>(&self, io: IO) -> impl Future<Output = Accepted<IO, C>> + use<IO, C>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_from(io, Endpoints::default())
    }

    /// Accepts a stream between these endpoints. The clock starts with the call.
    ///
    /// # Errors
    /// [`AcceptError`] with the report, if the handshake is not established.
    pub fn accept_from<IO>(
        &self,
        io: IO,
        endpoints: Endpoints,
    ) -> impl Future<Output = Accepted<IO, C>> + use<IO, C>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let watch = self.watching.begin(Side::Server, endpoints);
        let accept = self.inner.accept(Timed::new(io, watch.tape.clone()));
        told(accept, watch)
    }
}

/// What comes of accepting.
pub type Accepted<IO, C = SystemClock> = Result<(TlsStream<Timed<IO, C>>, Report), AcceptError>;

/// Waits for the handshake and reports it.
async fn told<IO, C>(accept: Accept<Timed<IO, C>>, watch: Watch<C>) -> Accepted<IO, C>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    C: Clock + Unpin,
{
    match accept.await {
        Ok(mut stream) => {
            let (timed, session) = stream.get_mut();
            timed.release();
            let report = watch.established(session, session.server_name());
            Ok((stream, report))
        }
        Err(source) => {
            let report = Box::new(watch.failed(&source));
            Err(AcceptError { source, report })
        }
    }
}
