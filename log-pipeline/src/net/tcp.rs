//! Syslog over TCP (RFC 6587): any framing, a bounded number of connections, a bounded patience.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::TcpConfig;
use super::intake::Intake;
use crate::frame::{Decoder, Frame};

/// Why a listener could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address asked for.
    pub address: SocketAddr,
    #[source]
    pub(super) source: io::Error,
}

impl ListenError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        "bind"
    }
}

/// Accepts until told to stop, then takes in what is already there and ends.
pub(super) async fn serve(
    listener: TcpListener,
    intake: Arc<Intake>,
    config: TcpConfig,
    mut stop: watch::Receiver<bool>,
) {
    let stopping = stop.clone();
    let mut connections = JoinSet::new();
    let admit = |accepted, connections: &mut JoinSet<()>| {
        let (stream, peer): (TcpStream, SocketAddr) = accepted;
        if connections.len() >= config.max_connections {
            intake.tcp.refused.add(1);
            return;
        }
        intake.tcp.accepted.add(1);
        let connection = Connection {
            stream,
            peer,
            intake: Arc::clone(&intake),
            config,
            stop: stopping.clone(),
        };
        connections.spawn(connection.run());
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

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    intake: Arc<Intake>,
    config: TcpConfig,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn run(self) {
        let (intake, peer) = (Arc::clone(&self.intake), self.peer);
        intake.tcp.open.add(1);
        let mut decoder = Decoder::new(self.config.max_frame_bytes);
        let outcome = self.read(&mut decoder).await;
        if let Err(error) = outcome {
            tracing::debug!(%peer, %error, "connection ended");
        }
        if let Some(frame) = decoder.finish() {
            take_in(&intake, peer, frame).await;
        }
        intake.tcp.open.subtract(1);
        let mut total = intake.tcp.frames.lock().unwrap_or_else(PoisonError::into_inner);
        *total = *total + decoder.stats();
    }

    /// Reads until the peer closes, is idle for too long, or the listener stops.
    async fn read(mut self, decoder: &mut Decoder) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        let mut drains = None;
        loop {
            let ready = match drains {
                Some(0) => return Ok(()),
                Some(_) => Ok(Ok(())),
                None => tokio::select! {
                    ready = timeout(self.config.idle, self.stream.readable()) => ready,
                    () = stopped(&mut self.stop) => {
                        tokio::task::yield_now().await;
                        drains = Some(MOST_DRAINING_READS);
                        continue;
                    }
                },
            };
            let Ok(ready) = ready else {
                self.intake.tcp.idle_closed.add(1);
                return Ok(());
            };
            ready?;
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    self.intake.tcp.received_bytes.add(read as u64);
                    let mut input = &buffer[..read];
                    while let Some(frame) = decoder.next(&mut input) {
                        if !take_in(&self.intake, self.peer, frame).await {
                            return Ok(());
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if drains.is_some() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
            drains = drains.map(|left| left - 1);
        }
    }
}

/// Ends when the pipeline is shut down or dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// False when the log takes nothing any more.
async fn take_in(intake: &Intake, peer: SocketAddr, frame: Frame<'_>) -> bool {
    match intake.append(frame.bytes, Some(peer), frame.truncated).await {
        Ok(_receipt) => true,
        Err(error) => {
            intake.tcp.lost_frames.add(1);
            tracing::warn!(%peer, %error, "frame lost");
            false
        }
    }
}

const READ_BYTES: usize = 16 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After the stop a sender that never pauses is read this often and no more.
const MOST_DRAINING_READS: u32 = 256;
