//! Connections to one server: opened when needed, shared by many queries, closed when idle (RFC 7766).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Heard, Pending, TlsClient, id_of};
use crate::forward::AttemptId;
use crate::message::Frames;
use crate::upstream::{Protocol, Upstream, keepalive_of};

type Queries = mpsc::Sender<(AttemptId, Vec<u8>)>;

#[derive(Debug)]
pub(super) struct Connections {
    server: Upstream,
    tls: TlsClient,
    heard: mpsc::Sender<Heard>,
    open: Vec<Queries>,
}

impl Connections {
    pub(super) fn new(server: Upstream, tls: TlsClient, heard: mpsc::Sender<Heard>) -> Connections {
        Connections { server, tls, heard, open: Vec::new() }
    }

    /// Over the first connection that has room, else over a new one.
    pub(super) fn send(&mut self, attempt: AttemptId, message: Vec<u8>) {
        self.open.retain(|connection| !connection.is_closed());
        let mut query = (attempt, message);
        for connection in &self.open {
            match connection.try_send(query) {
                Ok(()) => return,
                Err(error) => query = error.into_inner(),
            }
        }
        if self.open.len() >= CONNECTIONS {
            let _ = self.heard.try_send(Heard::Failure(query.0));
            return;
        }
        let (queries, incoming) = mpsc::channel(IN_FLIGHT);
        let _ = queries.try_send(query);
        self.open.push(queries);
        let connection = run(self.server.clone(), self.tls.clone(), incoming, self.heard.clone());
        tokio::spawn(connection);
    }
}

/// One connection from its opening to its end. Whatever still waits then has failed.
async fn run(
    server: Upstream,
    tls: TlsClient,
    mut queries: mpsc::Receiver<(AttemptId, Vec<u8>)>,
    heard: mpsc::Sender<Heard>,
) {
    let mut pending = Pending::new();
    let connected = match timeout(CONNECT, TcpStream::connect(server.address)).await {
        Ok(Ok(stream)) => {
            let _ = stream.set_nodelay(true);
            match server.protocol {
                Protocol::Plain => converse(stream, &mut queries, &mut pending, &heard).await,
                _ => over_tls(stream, &server, &tls, &mut queries, &mut pending, &heard).await,
            }
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    if let Err(error) = connected {
        tracing::debug!(server.address = %server, %error, "a connection to a server failed");
    }
    queries.close();
    while let Some((attempt, _)) = queries.recv().await {
        pending.entry(0).or_default().push(attempt);
    }
    for attempt in pending.into_values().flatten() {
        if heard.send(Heard::Failure(attempt)).await.is_err() {
            return;
        }
    }
}

#[cfg(feature = "tls")]
async fn over_tls(
    stream: TcpStream,
    server: &Upstream,
    tls: &TlsClient,
    queries: &mut mpsc::Receiver<(AttemptId, Vec<u8>)>,
    pending: &mut Pending,
    heard: &mpsc::Sender<Heard>,
) -> io::Result<()> {
    use rustls::pki_types::ServerName;
    let config = tls.config.clone().ok_or_else(|| io::Error::other("no TLS configuration"))?;
    let name = match &server.server_name {
        Some(name) => ServerName::try_from(name.clone()).map_err(io::Error::other)?,
        None => server.address.ip().into(),
    };
    #[cfg(feature = "https")]
    if server.protocol == Protocol::Https {
        let mut config = rustls::ClientConfig::clone(&config);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let stream = timeout(CONNECT, connector.connect(name, stream)).await??;
        return super::https::converse(stream, server, queries, heard).await;
    }
    let connecting = tokio_rustls::TlsConnector::from(config).connect(name, stream);
    let stream = timeout(CONNECT, connecting).await??;
    converse(stream, queries, pending, heard).await
}

#[cfg(not(feature = "tls"))]
fn over_tls(
    _: TcpStream,
    _: &Upstream,
    _: &TlsClient,
    _: &mut mpsc::Receiver<(AttemptId, Vec<u8>)>,
    _: &mut Pending,
    _: &mpsc::Sender<Heard>,
) -> std::future::Ready<io::Result<()>> {
    std::future::ready(Err(io::ErrorKind::Unsupported.into()))
}

async fn converse<S: AsyncRead + AsyncWrite>(
    stream: S,
    queries: &mut mpsc::Receiver<(AttemptId, Vec<u8>)>,
    pending: &mut Pending,
    heard: &mpsc::Sender<Heard>,
) -> io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    let mut frames = Frames::default();
    let (mut idle, mut idle_at) = (IDLE, Instant::now() + IDLE);
    loop {
        tokio::select! {
            query = queries.recv() => {
                let Some((attempt, message)) = query else { return Ok(()) };
                let len = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
                if let Some(id) = id_of(&message) {
                    pending.entry(id).or_default().push(attempt);
                }
                let framed = [&len.to_be_bytes(), message.as_slice()].concat();
                timeout(CONNECT, writer.write_all(&framed)).await??;
                timeout(CONNECT, writer.flush()).await??;
                idle_at = Instant::now() + idle.max(LEAST_IDLE);
            }
            read = reader.read_buf(frames.room()) => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                while let Some(response) = frames.next_message() {
                    // Whoever closes first has nothing under way that is lost.
                    idle = keepalive_of(&response).map_or(idle, |told| told.mul_f32(0.8).min(MOST_IDLE));
                    let attempts = id_of(&response).and_then(|id| pending.remove(&id));
                    for attempt in attempts.into_iter().flatten() {
                        let _ = heard.send(Heard::Response(attempt, response.clone())).await;
                    }
                }
                let wait = if pending.is_empty() { idle } else { idle.max(LEAST_IDLE) };
                idle_at = Instant::now() + wait;
            }
            () = sleep_until(idle_at), if queries.is_empty() => return Ok(()),
        }
    }
}

/// Connections to one server at once.
const CONNECTIONS: usize = 8;
/// Queries waiting to be written on one.
const IN_FLIGHT: usize = 256;
/// How long opening, and writing, may take.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection is kept without a word, unless the server says how long it may be (RFC 7828); many close
/// after ten seconds.
pub(super) const IDLE: Duration = Duration::from_secs(8);
/// However long a server offers to wait: a descriptor is not kept for hours.
const MOST_IDLE: Duration = Duration::from_mins(2);
/// However soon it wants the connection closed (RFC 7828 §3.2.2): answers on their way are waited for.
const LEAST_IDLE: Duration = Duration::from_secs(3);
