//! The way into the log, shared by listeners and callers.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::envelope::{Envelope, KIND};
use crate::timestamp::Timestamp;
use crate::wal::{AppendError, Receipt, Wal};

use super::stats::Counter;

pub(super) struct Intake {
    pub(super) wal: Wal,
    pub(super) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) tcp: TcpCounters,
}

/// What listeners count; see [`TcpStats`](super::TcpStats).
#[derive(Debug, Default)]
pub(super) struct TcpCounters {
    pub(super) accepted: Counter,
    pub(super) refused: Counter,
    pub(super) open: Counter,
    pub(super) idle_closed: Counter,
    pub(super) received_bytes: Counter,
    pub(super) lost_frames: Counter,
    pub(super) frames: std::sync::Mutex<crate::frame::Stats>,
}

impl Intake {
    /// Appends a frame; waits while the log is behind, which is how a sender is slowed.
    pub(super) async fn append(
        &self,
        frame: &[u8],
        peer: Option<SocketAddr>,
        truncated: bool,
    ) -> Result<Receipt, AppendError> {
        let received_ns = u64::try_from((self.clock)().unix_ns()).unwrap_or(0);
        let (head, length) = Envelope { peer, truncated, frame }.head();
        let parts = [&head[..length], frame];
        loop {
            match self.wal.try_append(KIND, received_ns, &parts) {
                Err(AppendError::Busy) => {
                    let bytes = length + frame.len();
                    std::future::poll_fn(|context| self.wal.poll_room(context, bytes)).await;
                }
                outcome => return outcome,
            }
        }
    }
}
