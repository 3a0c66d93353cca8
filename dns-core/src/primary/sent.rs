//! Transfers that others asked for, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::message::Rcode;
use crate::transfer::Content;

/// Requests for transfers since the start, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// All of a zone.
    pub whole: u64,
    /// Differences.
    pub changes: u64,
    /// Nothing newer to send.
    pub unchanged: u64,
    /// Refused: whoever asked may not have it, or not over this transport.
    pub refused: u64,
    /// Failed otherwise: no such zone, none yet, or a request that makes no sense.
    pub failed: u64,
}

/// The same, being counted. Relaxed: numbers, nothing is published through them.
#[derive(Debug, Default)]
pub(super) struct Counting([AtomicU64; 5]);

impl Counting {
    pub(super) fn note(&self, content: Result<&Content, &Rcode>) {
        let place = match content {
            Ok(Content::Whole(_)) => 0,
            Ok(Content::Changes(..)) => 1,
            Ok(Content::Version(_)) => 2,
            Err(&Rcode::REFUSED) => 3,
            Err(_) => 4,
        };
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Sent {
        let [whole, changes, unchanged, refused, failed] =
            [0, 1, 2, 3, 4].map(|place| self.0[place].load(Ordering::Relaxed));
        Sent { whole, changes, unchanged, refused, failed }
    }
}
