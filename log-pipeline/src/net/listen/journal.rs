//! The systemd journal as a source: `journalctl` reads it, and its entries are taken once each,
//! however often either of us dies.
//!
//! Where to go on is known from two places. Each record of the log carries the cursor of its entry,
//! so that the newest one there says how far the journal was taken, whatever happened since. And so
//! that this is known when the records have been delivered and deleted, the cursor is also put into
//! a file, after the records up to it are durable; until then a cursor of the log, which no sink
//! shares, keeps them.
//!
//! `journalctl --cursor` is asked for, and an entry of that very cursor left out here:
//! `--after-cursor` leaves out the first entry whatever it is, also where the one meant was
//! vacuumed (systemd before 255).

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Interval, MissedTickBehavior};

use super::export::append;
use super::place::Place;
use super::{Shared, stopped};
use crate::cursor::{Cursor, CursorError, Start};
use crate::envelope::Envelope;
use crate::journal::{Decoder, Entry};
use crate::net::backoff::{Backoff, jitter};
use crate::wal::{Position, Receipt};

/// How the journal is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalConfig {
    /// A folder of journal files. Default none: the system's.
    pub folder: Option<PathBuf>,
    /// Where to begin when the journal was never followed into this log. Default [`Start::End`]:
    /// with what comes from now on.
    pub start: Start,
    /// What reads the journal. Default `journalctl`.
    pub program: PathBuf,
    /// How long to wait before it is started again after it ended.
    pub backoff: Backoff,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            folder: None,
            start: Start::End,
            program: "journalctl".into(),
            backoff: Backoff::default(),
        }
    }
}

impl JournalConfig {
    /// Sets [`JournalConfig::folder`].
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets [`JournalConfig::start`].
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets [`JournalConfig::program`].
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }
}

/// Why the journal cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The cursor of the log that keeps what is not remembered yet.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The file that remembers the journal's cursor.
    #[error("the journal's place cannot be read or kept")]
    Io(#[from] io::Error),
}

impl JournalError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Cursor(error) => error.label(),
            Self::Io(_) => "io",
        }
    }
}

/// One who follows.
pub(in crate::net) struct Follower {
    shared: Shared,
    config: JournalConfig,
    memory: Memory,
    /// Of the entry appended last.
    at: Option<Vec<u8>>,
    last: Option<Receipt>,
}

/// What is remembered for the next process.
struct Memory {
    /// Keeps the records whose cursors are not in the file yet.
    hold: Cursor,
    /// Written on a thread that may block.
    place: Arc<Mutex<Place>>,
    /// All entries up to this cursor lie before this position.
    candidate: Option<(Position, Option<Vec<u8>>)>,
}

impl Follower {
    /// Finds out where to go on. Blocks on the disk.
    pub(in crate::net) fn open(
        shared: Shared,
        spool: &Path,
        config: JournalConfig,
    ) -> Result<Self, JournalError> {
        let place = Place::open(&spool.join(FILE))?;
        let mut at = place.kept().map(<[u8]>::to_vec);
        let mut hold = Cursor::open(&shared.intake.wal, HOLD, Start::End)?;
        while let Some(record) = hold.try_next()? {
            if let Some(cursor) = Envelope::decode(&record.payload).journal_cursor {
                at = Some(cursor.to_vec());
            }
        }
        let memory = Memory { hold, place: Arc::new(Mutex::new(place)), candidate: None };
        Ok(Self { shared, config, memory, at, last: None })
    }

    /// Follows until told to stop.
    pub(in crate::net) async fn run(mut self) {
        let mut stop = self.shared.stop.clone();
        let mut failures = 0;
        while !*stop.borrow() {
            let before = self.shared.state.received_bytes.value();
            let outcome = self.session().await;
            if *stop.borrow() {
                break;
            }
            match outcome {
                Ok(()) => tracing::warn!("journalctl ended, and is started again"),
                Err(error) => tracing::warn!(%error, "the journal cannot be followed now"),
            }
            let came = self.shared.state.received_bytes.value() > before;
            failures = if came { 1 } else { failures + 1 };
            let wait = self.config.backoff.after(failures, jitter());
            // What is held is not held for a `journalctl` that is not there.
            let waiting = tokio::time::sleep(wait);
            tokio::pin!(waiting);
            let mut ticks = ticks();
            loop {
                tokio::select! {
                    () = &mut waiting => break,
                    () = stopped(&mut stop) => break,
                    _ = ticks.tick() => self.tick().await,
                }
            }
        }
        // So that the next process need not look for it.
        if let Some(last) = &self.last {
            let _ = tokio::time::timeout(FAREWELL, last.clone()).await;
        }
        for _ in 0..2 {
            self.tick().await;
        }
    }

    async fn tick(&mut self) {
        self.memory.tick(&self.shared, self.at.as_deref(), self.last.as_ref()).await;
    }

