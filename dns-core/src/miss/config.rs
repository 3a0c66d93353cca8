//! How long clients wait, and what became of them.

use std::sync::Arc;
use std::time::Duration;

use crate::forward::{Asked, ForwardError};
use crate::question::Question;
use crate::stale::{StalePolicy, StaleRules};

/// How long clients wait, and what for.
#[derive(Clone, Debug)]
pub struct MissConfig {
    /// A client that an expired answer can be given to waits no longer than this. Default 1.8 s (RFC 8767
    /// §5): just below the two seconds after which many clients ask again.
    pub client_timer: Duration,
    /// A question that failed is not asked again for so long. Default 5 s (RFC 9520 §3.2: at least one
    /// second, at most five minutes).
    pub failure_ttl: Duration,
    /// Clients waiting at once. Default 20,000; more get SERVFAIL at once.
    pub max_waiting: usize,
    /// Which expired answers stand in, and for which failures. Default: all, for all.
    pub stale: Arc<dyn StalePolicy>,
}

impl Default for MissConfig {
    fn default() -> MissConfig {
        MissConfig {
            client_timer: Duration::from_millis(1_800),
            failure_ttl: Duration::from_secs(5),
            max_waiting: 20_000,
            stale: Arc::new(StaleRules::default()),
        }
    }
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissStats {
    /// Queries taken.
    pub queries: u64,
    /// Answered with what a server said.
    pub answered: u64,
    /// Answered with an expired answer, because the servers were slow or failed.
    pub stale: u64,
    /// Answered with SERVFAIL.
    pub failed: u64,
    /// Refreshes begun because an answer in use was about to expire.
    pub prefetches: u64,
    /// Flights that ended in an answer.
    pub flights_answered: u64,
    /// Flights that ended without.
    pub flights_failed: u64,
}

/// A flight that ended, for logs and for `explain`.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What was asked.
    pub question: Question,
    /// Why there is no answer, if there is none.
    pub error: Option<ForwardError>,
    /// Every server asked, in order.
    pub asked: Vec<Asked>,
}
