//! Clients on connections (RFC 7766): messages behind their length, several on their way, answered as they
//! come.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::clock::Clock;
use super::reply::{Missed, ReplyTo};
#[cfg(feature = "zones")]
use crate::primary::Primary;
use crate::resolve::{Resolver, Served, Transport};

/// Serves one connection until it ends, says nothing for `idle`, or stops reading its answers.
pub(super) async fn serve<S>(
    stream: S,
    client: IpAddr,
    transport: Transport,
    desk: Arc<StreamDesk>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = split(stream);
    let (answers, to_write) = mpsc::channel(MOST_IN_FLIGHT);
    // The writer ends when nobody holds `answers` any more: neither the reader nor a query on its way.
    let asker = (client, transport);
    tokio::try_join!(read(reader, asker, &desk, answers), write(writer, to_write, desk.idle))?;
    Ok(())
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct StreamDesk {
    pub(super) resolver: Resolver,
    pub(super) clock: Clock,
    pub(super) missed: mpsc::Sender<Missed>,
    pub(super) idle: Duration,
    #[cfg(feature = "zones")]
    pub(super) authority: Option<super::Authority>,
}

async fn read<S>(
    mut reader: ReadHalf<S>,
    (client, transport): (IpAddr, Transport),
    desk: &StreamDesk,
    answers: mpsc::Sender<Vec<u8>>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send,
{
    let mut query = vec![0; LARGEST_QUERY];
    let mut out = vec![0; usize::from(u16::MAX)];
    loop {
        let mut prefix = [0; 2];
        match timeout(desk.idle, reader.read_exact(&mut prefix)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        }
        let len = usize::from(u16::from_be_bytes(prefix));
        let Some(query) = query.get_mut(..len) else {
            // No query is that long: whoever says so speaks something else.
            return Err(io::ErrorKind::InvalidData.into());
        };
        timeout(desk.idle, reader.read_exact(query)).await??;
        #[cfg(feature = "zones")]
        if let Some(authority) = desk.authority.as_ref().filter(|_| Primary::wants(query)) {
            let now = desk.clock.now();
            let mut reply = authority.answer(now, client, query, transport);
            // Waits for room: one message of a zone after another.
            while let Some(message) = reply.next_message(super::replicate::wall()) {
                if answers.send(message).await.is_err() {
                    return Ok(());
                }
            }
            continue;
        }
        // Waits for room: a client that does not read its answers is not read either.
        let Ok(room) = answers.reserve().await else { return Ok(()) };
        let now = desk.clock.now();
        match desk.resolver.serve(now, client, query, transport, &mut out) {
            Served::Answer { len, prefetch } => {
                if len > 0 {
                    room.send(out[..len].to_vec());
                }
                if prefetch {
                    let _ =
                        desk.missed.try_send(Missed::Refresh { query: (&*query).into(), client });
                }
            }
            Served::Ask => {
                drop(room);
                let (query, to) = ((&*query).into(), ReplyTo::Stream(answers.clone()));
                let missed = Missed::Query { query, client, transport, to };
                if desk.missed.send(missed).await.is_err() {
                    return Ok(());
                }
            }
            Served::Nothing => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

async fn write<S>(
    mut writer: WriteHalf<S>,
    mut answers: mpsc::Receiver<Vec<u8>>,
    patience: Duration,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send,
{
    while let Some(answer) = answers.recv().await {
        // The length and the message in one write (RFC 7766 §8).
        let len = u16::try_from(answer.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        let framed = [&len.to_be_bytes(), answer.as_slice()].concat();
        timeout(patience, writer.write_all(&framed)).await??;
        if answers.is_empty() {
            timeout(patience, writer.flush()).await??;
        }
    }
    timeout(patience, writer.shutdown()).await?
}

/// Answers on their way on one connection.
const MOST_IN_FLIGHT: usize = 100;
/// A query has one name and options; TSIG and UPDATE make larger ones, which are not for us.
pub(super) const LARGEST_QUERY: usize = 8 << 10;