    /// One life of `journalctl`.
    async fn session(&mut self) -> io::Result<()> {
        if self.at.is_none() && self.config.start == Start::End {
            self.at = self.newest().await?;
            // From an empty journal everything is new.
            self.config.start = Start::Oldest;
        }
        let mut command = self.command();
        command.args(["--follow", "--no-tail"]);
        if let Some(at) = &self.at {
            command.arg(format!("--cursor={}", String::from_utf8_lossy(at)));
        }
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        explain(&mut child);
        let outcome = self.take_in(output).await;
        let _ = child.kill().await;
        outcome
    }

    /// The cursor of the newest entry there is.
    async fn newest(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut command = self.command();
        let output = command.arg("--lines=1").output().await?;
        let mut decoder = Decoder::new(self.shared.limits.max_frame_bytes);
        let mut input = &output.stdout[..];
        let entry = decoder.next(&mut input).map_err(io::Error::other)?;
        Ok(entry.and_then(|entry| entry.cursor().map(<[u8]>::to_vec)))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.config.program);
        command.args(["--output=export", "--all", "--no-pager", "--quiet"]);
        if let Some(folder) = &self.config.folder {
            command.arg("--directory").arg(folder);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    async fn take_in(&mut self, mut output: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut stop = self.shared.stop.clone();
        let mut decoder = Decoder::new(self.shared.limits.max_frame_bytes);
        let mut buffer = vec![0; READ_BYTES];
        let mut ticks = ticks();
        loop {
            let length = tokio::select! {
                read = output.read(&mut buffer) => read?,
                _ = ticks.tick() => {
                    self.tick().await;
                    continue;
                }
                () = stopped(&mut stop) => return Ok(()),
            };
            if length == 0 {
                return Ok(());
            }
            self.shared.state.received_bytes.add(length as u64);
            let mut input = &buffer[..length];
            while let Some(entry) = decoder.next(&mut input).map_err(io::Error::other)? {
                self.append(entry, &mut ticks).await?;
            }
        }
    }

    async fn append(&mut self, entry: Entry<'_>, ticks: &mut Interval) -> io::Result<()> {
        let cursor = entry.cursor();
        if cursor.is_some() && cursor == self.at.as_deref() {
            return Ok(());
        }
        let appending = append(entry, cursor, &self.shared);
        tokio::pin!(appending);
        let outcome = loop {
            tokio::select! {
                outcome = &mut appending => break outcome,
                // What we hold may be what there is no room for.
                _ = ticks.tick() => self.memory.tick(&self.shared, self.at.as_deref(), self.last.as_ref()).await,
            }
        };
        match outcome {
            Ok(receipt) => self.last = Some(receipt),
            Err(error) if error.is_final() => return Err(io::Error::other(error)),
            // Refused by choice: it does not come again.
            Err(error) => self.shared.state.count_refused(None, &error),
        }
        if let Some(cursor) = cursor {
            self.at = Some(cursor.to_vec());
        }
        Ok(())
    }
}

impl Memory {
    /// Remembers what has become durable, and then lets go of the records. `at` is the cursor of
    /// the entry appended last, `last` its receipt.
    async fn tick(&mut self, shared: &Shared, at: Option<&[u8]>, last: Option<&Receipt>) {
        if let Err(error) = self.remember(shared, at, last).await {
            tracing::warn!(%error, "the journal's place is not remembered");
        }
    }

    async fn remember(
        &mut self,
        shared: &Shared,
        at: Option<&[u8]>,
        last: Option<&Receipt>,
    ) -> io::Result<()> {
        let (end, durable_seq) = shared.intake.wal.ends();
        if let Some((position, cursor)) = &self.candidate
            && position.seq() <= durable_seq
        {
            if let Some(cursor) = cursor.clone() {
                let place = Arc::clone(&self.place);
                let keep = move || {
                    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
                    if place.kept() == Some(&cursor) { Ok(()) } else { place.keep(&cursor) }
                };
                tokio::task::spawn_blocking(keep).await.map_err(io::Error::other)??;
            }
            self.hold.commit(*position)?;
            self.candidate = None;
        }
        let all_before = last.is_none_or(|last| last.seq() < end.seq());
        if self.candidate.is_none() && all_before && end != self.hold.committed() {
            self.candidate = Some((end, at.map(<[u8]>::to_vec)));
        }
        Ok(())
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Says what `journalctl` says.
fn explain(child: &mut Child) {
    let Some(errors) = child.stderr.take() else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(errors).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::warn!(line, "journalctl");
        }
    });
}

/// Beside the log; no name of its own files.
const FILE: &str = "journal.place";
/// The cursor of the log, as `relay spool` shows it.
const HOLD: &str = "systemd-journal";
const READ_BYTES: usize = 64 * 1024;
/// How often what was taken is remembered.
const TICK: Duration = Duration::from_millis(200);
/// How long the end waits for the last entries to become durable.
const FAREWELL: Duration = Duration::from_secs(1);
