//! Frames over TCP or TLS: what the peer's kernel has acknowledged is done with.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::config::{Framing, StreamOutput};
use super::drive::{SessionError, connect};
use super::feed::{Feed, Item};
use crate::net::kernel::unacknowledged_bytes;
use crate::wal::Position;

/// One connection, from the first record there is to the end of the log or an error.
pub(super) async fn session(feed: &mut Feed, output: &StreamOutput) -> Result<(), SessionError> {
    let Some(first) = feed.next().await.map_err(SessionError::Log)? else {
        return feed.commit_read().map_err(SessionError::Log);
    };
    let stream = connect(&output.address, output.connect_timeout).await?;
    let ends = (stream.local_addr()?, stream.peer_addr()?);
    #[cfg(feature = "tls")]
    if let Some(tls) = &output.tls {
        let stream = {
            let (name, time) = (output.server_name.as_deref(), output.connect_timeout);
            super::tls::handshake(stream, tls, &output.address, name, time).await?
        };
        return Session::new(feed, output, ends).run(stream, first).await;
    }
    Session::new(feed, output, ends).run(stream, first).await
}

/// A batch that was written.
struct Written {
    position: Position,
    /// Of the stream, before TLS, once it is written.
    end: u64,
    records: u64,
    received_ns: u64,
}

struct Session<'a> {
    feed: &'a mut Feed,
    output: &'a StreamOutput,
    ends: (SocketAddr, SocketAddr),
    written: VecDeque<Written>,
    /// Handed to the kernel, whole batches.
    written_bytes: u64,
    /// When the first message of the batch being written was received; 0 when there is none.
    writing_ns: u64,
    /// What was acknowledged when last looked.
    acknowledged_bytes: u64,
    committed_bytes: u64,
    looked: Instant,
    /// A message being written, kept for its memory.
    message: Vec<u8>,
}

impl<'a> Session<'a> {
    fn new(feed: &'a mut Feed, output: &'a StreamOutput, ends: (SocketAddr, SocketAddr)) -> Self {
        feed.state.running();
        Self {
            feed,
            output,
            ends,
            written: VecDeque::new(),
            written_bytes: 0,
            writing_ns: 0,
            acknowledged_bytes: 0,
            committed_bytes: 0,
            looked: Instant::now(),
            message: Vec::new(),
        }
    }

