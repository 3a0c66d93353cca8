//! The sink that writes lines to a file, on a thread of its own: disks block.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::feed::{Feed, Item};
use super::rotate::Target;
use crate::net::backoff::jitter;
use crate::wal::Position;

pub(in crate::net) struct FileSink {
    feed: Feed,
    target: Target,
    /// Grows with each wish that files be opened again.
    reopens: Arc<AtomicU64>,
    reopened: u64,
    quit: watch::Receiver<bool>,
}

/// Lines not written yet.
struct Batch {
    lines: Vec<u8>,
    records: u64,
    position: Position,
}

impl FileSink {
    /// A sink that writes what `feed` gives to `target`.
    pub(in crate::net) fn new(
        feed: Feed,
        target: Target,
        reopens: Arc<AtomicU64>,
        quit: watch::Receiver<bool>,
    ) -> Self {
        let reopened = reopens.load(Ordering::Relaxed);
        Self { feed, target, reopens, reopened, quit }
    }

    /// Writes until the log is closed and read to its end. What cannot be written is tried again
    /// until it can, or the pipeline gives up.
    pub(in crate::net) fn run(mut self) {
        let outcome = self.deliver();
        if let Err(error) = &outcome {
            let sink = self.feed.state.name();
            tracing::error!(sink, %error, "sink stopped");
        }
        self.feed.state.stopped(outcome.as_ref().err().map(|error| error as _));
    }

    fn deliver(&mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        while let Some(item) = self.feed.wait_next()? {
            let batch = self.gather(&item, lines)?;
            if !self.write(&batch.lines) {
                return Ok(());
            }
            let bytes = batch.lines.len() as u64;
            self.feed.commit(batch.position, batch.records, bytes, 0)?;
            lines = batch.lines;
            lines.clear();
            lines.shrink_to(2 * self.batch_bytes());
        }
        self.target.close()?;
        self.feed.commit_read()?;
        self.feed.sync()
    }

    fn gather(&mut self, item: &Item, lines: Vec<u8>) -> io::Result<Batch> {
        let mut batch = Batch { lines, records: 0, position: item.position };
        self.line(item, &mut batch);
        let (age, most) = (self.feed.config.batch_age, self.batch_bytes());
        let deadline = Instant::now() + age;
        while batch.lines.len() < most {
            match self.feed.try_next()? {
                Some(item) => self.line(&item, &mut batch),
                None if Instant::now() < deadline => std::thread::sleep(age.min(STEP)),
                None => break,
            }
        }
        Ok(batch)
    }

    /// A sync costs the same for much and for little: where each batch is synced, more of what is
    /// there goes into one.
    fn batch_bytes(&self) -> usize {
        let asked = self.feed.config.batch_bytes;
        if self.target.syncs_batches() { asked.max(SYNCED_BATCH_BYTES) } else { asked }
    }

    fn line(&self, item: &Item, batch: &mut Batch) {
        self.target.config().format.write_line(item, &self.feed.intake, &mut batch.lines);
        batch.records += 1;
        batch.position = item.position;
    }

    /// False when the pipeline gave up first.
    fn write(&mut self, lines: &[u8]) -> bool {
        let mut failures = 0;
        loop {
            let now_ns = self.feed.intake.now_ns();
            let Err(error) = self.attempt(lines, now_ns) else {
                self.feed.state.running();
                return true;
            };
            failures += 1;
            let wait = self.feed.config.backoff.after(failures, jitter());
            let path = self.target.config().path.display();
            tracing::warn!(sink = self.feed.state.name(), %path, %error, ?wait, "sink will try again");
            self.feed.state.retrying(&format_args!("{path}: {error}"));
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if *self.quit.borrow() || self.quit.has_changed().is_err() {
                    return false;
                }
                std::thread::sleep(STEP.min(wait));
            }
        }
    }

    fn attempt(&mut self, lines: &[u8], now_ns: u64) -> io::Result<()> {
        let reopens = self.reopens.load(Ordering::Relaxed);
        if reopens != self.reopened {
            self.target.reopen(now_ns)?;
            self.reopened = reopens;
        }
        self.target.append(lines, now_ns)
    }
}

const SYNCED_BATCH_BYTES: usize = 1 << 20;
const STEP: Duration = Duration::from_millis(20);
