//! A RELP session: acknowledged is what the log's receipt says is safe.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Shared;
use super::reader::{Read, Reader};
use crate::relp::{Server, ServerEvent};
use crate::wal::{Failed, Receipt, Stage};

/// Messages that became part of the log together.
struct Batch {
    txnrs: Vec<u32>,
    /// Of the last; the others are at least as safe.
    receipt: Receipt,
}

/// Runs a session to its end. Messages are read on while earlier ones become durable, up to the
/// window.
pub(super) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    peer: Option<SocketAddr>,
    shared: &Shared,
) -> io::Result<()> {
    let mut server = Server::new(shared.limits.max_frame_bytes);
    let mut reader = Reader::new(shared);
    let mut batches = VecDeque::new();
    let mut reading = true;
    while reading || !batches.is_empty() {
        tokio::select! {
            biased;
            outcome = oldest(&mut batches), if !batches.is_empty() => {
                acknowledge(&mut server, &mut batches, outcome, shared);
            }
            read = reader.read(stream), if reading && server.outstanding() < shared.limits.window => {
                match read? {
                    Read::Bytes(length) => {
                        shared.state.received_bytes.add(length as u64);
                        let now_ns = shared.intake.now_ns();
                        let taken =
                            take_in(reader.bytes(length), &mut server, now_ns, peer, shared).await;
                        let messages = taken.as_ref().map_or(0, |batch| batch.txnrs.len());
                        batches.extend(taken);
                        reader.inside_frame(server.is_inside_frame());
                        reader.fit(length);
                        shared.throttle(now_ns, peer, messages as u64).await;
                    }
                    Read::End => reading = false,
                    Read::TooSlow => {
                        shared.state.idle_closed.add(1);
                        reading = false;
                    }
                }
            }
        }
        send(stream, &mut server).await?;
        reading = reading && !server.is_closed();
    }
    server.go_away();
    send(stream, &mut server).await?;
    stream.shutdown().await
}

async fn oldest(batches: &mut VecDeque<Batch>) -> Result<Stage, Failed> {
    let batch = batches.front_mut().expect("asked for only while there is one");
    (&mut batch.receipt).await
}

/// Answers the oldest batch.
fn acknowledge(
    server: &mut Server,
    batches: &mut VecDeque<Batch>,
    outcome: Result<Stage, Failed>,
    shared: &Shared,
) {
    let Some(batch) = batches.pop_front() else { return };
    for txnr in batch.txnrs {
        if outcome.is_ok() {
            server.accept(txnr);
        } else {
            shared.state.dropped_log.add(1);
            server.refuse(txnr);
        }
    }
}

async fn take_in(
    mut input: &[u8],
    server: &mut Server,
    now_ns: u64,
    peer: Option<SocketAddr>,
    shared: &Shared,
) -> Option<Batch> {
    let mut stats = crate::frame::Stats::default();
    let (mut txnrs, mut last) = (Vec::new(), None);
    while let Some(event) = server.next(&mut input) {
        match event {
            ServerEvent::Message { txnr, bytes, truncated } => {
                stats.frames += 1;
                stats.truncated += u64::from(truncated);
                match shared.intake.append(bytes, now_ns, peer, truncated).await {
                    Ok(receipt) => {
                        txnrs.push(txnr);
                        last = Some(receipt);
                    }
                    Err(error) => {
                        shared.state.count_refused(peer, &error);
                        server.refuse(txnr);
                    }
                }
            }
            ServerEvent::Violation(violation) => {
                shared.state.violations.add(1);
                tracing::debug!(?peer, %violation, "RELP session ended");
            }
        }
    }
    shared.state.count_frames(crate::frame::Stats::default(), stats);
    last.map(|receipt| Batch { txnrs, receipt })
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, server: &mut Server) -> io::Result<()> {
    if !server.transmit().is_empty() {
        stream.write_all(server.transmit()).await?;
        server.transmit().clear();
        stream.flush().await?;
    }
    Ok(())
}