    async fn run<S>(mut self, stream: S, first: Item) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut from_peer, mut to_peer) = tokio::io::split(stream);
        let mut first = Some(first);
        let mut ignored = [0; 512];
        let mut batch = Vec::new();
        loop {
            let item = if first.is_some() {
                first.take()
            } else {
                tokio::select! {
                    biased;
                    item = self.feed.next() => item.map_err(SessionError::Log)?,
                    read = from_peer.read(&mut ignored) => {
                        heard(read)?;
                        continue;
                    }
                    () = sleep_until(self.looked + LOOK), if !self.written.is_empty() => {
                        self.look()?;
                        continue;
                    }
                }
            };
            let Some(item) = item else { break };
            let last = self.gather(item, &mut batch).await?;
            {
                let write = async {
                    to_peer.write_all(&batch).await?;
                    to_peer.flush().await
                };
                tokio::pin!(write);
                // A peer may take its time over a batch and have those before it.
                loop {
                    tokio::select! {
                        biased;
                        written = &mut write => break written?,
                        () = sleep_until(self.looked + LOOK), if !self.written.is_empty() => {
                            self.look()?;
                        }
                    }
                }
            }
            self.written_bytes += batch.len() as u64;
            self.written.push_back(Written { end: self.written_bytes, ..last });
            self.writing_ns = 0;
            batch.clear();
            if self.looked.elapsed() >= LOOK {
                self.look()?;
            }
        }
        to_peer.shutdown().await?;
        self.finish(&mut from_peer).await
    }

    /// Fills the batch with `item` and what there is besides.
    async fn gather(&mut self, item: Item, batch: &mut Vec<u8>) -> Result<Written, SessionError> {
        let received_ns = item.received_ns;
        let deadline = Instant::now() + self.feed.config.batch_age;
        let (mut position, mut records) = (item.position, 1);
        self.frame(&item, batch);
        while batch.len() < self.feed.config.batch_bytes {
            let more = match self.feed.try_next().map_err(SessionError::Log)? {
                None if !self.feed.config.batch_age.is_zero() => {
                    let next = timeout_at(deadline, self.feed.next()).await;
                    next.unwrap_or(Ok(None)).map_err(SessionError::Log)?
                }
                more => more,
            };
            let Some(item) = more else { break };
            self.frame(&item, batch);
            (position, records) = (item.position, records + 1);
        }
        self.writing_ns = received_ns;
        Ok(Written { position, end: 0, records, received_ns })
    }

    fn frame(&mut self, item: &Item, batch: &mut Vec<u8>) {
        match self.output.framing {
            Framing::Lf => self.output.format.write_line(item, &self.feed.intake, batch),
            Framing::OctetCounting => {
                // The count comes first and is known last.
                self.message.clear();
                self.output.format.write(item, &self.feed.intake, &mut self.message);
                write!(batch, "{} ", self.message.len()).expect("writing to a Vec does not fail");
                batch.extend_from_slice(&self.message);
            }
        }
    }

    /// Commits what the peer's kernel had acknowledged when last looked: by now its program has
    /// most likely read it, and what it has not is sent again if it dies. Where the kernel does not
    /// tell, what was written by then counts.
    fn look(&mut self) -> Result<(), SessionError> {
        self.looked = Instant::now();
        // The bytes of TLS are more than ours, so that this many of ours are acknowledged at least.
        let acknowledged = match unacknowledged_bytes(self.ends.0, self.ends.1) {
            Ok(under_way) => self.written_bytes.saturating_sub(under_way),
            // The connection is gone; what was known of it before stands.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.acknowledged_bytes,
            Err(_) => self.written_bytes,
        };
        let settled = std::mem::replace(&mut self.acknowledged_bytes, acknowledged);
        self.commit(settled)
    }

    /// Commits the batches that end within the first `settled` bytes.
    fn commit(&mut self, settled: u64) -> Result<(), SessionError> {
        let (mut records, mut last) = (0, None);
        while let Some(batch) = self.written.front()
            && batch.end <= settled
        {
            records += batch.records;
            last = Some((batch.position, batch.end));
            self.written.pop_front();
        }
        let Some((position, end)) = last else { return Ok(()) };
        let oldest_ns = self.written.front().map_or(self.writing_ns, |batch| batch.received_ns);
        let bytes = end - std::mem::replace(&mut self.committed_bytes, end);
        self.feed.commit(position, records, bytes, oldest_ns).map_err(SessionError::Log)
    }

    /// Waits, within reason, until the peer has everything.
    async fn finish<R: AsyncRead + Unpin>(
        &mut self,
        from_peer: &mut R,
    ) -> Result<(), SessionError> {
        let mut ignored = [0; 512];
        while !self.written.is_empty() {
            tokio::select! {
                read = from_peer.read(&mut ignored) => match heard(read) {
                    Ok(()) => {}
                    // It has read to our end, and ends as well; some do so without the alert
                    // that TLS asks for.
                    Err(SessionError::Closed) => self.commit(self.written_bytes)?,
                    Err(SessionError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        self.commit(self.written_bytes)?;
                    }
                    Err(error) => return Err(error),
                },
                () = sleep_until(self.looked + LOOK) => self.look()?,
            }
        }
        self.feed.commit_read().map_err(SessionError::Log)
    }
}

/// Nothing is said in this direction but the end.
fn heard(read: io::Result<usize>) -> Result<(), SessionError> {
    match read? {
        0 => Err(SessionError::Closed),
        _ => Ok(()),
    }
}

/// How often the kernel is asked what was acknowledged.
const LOOK: Duration = Duration::from_millis(100);
