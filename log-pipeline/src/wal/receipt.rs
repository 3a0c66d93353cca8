//! What an appender holds of a record: it can wait until the record is as safe as was promised.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::failed::Failed;
use super::state::{Shared, State};

/// A record on its way. Waiting for it, blocking or as a future, ends when it is as safe as
/// [`Sync`](super::Sync) says; dropping it changes nothing.
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
    /// Written: survives the end of the process, not a loss of power.
    Written,
    /// Synced: survives a loss of power.
    Durable,
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

    /// Blocks until the record is safe.
    ///
    /// # Errors
    /// [`Failed`] when the log stopped before it was.
    pub fn wait(&self) -> Result<Stage, Failed> {
        self.shared.wait(|state| self.outcome(state))
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
}

impl Future for Receipt {
    type Output = Result<Stage, Failed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.poll(context, |state| self.outcome(state))
    }
}
