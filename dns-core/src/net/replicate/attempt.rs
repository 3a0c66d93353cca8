//! One transfer in, over one connection.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{random, wall};
use crate::net::asked::TlsClient;
use crate::secondary::{Attempt, AttemptError, Step};
use crate::transfer::Received;

/// What came of an attempt, and what it took.
pub(super) struct Ended {
    pub(super) outcome: Result<Received, AttemptError>,
    /// Octets of messages that came.
    pub(super) octets: u64,
    pub(super) took: Duration,
}

/// Runs `attempt` to its end.
pub(super) async fn run(mut attempt: Attempt, tls: TlsClient) -> Ended {
    let (begin, mut octets) = (Instant::now(), 0);
    let outcome = timeout(LONGEST, connect(&mut attempt, tls, &mut octets)).await;
    let outcome = outcome.unwrap_or(Err(AttemptError::Connection(io::ErrorKind::TimedOut)));
    Ended { outcome, octets, took: begin.elapsed() }
}

async fn connect(
    attempt: &mut Attempt,
    tls: TlsClient,
    octets: &mut u64,
) -> Result<Received, AttemptError> {
    let stream = patient(TcpStream::connect(attempt.primary().address)).await?;
    match attempt.primary().tls_name.clone() {
        None => converse(stream, attempt, octets).await,
        Some(name) => over_tls(stream, &name, tls, attempt, octets).await,
    }
}

/// RFC 9103 §7.1: TLS 1.3 at least, and the token "dot" agreed upon.
#[cfg(feature = "tls")]
async fn over_tls(
    stream: TcpStream,
    name: &str,
    tls: TlsClient,
    attempt: &mut Attempt,
    octets: &mut u64,
) -> Result<Received, AttemptError> {
    let failed = |error: &dyn std::fmt::Display| AttemptError::Tls(error.to_string());
    let config = tls.config.ok_or_else(|| failed(&"no configuration"))?;
    let mut config = rustls::ClientConfig::clone(&config);
    config.alpn_protocols = vec![crate::net::bind::DOT.to_vec()];
    let name = rustls::pki_types::ServerName::try_from(name.to_owned());
    let name = name.map_err(|error| failed(&error))?;
    let connecting = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = timeout(PATIENCE, connecting.connect(name, stream)).await;
    let stream = stream.map_err(|_| AttemptError::Connection(io::ErrorKind::TimedOut))?;
    let stream = stream.map_err(|error| failed(&error))?;
    let (_, session) = stream.get_ref();
    if session.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
        return Err(failed(&"the primary does not speak version 1.3"));
    }
    if session.alpn_protocol() != Some(crate::net::bind::DOT) {
        return Err(failed(&"the primary does not agree on \"dot\" (ALPN)"));
    }
    converse(stream, attempt, octets).await
}

#[cfg(not(feature = "tls"))]
async fn over_tls(
    _: TcpStream,
    _: &str,
    _: TlsClient,
    _: &mut Attempt,
    _: &mut u64,
) -> Result<Received, AttemptError> {
    Err(AttemptError::Tls("this build has none".to_owned()))
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    attempt: &mut Attempt,
    octets: &mut u64,
) -> Result<Received, AttemptError> {
    let first = attempt.begin(random(), wall());
    send(&mut stream, &first).await?;
    let mut message = vec![0; usize::from(u16::MAX)];
    loop {
        let len = usize::from(patient(stream.read_u16()).await?);
        patient(stream.read_exact(&mut message[..len])).await?;
        *octets += len as u64;
        match attempt.handle(&message[..len], random(), wall()) {
            Step::Receive => {}
            Step::Send(next) => send(&mut stream, &next).await?,
            Step::Done(outcome) => return Ok(outcome?),
        }
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> Result<(), AttemptError> {
    let framed = [&(message.len() as u16).to_be_bytes(), message].concat();
    patient(stream.write_all(&framed)).await?;
    patient(stream.flush()).await
}

async fn patient<T>(what: impl Future<Output = io::Result<T>>) -> Result<T, AttemptError> {
    let done = timeout(PATIENCE, what).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
    done.map_err(|error| AttemptError::Connection(error.kind()))
}

/// How long a primary may say nothing.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a whole transfer may take: one that only just does not fall silent holds up all others.
const LONGEST: Duration = Duration::from_mins(30);
