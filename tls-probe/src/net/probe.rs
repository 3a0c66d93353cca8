//! A client that probes servers: name, connection, dialogue in clear, handshake, certificates.
//!
//! It takes your rustls configuration and your verifier, and chooses nothing in their place. What
//! it finds is told whether or not the certificate validates.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig,
    client::{Resumption, danger::ServerCertVerifier},
    pki_types::ServerName,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    clock::{Clock, SystemClock},
    connector::{ConnectError, TimedConnector, conclude},
    dial::{TICKET_WAIT, connect, converse, ticket},
    failure::Failure,
    probed::{Probed, Resumed, Settings},
    resolve::resolve,
    starttls::{Dialogue, Protocol},
    target::Target,
    tcp_info::TcpInfoSource,
    timed::Timed,
    verifier::RecordingVerifier,
    watch::Endpoints,
};
use crate::{
    certificate::{Chain, Presented},
    handshake::Handshake,
    outcome::Outcome,
};

/// Probes servers.
#[derive(Clone)]
pub struct Prober {
    tls: ClientConfig,
    verifier: Arc<dyn ServerCertVerifier>,
    settings: Settings,
    tcp_info: Option<TcpInfoSource>,
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Prober {
    /// A prober with this configuration: versions, suites, application protocols, client
    /// certificate and key log are its affair. `verifier` judges certificates in place of the
    /// configuration's own.
    pub fn new(
        tls: ClientConfig,
        verifier: Arc<dyn ServerCertVerifier>,
        settings: Settings,
    ) -> Self {
        Self { tls, verifier, settings, tcp_info: TcpInfoSource::open().ok() }
    }

    /// Probes a target: one object for each handshake, so two with [`Settings::resume`], and
    /// twice that for [`Family::Both`](super::Family::Both).
    pub async fn probe(&self, target: &Target) -> Vec<Probed> {
        let began = Began::now();
        let resolved = resolve(target, self.settings.family, self.settings.limits.dns).await;
        let named = target.host.parse::<IpAddr>().is_err();
        let dns = named.then(|| began.instant.elapsed());
        let groups = match resolved {
            Ok(groups) => groups,
            Err((failure, why)) => {
                return vec![self.early(target, &began, dns, None, failure, why)];
            }
        };
        let mut probed = Vec::new();
        for addresses in groups {
            let began = if probed.is_empty() { began } else { Began::now() };
            self.probe_one(target, began, dns, &addresses, &mut probed).await;
        }
        probed
    }

    async fn probe_one(
        &self,
        target: &Target,
        began: Began,
        dns: Option<Duration>,
        addresses: &[SocketAddr],
        probed: &mut Vec<Probed>,
    ) {
        let verifier = RecordingVerifier::new(self.verifier.clone(), self.settings.unvalidated);
        let verifier = Arc::new(verifier);
        let mut tls = self.tls.clone();
        tls.dangerous().set_certificate_verifier(verifier.clone());
        tls.resumption = if self.settings.resume {
            Resumption::in_memory_sessions(2)
        } else {
            Resumption::disabled()
        };
        let connector = TlsConnector::from(Arc::new(tls));
        let mut connector = TimedConnector::new(connector, self.settings.config.clone());
        if let Some(source) = &self.tcp_info {
            connector = connector.with_tcp_info(source.clone());
        }
        let attempt = Attempt { prober: self, target, connector, verifier };
        let (mut first, stream) = attempt.run(began, addresses, self.settings.resume).await;
        first.report.phases.dns = dns;
        let again = first.report.server.filter(|_| self.settings.resume && stream.is_some());
        drop(stream);
        probed.push(first);
        if let Some(server) = again {
            let (mut second, _) = attempt.run(Began::now(), &[server], false).await;
            if second.report.outcome == Outcome::Established {
                let accepted = second.report.resumed;
                second.resumption =
                    Some(if accepted { Resumed::Accepted } else { Resumed::Refused });
            }
            probed.push(second);
        }
    }

    /// A probe that never came to a handshake.
    fn early(
        &self,
        target: &Target,
        began: &Began,
        dns: Option<Duration>,
        server: Option<SocketAddr>,
        failure: Failure,
        because: String,
    ) -> Probed {
        let mut report = Handshake::new(&self.settings.config).report(None, server);
        report.start_ns = began.unix_ns;
        report.phases.dns = dns;
        report.because = because;
        report.outcome = match failure {
            Failure::DnsTimeout | Failure::TcpTimeout | Failure::StarttlsTimeout => {
                Outcome::Timeout
            }
            Failure::TcpRefused => Outcome::Reset,
            _ => Outcome::Incomplete,
        };
        Probed {
            target: target.to_string(),
            failure: Some(failure),
            report,
            starttls: target.starttls.map(Protocol::label),
            resumption: None,
            certificate: None,
            took: began.instant.elapsed(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Began {
    instant: Instant,
    unix_ns: u64,
}

impl Began {
    fn now() -> Self {
        Self { instant: Instant::now(), unix_ns: SystemClock.now_ns() }
    }
}

type Stream = TlsStream<Timed<TcpStream>>;

/// One connection and its handshake, and what it needs.
struct Attempt<'a> {
    prober: &'a Prober,
    target: &'a Target,
    connector: TimedConnector,
    verifier: Arc<RecordingVerifier>,
}

impl Attempt<'_> {
    async fn run(
        &self,
        began: Began,
        addresses: &[SocketAddr],
        keep: bool,
    ) -> (Probed, Option<Stream>) {
        let limits = self.prober.settings.limits;
        let early = |server, failure, why| {
            (self.prober.early(self.target, &began, None, server, failure, why), None)
        };
        let Ok(name) = self.target.tls_name() else {
            // Targets are checked when they are read; one made by hand may not be.
            return early(None, Failure::DnsNotFound, "no such name can be".to_owned());
        };
        let (mut stream, opening) = match connect(addresses, limits.tcp).await {
            Ok(connected) => connected,
            Err((server, error)) => {
                return early(Some(server), Failure::of_connect(&error), error.to_string());
            }
        };
        let mut endpoints = Endpoints::of_client(&stream);
        let mut talk = None;
        if let Some(protocol) = self.target.starttls {
            let started = Instant::now();
            let talked = converse(&mut stream, Dialogue::new(protocol, self.target.name()));
            let (failure, why) = match timeout(limits.starttls, talked).await {
                Ok(Ok(())) => (None, String::new()),
                Ok(Err(error)) => (Some(Failure::StarttlsRefused), error.to_string()),
                Err(_) => {
                    let why =
                        format!("the server did not change to TLS within {:?}", limits.starttls);
                    (Some(Failure::StarttlsTimeout), why)
                }
            };
            if let Some(failure) = failure {
                return early(endpoints.server, failure, why);
            }
            talk = Some(started.elapsed());
        } else {
            endpoints.opening = Some(opening);
        }
        let (mut probed, tls) = self.handshake(name, stream, endpoints, keep).await;
        if talk.is_some() {
            let tcp = opening.done_ns.saturating_sub(opening.began_ns);
            probed.report.phases.tcp = Some(Duration::from_nanos(tcp));
        }
        probed.report.phases.starttls = talk;
        probed.took = began.instant.elapsed();
        (probed, tls)
    }

    async fn handshake(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
        endpoints: Endpoints,
        keep: bool,
    ) -> (Probed, Option<Stream>) {
        let limit = self.prober.settings.limits.tls;
        let (connect, watch) = self.connector.begin(name, stream, endpoints);
        let connected = timeout(limit, connect).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let (report, failure, mut stream) = match conclude(connected, &watch) {
            Ok((stream, report)) => (report, None, Some(stream)),
            Err(ConnectError { source, mut report }) => {
                let failure = Failure::of_handshake(&source, &report);
                if report.verdict == crate::Verdict::None {
                    report.because = format!("{source}; {}", report.because);
                }
                (*report, Some(failure), None)
            }
        };
        let certificate = match self.verifier.take() {
            Some(seen) => Some(seen.judge()),
            None => stream.as_ref().and_then(|stream| self.resumed_chain(stream)),
        };
        // The chain knows better than the alert why it is refused, and whether it is at all.
        let invalid = certificate.as_ref().filter(|chain| chain.valid == Some(false));
        let failure = match (failure, invalid.and_then(Chain::class)) {
            (None | Some(Failure::Certificate(_)), Some(fault)) => {
                Some(Failure::Certificate(fault))
            }
            (failure, _) => failure,
        };
        if let Some(stream) = &mut stream {
            if keep {
                let _ = timeout(TICKET_WAIT, ticket(stream)).await;
            }
            let _ = timeout(GOODBYE, stream.shutdown()).await;
        }
        let probed = Probed {
            target: self.target.to_string(),
            failure,
            report,
            starttls: self.target.starttls.map(Protocol::label),
            resumption: None,
            certificate,
            took: Duration::ZERO,
        };
        (probed, stream)
    }

    /// The chain of the session that was resumed: nobody was asked about it this time.
    fn resumed_chain(&self, stream: &Stream) -> Option<Chain> {
        let chain = stream.get_ref().1.peer_certificates()?;
        let now = SystemClock.now_ns() / 1_000_000_000;
        Some(Chain::judge(&Presented {
            chain,
            staple: &[],
            name: self.target.name(),
            now: i64::try_from(now).unwrap_or(i64::MAX),
            verdict: None,
            trusted: None,
        }))
    }
}

/// Our close_notify is two packets; nobody waits for it longer.
const GOODBYE: Duration = Duration::from_millis(100);
