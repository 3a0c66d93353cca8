//! What the log asks of a file system: little enough to be played by a simulator.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// One flat directory of files.
pub trait Storage: Debug + Send + Sync + 'static {
    /// Makes an empty file, replacing one of that name.
    ///
    /// # Errors
    /// Whatever the file system says, as from all these operations.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// `NotFound`, or whatever the file system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, replacing one of that name at once.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Open handles go on reading it.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in no order.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes creations, renames and removals so far survive a loss of power.
    ///
    /// # Errors
    /// Whatever the file system says. After an error nothing may be assumed durable.
    fn sync_dir(&self) -> io::Result<()>;
}

/// One open file.
pub trait File: Debug + Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// Whatever the file system says, as from all these operations.
    fn length(&self) -> io::Result<u64>;

    /// Reads at `offset` and gives the number of bytes, fewer than asked at the end of the file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`; past the end it makes the file longer.
    ///
    /// # Errors
    /// Whatever the file system says; part of the bytes may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes the contents so far survive a loss of power (fdatasync).
    ///
    /// # Errors
    /// Whatever the file system says. After an error nothing written before may be assumed
    /// durable, also when a later call succeeds.
    fn sync_data(&self) -> io::Result<()>;
}
