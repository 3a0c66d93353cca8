//! A named place in the log, kept on disk: each sink has its own and reads at its own pace.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::wal::{
    Checkpoint, Hold, Position, Record, Scan, Shared, State, Step, Wal, file_name, valid_name,
};

/// Where a cursor that does not exist yet begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record on disk.
    Oldest,
    /// After the newest.
    End,
}

/// Why a cursor could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// A name is 1 to 64 of `a-z`, `0-9`, `_` and `-`.
    #[error("not a cursor's name: {0:?}")]
    Name(String),
    /// It is open already.
    #[error("cursor {0:?} is in use")]
    InUse(String),
    /// The storage failed.
    #[error("the cursor could not be read or made")]
    Io(#[from] io::Error),
}

impl CursorError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::InUse(_) => "in_use",
            Self::Io(_) => "io",
        }
    }
}

/// A reader of the log that remembers how far its sink has come. Records come in order, each at
/// least once: after a crash reading goes on at the last commit that survived.
#[derive(Debug)]
pub struct Cursor {
    shared: Arc<Shared>,
    name: String,
    checkpoint: Checkpoint,
    /// A sync failed: nothing may be called durable any more.
    poisoned: bool,
    scan: Option<Scan>,
    /// Where reading of the scanned segment must stop, as last asked.
    limit: u64,
    at: Position,
}

impl Cursor {
    /// Opens the cursor `name` of `wal`, or makes it at `start`. From then on the log keeps every
    /// record the cursor has not passed, also while nobody has it open.
    ///
    /// # Errors
    /// [`CursorError`].
    pub fn open(wal: &Wal, name: &str, start: Start) -> Result<Self, CursorError> {
        if !valid_name(name) {
            return Err(CursorError::Name(name.to_owned()));
        }
        let shared = Arc::clone(wal.shared());
        // The hold comes first: from here on no segment goes away.
        let (known, at) = shared.with(|state| {
            let known = state.cursors.contains_key(name);
            if state.cursors.get(name).is_some_and(|hold| hold.open) {
                return Err(CursorError::InUse(name.to_owned()));
            }
            let at = match start {
                // A checkpoint that was lost must not cost records.
                Start::End if !known => state.visible,
                Start::End | Start::Oldest => {
                    let first = state.segments.keys().next().copied().unwrap_or(0);
                    Position { seq: first, segment: first, offset: 0 }
                }
            };
            state.cursors.entry(name.to_owned()).or_insert_with(|| Hold::at(at.seq)).open = true;
            Ok((known, at))
        })?;
        match checkpoint(&shared, name, known, at) {
            Ok(checkpoint) => {
                let at = checkpoint.position();
                Ok(Self {
                    shared,
                    name: name.to_owned(),
                    checkpoint,
                    poisoned: false,
                    scan: None,
                    limit: 0,
                    at,
                })
            }
            Err(error) => {
                shared.with(|state| match state.cursors.get_mut(name) {
                    Some(hold) if known => hold.open = false,
                    _ => drop(state.cursors.remove(name)),
                });
                Err(error.into())
            }
        }
    }

