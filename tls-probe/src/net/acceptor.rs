//! `tokio_rustls::TlsAcceptor`, with a report of every handshake.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{HandshakeKind, ServerConnection};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

use super::{
    clock::{Clock, SystemClock},
    timed::{Tape, Timed},
};
use crate::{
    config::Config,
    gap::Vantage,
    handshake::Handshake,
    names::{CipherSuite, ProtocolVersion, Side},
    outcome::{Alert, Outcome},
    report::Report,
};

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

/// What the acceptor cannot see for itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Endpoints {
    /// The client's address.
    pub client: Option<SocketAddr>,
    /// The server's.
    pub server: Option<SocketAddr>,
    /// The round trip, where the caller knows it (`TCP_INFO`). Without it, time on the path counts
    /// as the client's, and the sentence says so.
    pub rtt: Option<Duration>,
}

impl Endpoints {
    /// The addresses of a TCP stream.
    pub fn of(stream: &TcpStream) -> Self {
        Self { client: stream.peer_addr().ok(), server: stream.local_addr().ok(), rtt: None }
    }
}

type Callback = Arc<dyn Fn(&Report) + Send + Sync>;

/// Accepts TLS and times it. It takes the `TlsAcceptor` you have: certificates, versions and the
/// crypto provider are its affair.
#[derive(Clone)]
pub struct TimedAcceptor<C = SystemClock> {
    inner: TlsAcceptor,
    config: Config,
    clock: C,
    on_slow: Option<Callback>,
}

impl<C> fmt::Debug for TimedAcceptor<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedAcceptor").field("config", &self.config).finish_non_exhaustive()
    }
}

impl TimedAcceptor {
    /// Times the handshakes of `inner` by the system's clock.
    pub fn new(inner: TlsAcceptor, config: Config) -> Self {
        let config = config.vantage(Vantage::Server);
        Self { inner, config, clock: SystemClock, on_slow: None }
    }
}

impl<C: Clock + Unpin> TimedAcceptor<C> {
    /// Takes the time from another clock.
    pub fn with_clock<D: Clock>(self, clock: D) -> TimedAcceptor<D> {
        let Self { inner, config, clock: _, on_slow } = self;
        TimedAcceptor { inner, config, clock, on_slow }
    }

    /// Calls `callback` with every handshake that took [`Config::slow`] or longer, whatever its
    /// outcome; also with one whose future was dropped (`tokio::time::timeout`), as a time-out.
    pub fn on_slow(mut self, callback: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.on_slow = Some(Arc::new(callback));
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
        let mut handshake = Handshake::new(&self.config);
        handshake.accepted(self.clock.now_ns());
        if let Some(rtt) = endpoints.rtt {
            handshake.set_rtt(rtt);
        }
        let tape = Tape::new(handshake, self.clock.clone());
        let accept = self.inner.accept(Timed::new(io, tape.clone()));
        let slow = self.config.slow;
        let watch = Watch { tape, endpoints, slow, on_slow: self.on_slow.clone() };
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
            let report = watch.report(Outcome::Established, |report| complete(report, session));
            Ok((stream, report.expect("only here or on drop is it taken")))
        }
        Err(source) => {
            let (outcome, alert) = failure(&source);
            let report = watch.report(outcome, |report| {
                // On the wire a refusal under encryption looks like any other record.
                if report.outcome == Outcome::Established {
                    report.outcome = outcome;
                }
                if report.outcome == Outcome::Alert {
                    report.alert = report.alert.or(alert);
                }
            });
            let report = Box::new(report.expect("only here or on drop is it taken"));
            Err(AcceptError { source, report })
        }
    }
}

/// Sees to it that every handshake is reported, one whose future is dropped too.
struct Watch<C: Clock> {
    tape: Tape<C>,
    endpoints: Endpoints,
    slow: Duration,
    on_slow: Option<Callback>,
}

impl<C: Clock> Watch<C> {
    fn report(&self, otherwise: Outcome, amend: impl FnOnce(&mut Report)) -> Option<Report> {
        let mut handshake = self.tape.lock().handshake.take()?;
        if handshake.outcome().is_none() {
            handshake.end(self.tape.clock.now_ns(), otherwise);
        }
        let mut report = handshake.report(self.endpoints.client, self.endpoints.server);
        amend(&mut report);
        if report.phases.total >= self.slow {
            tracing::warn!(
                client.address = self.endpoints.client.map(tracing::field::display),
                server.address = report.server_name,
                outcome = report.outcome.label(),
                verdict = report.verdict.label(),
                total = report.phases.total.as_secs_f64(),
                "slow tls handshake: {}",
                report.because
            );
            if let Some(callback) = &self.on_slow {
                callback(&report);
            }
        }
        Some(report)
    }
}

impl<C: Clock> Drop for Watch<C> {
    fn drop(&mut self) {
        self.report(Outcome::Timeout, |_| {});
    }
}

/// What rustls knows and the wire hides.
fn complete(report: &mut Report, session: &ServerConnection) {
    report.outcome = Outcome::Established;
    if let Some(version) = session.protocol_version() {
        report.version = Some(ProtocolVersion(version.into()));
    }
    if let Some(suite) = session.negotiated_cipher_suite() {
        report.cipher = Some(CipherSuite(suite.suite().into()));
    }
    if let Some(name) = session.server_name() {
        report.server_name = Some(name.to_owned());
    }
    report.alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    report.resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
}

/// How a handshake ended that neither an alert in clear nor the end of the stream did.
fn failure(error: &io::Error) -> (Outcome, Option<Alert>) {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(rustls::Error::AlertReceived(alert)), _) => {
            let description = Some(u8::from(*alert));
            (Outcome::Alert, Some(Alert { side: Side::Client, description }))
        }
        (Some(_), _) => (Outcome::Alert, Some(Alert { side: Side::Server, description: None })),
        (None, io::ErrorKind::ConnectionReset) => (Outcome::Reset, None),
        (None, io::ErrorKind::TimedOut) => (Outcome::Timeout, None),
        (None, _) => (Outcome::Incomplete, None),
    }
}
