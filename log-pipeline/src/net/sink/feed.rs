//! What a sink reads: the messages its routes choose, in order, again from the last commit after a
//! failure.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::config::SinkConfig;
use super::state::SinkState;
use crate::cursor::{Cursor, CursorError, Start};
use crate::envelope::{Envelope, KIND};
use crate::message::Message;
use crate::net::intake::Intake;
use crate::net::sources::Sources;
use crate::parse::parse;
use crate::timestamp::Timestamp;
use crate::wal::{Position, Record};

pub(in crate::net) struct Feed {
    /// `None` only while it is opened again.
    cursor: Option<Cursor>,
    pub(in crate::net) intake: Arc<Intake>,
    pub(in crate::net) state: Arc<SinkState>,
    pub(in crate::net) config: SinkConfig,
    /// Up to here records were read, chosen or not.
    read: Position,
    /// Messages given out and not committed.
    under_way: u64,
}

/// One message to deliver.
#[derive(Debug)]
pub(in crate::net) struct Item {
    pub(in crate::net) epoch: u64,
    pub(in crate::net) seq: u64,
    pub(in crate::net) received_ns: u64,
    pub(in crate::net) peer: Option<SocketAddr>,
    pub(in crate::net) frame: Bytes,
    /// What to commit when it is delivered.
    pub(in crate::net) position: Position,
}

impl Feed {
    pub(in crate::net) fn open(
        intake: Arc<Intake>,
        config: SinkConfig,
    ) -> Result<Self, CursorError> {
        let cursor = Cursor::open(&intake.wal, &config.name, config.start)?;
        let state = Arc::new(SinkState::new(&config.name, cursor.committed()));
        let read = cursor.committed();
        Ok(Self { cursor: Some(cursor), intake, state, config, read, under_way: 0 })
    }

    /// Waits for the next message; `None` when the log is closed and read to its end. Dropping the
    /// future loses nothing.
    pub(in crate::net) async fn next(&mut self) -> io::Result<Option<Item>> {
        loop {
            if let Some(item) = self.try_next()? {
                return Ok(Some(item));
            }
            let Some(record) = self.cursor().next().await? else { return Ok(None) };
            if let Some(item) = self.choose(&record)? {
                return Ok(Some(item));
            }
        }
    }

    /// Like [`Feed::next`], for a thread.
    pub(in crate::net) fn wait_next(&mut self) -> io::Result<Option<Item>> {
        loop {
            if let Some(item) = self.try_next()? {
                return Ok(Some(item));
            }
            let Some(record) = self.cursor().wait_next()? else { return Ok(None) };
            if let Some(item) = self.choose(&record)? {
                return Ok(Some(item));
            }
        }
    }

    /// The next message if there is one now.
    pub(in crate::net) fn try_next(&mut self) -> io::Result<Option<Item>> {
        loop {
            let Some(record) = self.cursor().try_next()? else {
                self.pass(1)?;
                return Ok(None);
            };
            if let Some(item) = self.choose(&record)? {
                return Ok(Some(item));
            }
        }
    }

    /// Everything before `position` is delivered: `records` more, in `bytes`. `oldest_ns` as in
    /// [`SinkState::done`].
    pub(in crate::net) fn commit(
        &mut self,
        position: Position,
        records: u64,
        bytes: u64,
        oldest_ns: u64,
    ) -> io::Result<()> {
        self.cursor().commit(position)?;
        self.under_way -= records;
        self.state.done(records, bytes, position, oldest_ns);
        Ok(())
    }

    /// Everything read is delivered, or not wanted.
    pub(in crate::net) fn commit_read(&mut self) -> io::Result<()> {
        let read = self.read;
        if self.cursor().committed() == read { Ok(()) } else { self.commit(read, 0, 0, 0) }
    }

    /// Makes the last commit survive a loss of power.
    pub(in crate::net) fn sync(&mut self) -> io::Result<()> {
        self.cursor().sync()
    }

    /// Goes back to the last commit.
    pub(in crate::net) fn rewind(&mut self) -> Result<(), CursorError> {
        self.cursor = None;
        let cursor = Cursor::open(&self.intake.wal, &self.config.name, Start::Oldest)?;
        (self.read, self.under_way) = (cursor.committed(), 0);
        self.cursor = Some(cursor);
        Ok(())
    }

    fn cursor(&mut self) -> &mut Cursor {
        self.cursor.as_mut().expect("a feed that could not be opened again is not used")
    }

    /// Commits what was read, when nothing of it is under way and it is `least` records at least:
    /// a sink that wants little must not hold the log.
    fn pass(&mut self, least: u64) -> io::Result<()> {
        let committed = self.cursor().committed().seq();
        if self.under_way == 0 && self.read.seq().saturating_sub(committed) >= least {
            self.commit(self.read, 0, 0, 0)?;
        }
        Ok(())
    }

    fn choose(&mut self, record: &Record) -> io::Result<Option<Item>> {
        self.read = record.position;
        let Some(item) = Item::of(record) else { return Ok(None) };
        if !self.config.routes.is_empty() {
            let (message, peer) =
                (item.message(&self.intake.sources), item.peer.map(|peer| peer.ip()));
            if !self.config.routes.iter().any(|route| route.matches(&message, peer)) {
                self.pass(PASSED_AT_ONCE)?;
                return Ok(None);
            }
        }
        self.under_way += 1;
        self.state.read(item.received_ns);
        Ok(Some(item))
    }
}

impl Item {
    /// The message in a record; `None` when it is something else.
    pub(in crate::net) fn of(record: &Record) -> Option<Self> {
        if record.kind != KIND {
            return None;
        }
        let envelope = Envelope::decode(&record.payload);
        Some(Self {
            epoch: record.epoch,
            seq: record.seq,
            received_ns: record.received_ns,
            peer: envelope.peer,
            frame: record.payload.slice_ref(envelope.frame),
            position: record.position,
        })
    }

    /// The message, parsed now.
    pub(in crate::net) fn message(&self, sources: &Sources) -> Message<'_> {
        let source = sources.of(self.peer.map(|peer| peer.ip()));
        parse(&self.frame, self.received(), &source.policy)
    }

    pub(in crate::net) fn received(&self) -> Timestamp {
        Timestamp::from_unix_ns(i64::try_from(self.received_ns).unwrap_or(i64::MAX))
    }
}

/// Records that are not wanted, in a row, until they are committed.
const PASSED_AT_ONCE: u64 = 4096;

pub(in crate::net) fn received(record: &Record) -> Timestamp {
    Timestamp::from_unix_ns(i64::try_from(record.received_ns).unwrap_or(i64::MAX))
}
