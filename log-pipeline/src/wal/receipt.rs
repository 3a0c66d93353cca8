//! What an appender holds of a record: it can wait until the record is as safe as was promised, and
//! until a sink has delivered it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::failed::Failed;
use super::state::{Shared, State};

/// A record on its way: received, then written, durable, and delivered by each sink at its own pace.
///
/// Waiting for it, blocking or as a future, ends when it is as safe as [`Sync`](super::Sync) says;
/// dropping it changes nothing.
///
/// ```
/// use log_pipeline::cursor::{Cursor, Start};
/// use log_pipeline::wal::{Config, Disk, Stage, Wal};
///
/// # let folder = tempfile::tempdir()?;
/// let wal = Wal::open(Disk::open(folder.path())?, Config::default())?;
/// let mut sink = Cursor::open(&wal, "sink", Start::Oldest)?;
///
/// let receipt = wal.append(1, 0, &[b"message"])?;
/// assert_eq!(receipt.wait()?, Stage::Durable); // or `receipt.await`: from here on it is safe
///
/// std::thread::scope(|scope| {
///     // or `receipt.delivered("sink").await`
///     let waiting = scope.spawn(|| receipt.wait_delivered("sink"));
///     let record = sink.try_next()?.expect("it is there");
///     // … the sink writes it somewhere …
///     sink.commit(record.position)?;
///     waiting.join().expect("no panic")?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "the record is not safe before the receipt says so"]
pub struct Receipt {
    pub(super) shared: Arc<Shared>,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) until_durable: bool,
}

/// How safe a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// In memory: dies with the process.
    Received,
    /// Written: survives the end of the process, not a loss of power.
    Written,
    /// Synced: survives a loss of power.
    Durable,
}

impl Stage {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Written => "written",
            Self::Durable => "durable",
        }
    }
}

/// Why a record will not be delivered, as far as this opening of the log can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The log has no cursor of that name.
    #[error("no such sink")]
    UnknownSink,
    /// It was given up before the sink had read it:
    /// [`WhenFull::DropOldest`](super::WhenFull::DropOldest).
    #[error("the record was given up to make room")]
    GivenUp,
    /// The log was closed, and the sink has ended without delivering it. It comes again when the log
    /// is opened next.
    #[error("the sink ended before it delivered the record")]
    Ended,
    /// The storage failed before it was safe.
    #[error(transparent)]
    Failed(#[from] Failed),
}

impl DeliveryError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnknownSink => "unknown_sink",
            Self::GivenUp => "given_up",
            Self::Ended => "ended",
            Self::Failed(_) => "failed",
        }
    }
}

impl Receipt {
    /// Sequence number of the record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Which opening of the log took it: `(epoch, seq)` is the record's key for good.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How safe the record is now. Does not wait.
    pub fn stage(&self) -> Stage {
        self.shared.with(|state| {
            if state.durable_seq > self.seq {
                Stage::Durable
            } else if state.written_seq > self.seq {
                Stage::Written
            } else {
                Stage::Received
            }
        })
    }

    /// Blocks until the record is safe.
    ///
    /// # Errors
    /// [`Failed`] when the log stopped before it was.
    pub fn wait(&self) -> Result<Stage, Failed> {
        self.shared.wait(|state| self.outcome(state))
    }

    /// Waits, as a task, until the cursor `sink` has committed beyond the record: the sink has
    /// delivered it, or its routes do not choose it. This survives the end of the process; after a
    /// loss of power the record may be delivered again, with the same key.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn delivered(&self, sink: &str) -> Result<(), DeliveryError> {
        std::future::poll_fn(|context| {
            self.shared.poll(context, |state| self.delivery(state, sink))
        })
        .await
    }

    /// Like [`Receipt::delivered`], blocking.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub fn wait_delivered(&self, sink: &str) -> Result<(), DeliveryError> {
        self.shared.wait(|state| self.delivery(state, sink))
    }

    fn outcome(&self, state: &State) -> Option<Result<Stage, Failed>> {
        if state.durable_seq > self.seq {
            Some(Ok(Stage::Durable))
        } else if !self.until_durable && state.written_seq > self.seq {
            Some(Ok(Stage::Written))
        } else {
            state.failed.map(Err)
        }
    }

    fn delivery(&self, state: &mut State, sink: &str) -> Option<Result<(), DeliveryError>> {
        let Some(hold) = state.cursors.get(sink) else {
            return Some(Err(DeliveryError::UnknownSink));
        };
        if hold.skips.iter().any(|skip| skip.contains(&self.seq)) {
            return Some(Err(DeliveryError::GivenUp));
        }
        if hold.committed > self.seq {
            return Some(Ok(()));
        }
        if let Some(failed) = state.failed.filter(|_| state.written_seq <= self.seq) {
            return Some(Err(failed.into()));
        }
        if state.closed && !hold.open {
            return Some(Err(DeliveryError::Ended));
        }
        state.delivery_awaited = true;
        None
    }
}

impl Future for Receipt {
    type Output = Result<Stage, Failed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.poll(context, |state| self.outcome(state))
    }
}
