//! The RELP client: what the server has acknowledged is done with.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::config::RelpOutput;
use super::drive::{SessionError, connect};
use super::feed::{Feed, Item};
use crate::relp::{Client, ClientEvent};
use crate::wal::Position;

/// One session, from the first record there is to the end of the log or an error. What was not
/// acknowledged is sent again by the next.
pub(super) async fn session(feed: &mut Feed, output: &RelpOutput) -> Result<(), SessionError> {
    let Some(first) = feed.next().await.map_err(SessionError::Log)? else {
        return feed.commit_read().map_err(SessionError::Log);
    };
    let stream = connect(&output.address, output.connect_timeout).await?;
    #[cfg(feature = "tls")]
    if let Some(tls) = &output.tls {
        let (name, time) = (output.server_name.as_deref(), output.connect_timeout);
        let stream = super::tls::handshake(stream, tls, &output.address, name, time).await?;
        return Session::new(feed, output, first).run(stream).await;
    }
    Session::new(feed, output, first).run(stream).await
}

struct Sent {
    position: Position,
    bytes: usize,
    received_ns: u64,
}

struct Session<'a> {
    feed: &'a mut Feed,
    output: &'a RelpOutput,
    client: Client,
    /// Not acknowledged, oldest first.
    sent: VecDeque<Sent>,
    /// A message being written, kept for its memory.
    message: Vec<u8>,
    /// Read from the log before there was room for it.
    waiting: Option<Item>,
}

impl<'a> Session<'a> {
    fn new(feed: &'a mut Feed, output: &'a RelpOutput, first: Item) -> Self {
        let client = Client::new(output.window);
        let (message, sent) = (Vec::new(), VecDeque::new());
        Self { feed, output, client, sent, message, waiting: Some(first) }
    }

    async fn run<S>(&mut self, mut stream: S) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = vec![0; READ_BYTES];
        let mut log_ended = false;
        let mut heard = Instant::now();
        loop {
            if !self.client.transmit().is_empty() {
                stream.write_all(self.client.transmit()).await?;
                // TLS keeps what does not fill a record.
                stream.flush().await?;
                self.client.transmit().clear();
            }
            if self.waiting.is_some() && self.client.has_room() {
                self.fill(None)?;
                continue;
            }
            let due = !self.sent.is_empty() || !self.opened() || log_ended;
            tokio::select! {
                biased;
                read = stream.read(&mut buffer) => {
                    let read = read?;
                    if read == 0 {
                        return Err(SessionError::Closed);
                    }
                    heard = Instant::now();
                    if self.hear(&buffer[..read])? {
                        return self.feed.commit_read().map_err(SessionError::Log);
                    }
                    self.fill(None)?;
                }
                item = self.feed.next(), if !log_ended && self.client.has_room() => {
                    let item = item.map_err(SessionError::Log)?;
                    log_ended = item.is_none();
                    if self.sent.is_empty() {
                        heard = Instant::now();
                    }
                    self.fill(item)?;
                }
                () = sleep_until(heard + self.output.answer_timeout), if due => {
                    return Err(SessionError::NoAnswer(self.output.answer_timeout));
                }
            }
            if log_ended && self.sent.is_empty() && self.waiting.is_none() {
                self.client.close();
            }
        }
    }

    fn opened(&self) -> bool {
        self.client.has_room() || !self.sent.is_empty()
    }

    /// Takes what the server says; true when the session has ended as it should.
    fn hear(&mut self, mut input: &[u8]) -> Result<bool, SessionError> {
        let (mut position, mut records, mut bytes) = (None, 0, 0);
        let mut closed = false;
        while let Some(event) = self.client.next(&mut input)? {
            match event {
                ClientEvent::Opened => self.feed.state.running(),
                ClientEvent::Closed => closed = true,
                ClientEvent::Acknowledged { count } => {
                    records += count as u64;
                    for sent in self.sent.drain(..count) {
                        bytes += sent.bytes as u64;
                        position = Some(sent.position);
                    }
                }
            }
        }
        if let Some(position) = position {
            let oldest_ns = self.sent.front().map_or(0, |sent| sent.received_ns);
            self.feed.commit(position, records, bytes, oldest_ns).map_err(SessionError::Log)?;
        }
        Ok(closed)
    }

    /// Sends `item` and what there is besides, as far as the window allows.
    fn fill(&mut self, item: Option<Item>) -> Result<(), SessionError> {
        let mut next = self.waiting.take().or(item);
        while self.client.has_room() && self.client.transmit().len() < self.feed.config.batch_bytes
        {
            let item = match next.take() {
                Some(item) => item,
                None => match self.feed.try_next().map_err(SessionError::Log)? {
                    Some(item) => item,
                    None => return Ok(()),
                },
            };
            self.send(&item);
        }
        self.waiting = next;
        Ok(())
    }

    fn send(&mut self, item: &Item) {
        self.message.clear();
        self.output.format.write(item, &self.feed.intake, &mut self.message);
        let went = self.client.send(&self.message);
        debug_assert!(went, "asked for only while there is room");
        let (position, bytes) = (item.position, self.message.len());
        self.sent.push_back(Sent { position, bytes, received_ns: item.received_ns });
    }
}

const READ_BYTES: usize = 16 * 1024;
