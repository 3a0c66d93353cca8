//! What the segments of one side tell of the path and of the hosts.

/// Counts of one side's segments, over its handshake alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Segments that made good a loss: sent again, or long overtaken.
    pub retransmissions: u32,
    /// Second sights of segments that were captured twice, which are left out of account.
    pub duplicates: u32,
    /// Segments by which it closed its receive window: it could not keep up with what it was sent.
    pub zero_windows: u32,
}

impl Tally {
    pub(crate) fn retransmission(&mut self) {
        self.retransmissions = self.retransmissions.saturating_add(1);
    }

    pub(crate) fn duplicate(&mut self) {
        self.duplicates = self.duplicates.saturating_add(1);
    }

    pub(crate) fn zero_window(&mut self) {
        self.zero_windows = self.zero_windows.saturating_add(1);
    }
}
