//! What acceptor and connector share: a watch over one handshake, which reports it whatever
//! becomes of it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{AlertDescription, CommonState, HandshakeKind};
use tokio::net::TcpStream;

use super::{
    clock::Clock,
    tcp_info::{TcpInfo, TcpInfoSource},
    timed::Tape,
};
use crate::{
    config::Config,
    handshake::Handshake,
    names::{CipherSuite, ProtocolVersion, Side},
    outcome::{Alert, Outcome},
    report::Report,
    timeline::{Event, What},
};

/// What acceptor and connector cannot see for themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Endpoints {
    /// The client's address.
    pub client: Option<SocketAddr>,
    /// The server's.
    pub server: Option<SocketAddr>,
    /// The round trip, where the caller knows it. Without it, and without a [`TcpInfoSource`] to
    /// ask, time on the path counts as the other side's, and the sentence says so.
    pub rtt: Option<Duration>,
    /// How the connection was opened; for a connector.
    pub opening: Option<Opening>,
}

/// When a TCP connection was opened, in Unix nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// The call to connect.
    pub began_ns: u64,
    /// Its return.
    pub done_ns: u64,
}

impl Endpoints {
    /// The addresses of a TCP stream that was accepted.
    pub fn of(stream: &TcpStream) -> Self {
        let (client, server) = (stream.peer_addr().ok(), stream.local_addr().ok());
        Self { client, server, ..Self::default() }
    }

    /// The addresses of a TCP stream that was connected.
    pub fn of_client(stream: &TcpStream) -> Self {
        let Self { client, server, .. } = Self::of(stream);
        Self { client: server, server: client, ..Self::default() }
    }

    /// What the kernel knows of the connection, seen from this side.
    fn ask(&self, source: Option<&TcpInfoSource>, ours: Side) -> Option<TcpInfo> {
        let (client, server) = (self.client?, self.server?);
        match ours {
            Side::Client => source?.ask(client, server).ok(),
            Side::Server => source?.ask(server, client).ok(),
        }
    }
}

/// What is called with slow handshakes.
pub(super) type Callback = Arc<dyn Fn(&Report) + Send + Sync>;

/// What acceptor and connector are set to, but for rustls.
#[derive(Clone)]
pub(super) struct Watching<C> {
    pub(super) config: Config,
    pub(super) clock: C,
    pub(super) on_slow: Option<Callback>,
    pub(super) tcp_info: Option<TcpInfoSource>,
}

impl<C: Clock> Watching<C> {
    /// Begins to watch a handshake of which we are this side. The clock starts here.
    pub(super) fn begin(&self, ours: Side, endpoints: Endpoints) -> Watch<C> {
        let mut handshake = Handshake::new(&self.config);
        let info = endpoints.ask(self.tcp_info.as_ref(), ours);
        let measured = info.map(|info| info.min_rtt.unwrap_or(info.rtt));
        let opened = |opening: Opening| {
            Duration::from_nanos(opening.done_ns.saturating_sub(opening.began_ns))
        };
        let rtt = endpoints.rtt.or(measured).or(endpoints.opening.map(opened));
        match endpoints.opening {
            None => handshake.accepted(self.clock.now_ns()),
            Some(Opening { began_ns, done_ns }) => {
                handshake.packet(Event::bare(began_ns, Side::Client, What::Syn));
                // Known before the gap that it divides is closed.
                if let Some(rtt) = rtt {
                    handshake.set_rtt(rtt);
                }
                handshake.packet(Event::bare(done_ns, Side::Server, What::SynAck));
                handshake.packet(Event::bare(done_ns, Side::Client, What::Ack));
            }
        }
        if let Some(rtt) = rtt {
            handshake.set_rtt(rtt);
        }
        let tape = Tape::new(handshake, self.clock.clone(), ours);
        Watch { tape, endpoints, watching: self.clone(), ours }
    }
}

/// Sees to it that every handshake is reported, one whose future is dropped too.
pub(super) struct Watch<C: Clock> {
    pub(super) tape: Tape<C>,
    endpoints: Endpoints,
    watching: Watching<C>,
    ours: Side,
}

impl<C: Clock> Watch<C> {
    /// The report of a handshake that rustls calls complete.
    pub(super) fn established(&self, session: &CommonState, server_name: Option<&str>) -> Report {
        let info = self.endpoints.ask(self.watching.tcp_info.as_ref(), self.ours);
        let report = self.report(Outcome::Established, |report| {
            complete(report, session);
            if let Some(name) = server_name {
                report.server_name = Some(name.to_owned());
            }
            if let Some(info) = info {
                report.retransmissions = report.retransmissions.max(info.retransmissions);
            }
        });
        report.expect("only once, here or in its siblings, or on drop, is it taken")
    }

    /// The report of a handshake that failed with this error.
    pub(super) fn failed(&self, error: &io::Error) -> Report {
        let (outcome, alert) = failure(error, self.ours);
        let report = self.report(outcome, |report| {
            // On the wire a refusal under encryption looks like any other record.
            if report.outcome == Outcome::Established {
                report.outcome = outcome;
            }
            if report.outcome == Outcome::Alert {
                let known = |alert: &Alert| alert.description.is_some();
                report.alert = report.alert.filter(known).or(alert).or(report.alert);
            }
        });
        report.expect("only once, here or in its siblings, or on drop, is it taken")
    }

    fn report(&self, otherwise: Outcome, amend: impl FnOnce(&mut Report)) -> Option<Report> {
        let mut handshake = self.tape.lock().handshake.take()?;
        if handshake.outcome().is_none() {
            handshake.end(self.tape.clock.now_ns(), otherwise);
        }
        let mut report = handshake.report(self.endpoints.client, self.endpoints.server);
        amend(&mut report);
        if report.phases.total >= self.watching.config.slow {
            tracing::warn!(
                client.address = self.endpoints.client.map(tracing::field::display),
                server.address = report.server_name,
                outcome = report.outcome.label(),
                verdict = report.verdict.label(),
                total = report.phases.total.as_secs_f64(),
                "slow tls handshake: {}",
                report.because
            );
            if let Some(callback) = &self.watching.on_slow {
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
fn complete(report: &mut Report, session: &CommonState) {
    report.outcome = Outcome::Established;
    if let Some(version) = session.protocol_version() {
        report.version = Some(ProtocolVersion(version.into()));
    }
    if let Some(suite) = session.negotiated_cipher_suite() {
        report.cipher = Some(CipherSuite(suite.suite().into()));
    }
    report.alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    report.resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
}

/// How a handshake ended that neither an alert in clear nor the end of the stream did.
fn failure(error: &io::Error, ours: Side) -> (Outcome, Option<Alert>) {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let ours_was = |description| (Outcome::Alert, Some(Alert { side: ours, description }));
    match (tls, error.kind()) {
        (Some(rustls::Error::AlertReceived(alert)), _) => {
            let description = Some(u8::from(*alert));
            (Outcome::Alert, Some(Alert { side: ours.other(), description }))
        }
        (Some(rustls::Error::InvalidCertificate(why)), _) => {
            ours_was(Some(AlertDescription::from(why.clone()).into()))
        }
        (Some(_), _) => ours_was(None),
        (None, io::ErrorKind::ConnectionReset) => (Outcome::Reset, None),
        (None, io::ErrorKind::TimedOut) => (Outcome::Timeout, None),
        (None, _) => (Outcome::Incomplete, None),
    }
}