    /// Has the log forget the cursor `name`, and no longer keep what it has not passed. False when
    /// there is none.
    ///
    /// # Errors
    /// [`CursorError`], `InUse` above all.
    pub fn forget(wal: &Wal, name: &str) -> Result<bool, CursorError> {
        let shared = wal.shared();
        let known = shared.with(|state| match state.cursors.get(name) {
            Some(hold) if hold.open => Err(CursorError::InUse(name.to_owned())),
            hold => Ok(hold.is_some()),
        })?;
        if known {
            shared.storage.unlink(&file_name(name))?;
            shared.storage.sync_dir()?;
            shared.publish(|state| state.cursors.remove(name));
            shared.delete_passed()?;
        }
        Ok(known)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next record, or `None` when there is none yet. Reads the file at most once a chunk.
    ///
    /// # Errors
    /// Whatever the storage says; the call may be repeated.
    pub fn try_next(&mut self) -> io::Result<Option<Record>> {
        loop {
            if self.scan.is_none() {
                self.begin_segment()?;
            }
            // No segment at all: a log that has found no room yet.
            let Some(scan) = &mut self.scan else { return self.end() };
            match scan.step(self.limit)? {
                Step::Record(record) if record.seq < self.at.seq => {}
                Step::Record(record) => {
                    self.skip_to(record.seq);
                    self.at = record.position;
                    return Ok(Some(record));
                }
                Step::Damage { from, to } => self.shared.quarantine(scan, from, to),
                Step::End => {
                    let segment = scan.segment();
                    // Both are looked up at once: when there is a successor, the limit is where the
                    // segment ends for good.
                    let (limit, successor, visible) = self.shared.with(|state| {
                        let next = state.segments.range(segment + 1..).next();
                        (state.limit(segment), next.map(|(&base, _)| base), state.visible)
                    });
                    if limit > self.limit {
                        self.limit = limit;
                    } else if let Some(base) = successor {
                        self.scan = self.shared.scan(base, None)?;
                        self.limit = 0;
                    } else {
                        // Numbers that were lost to damage are passed all the same.
                        self.skip_to(visible.seq);
                        self.at = visible;
                        return self.end();
                    }
                }
            }
        }
    }

    /// Blocks until there is a record. `None` when the log is closed and read to its end.
    ///
    /// # Errors
    /// Whatever the storage says.
    pub fn wait_next(&mut self) -> io::Result<Option<Record>> {
        loop {
            if let Some(record) = self.try_next()? {
                return Ok(Some(record));
            }
            let (seq, keeps_room) = (self.at.seq, self.is_unsynced() || self.scan.is_some());
            let more = self.shared.wait(|state| wakes(state, seq, keeps_room));
            if !more {
                return Ok(None);
            }
        }
    }

    /// Waits, as a task, for a record. `None` when the log is closed and read to its end. The
    /// file is read on the calling thread, mostly from the page cache. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    /// Whatever the storage says.
    pub async fn next(&mut self) -> io::Result<Option<Record>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Record>>> {
        loop {
            if let Some(record) = self.try_next()? {
                return Poll::Ready(Ok(Some(record)));
            }
            let (seq, keeps_room) = (self.at.seq, self.is_unsynced() || self.scan.is_some());
            let more = self.shared.poll(context, |state| wakes(state, seq, keeps_room));
            match more {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(Ok(None)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Remembers that everything before `position` is done. It survives the end of the process at
    /// once, and a loss of power after the next sync, which comes by itself when a segment is
    /// done with. Going back is allowed as far as the records are there.
    ///
    /// # Errors
    /// Whatever the storage says. After a failed sync the cursor takes no more commits.
    pub fn commit(&mut self, position: Position) -> io::Result<()> {
        self.refuse_if_poisoned()?;
        self.checkpoint.write(position)?;
        let awaited = self.shared.with(|state| {
            if let Some(hold) = state.cursors.get_mut(&self.name) {
                hold.committed = position.seq;
            }
            std::mem::take(&mut state.delivery_awaited)
        });
        if awaited {
            self.shared.publish(|_| {});
        }
        if position.segment != self.checkpoint.durable().segment {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes the last commit survive a loss of power, and deletes the segments all cursors have
    /// passed.
    ///
    /// # Errors
    /// Whatever the storage says.
    pub fn sync(&mut self) -> io::Result<()> {
        self.refuse_if_poisoned()?;
        if let Err(error) = self.checkpoint.sync() {
            self.poisoned = true;
            return Err(error);
        }
        let durable = self.checkpoint.durable();
        self.shared.with(|state| {
            if let Some(hold) = state.cursors.get_mut(&self.name) {
                hold.seq = durable.seq;
            }
        });
        self.shared.delete_passed()
    }

    /// Records this cursor would have read, had they not been given up to make room: see
    /// [`WhenFull::DropOldest`](crate::wal::WhenFull::DropOldest).
    pub fn skipped_records(&self) -> u64 {
        self.shared.with(|state| state.cursors.get(&self.name).map_or(0, |hold| hold.skipped))
    }

    /// The last commit.
    pub fn committed(&self) -> Position {
        self.checkpoint.position()
    }

    /// Records that readers may see and this cursor has not committed; damaged ones count too.
    pub fn lag_records(&self) -> u64 {
        let committed = self.checkpoint.position().seq;
        self.shared.with(|state| state.visible.seq.saturating_sub(committed))
    }

    /// There is nothing more now. When the disk is full, what is done with must be able to go, and a file
    /// that is open keeps its room though it is deleted.
    fn end(&mut self) -> io::Result<Option<Record>> {
        if self.shared.with(|state| state.stats.waits_for_disk) {
            self.scan = None;
            if self.is_unsynced() {
                self.sync()?;
            }
        }
        Ok(None)
    }

    fn is_unsynced(&self) -> bool {
        !self.poisoned && self.checkpoint.durable() != self.checkpoint.position()
    }

    fn refuse_if_poisoned(&self) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other("an earlier sync of the cursor failed"));
        }
        Ok(())
    }

    /// Counts what is missing between here and `seq` because it was given up.
    fn skip_to(&self, seq: u64) {
        let at = self.at.seq;
        if at < seq {
            let missed = self.shared.with(|state| state.skip(&self.name, at, seq));
            if missed > 0 {
                self.shared.publish(|_| {});
                tracing::warn!(
                    cursor = self.name,
                    missed,
                    "records given up before they were read"
                );
            }
        }
    }

    /// Opens the segment the cursor stands in, or the one that took its place.
    fn begin_segment(&mut self) -> io::Result<()> {
        self.limit = 0;
        // A place beyond what is there is none of this segment: its records are known by number.
        let limit = self.shared.with(|state| state.limit(self.at.segment));
        let offset = Some(self.at.offset).filter(|offset| *offset <= limit);
        self.scan = self.shared.scan(self.at.segment, offset)?;
        if self.scan.is_none() {
            let seq = self.at.seq;
            let base = self.shared.with(|state| {
                let holds_it = state.segments.range(..=seq).next_back();
                holds_it.or(state.segments.iter().next()).map_or(0, |(&base, _)| base)
            });
            self.scan = self.shared.scan(base, None)?;
        }
        Ok(())
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // Somebody may wait for what it delivers.
        self.shared.publish(|state| {
            if let Some(hold) = state.cursors.get_mut(&self.name) {
                hold.open = false;
            }
        });
    }
}

/// Whether there is something to do for a reader that is at `seq`: true when there is, false when
/// there never will be.
fn wakes(state: &State, seq: u64, keeps_room: bool) -> Option<bool> {
    let something = state.visible.seq > seq || (keeps_room && state.stats.waits_for_disk);
    if something { Some(true) } else { state.closed.then_some(false) }
}

fn checkpoint(shared: &Shared, name: &str, known: bool, at: Position) -> io::Result<Checkpoint> {
    if known && let Some(checkpoint) = Checkpoint::open(&*shared.storage, name)? {
        return Ok(checkpoint);
    }
    Checkpoint::create(&*shared.storage, name, at)
}
