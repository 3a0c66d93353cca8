//! The end of a log whose storage failed.

use std::io;

/// The log stopped because the storage failed. Nothing after that moment is ever called durable;
/// open the log again to go on from what is really there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log stopped: {operation} failed with {kind}")]
pub struct Failed {
    /// `write`, `truncate` or `sync`.
    pub operation: &'static str,
    /// What the file system said.
    pub kind: io::ErrorKind,
}

impl Failed {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        self.operation
    }
}
