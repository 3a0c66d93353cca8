//! How a storage deceives, and what it leaves.

/// How the storage deceives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// `sync_data` says yes and does nothing.
    SyncDataLies,
    /// `sync_dir` says yes and does nothing.
    SyncDirLies,
    /// `sync_data` fails once, at the given call from now. What it should have written is marked
    /// clean and forgotten, as Linux does it: later calls succeed and do nothing.
    SyncDataFails(u32),
    /// `sync_dir` fails once, at the given call from now.
    SyncDirFails(u32),
    /// Reading fails once, at the given call from now.
    ReadFails(u32),
}

/// What another process finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum After {
    /// The process died: the page cache is all there.
    Kill,
    /// The power went, and with it everything that was not synced.
    PowerCut,
    /// The power went while sectors and names were on their way, some written, some not; the number
    /// says which.
    Torn(u64),
}
