//! A storage in memory that loses what a real one may lose: for tests of whatever relies on the log.
//!
//! Programs see what they wrote at once, as through a page cache. What survives the loss of power is
//! what was synced: contents by [`File::sync_data`], names by [`Storage::sync_dir`]. Of the rest
//! each sector and each name may be there or not, whatever the order they were written in. The
//! power goes at any operation one likes.
//!
//! ```
//! use log_pipeline::cursor::{Cursor, Start};
//! use log_pipeline::wal::sim::{After, Sim};
//! use log_pipeline::wal::{Config, Wal};
//!
//! // The same process again and again, dying one operation later each time.
//! for operation in 0.. {
//!     let sim = Sim::default();
//!     sim.crash_at(operation);
//!     let mut acknowledged = 0;
//!     if let Ok(wal) = Wal::open(sim.clone(), Config::default()) {
//!         while acknowledged < 3 {
//!             let Ok(receipt) = wal.append(1, 0, &[b"message"]) else { break };
//!             if receipt.wait().is_err() {
//!                 break;
//!             }
//!             acknowledged += 1;
//!         }
//!     }
//!     // What the next process finds after a loss of power.
//!     let wal = Wal::open(sim.after(After::Torn(operation)), Config::default())?;
//!     let mut cursor = Cursor::open(&wal, "sink", Start::Oldest)?;
//!     let found = std::iter::from_fn(|| cursor.try_next().ok()?).count();
//!     assert!(found >= acknowledged);
//!     if acknowledged == 3 {
//!         break;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fault;
mod world;

pub use fault::{After, Fault};

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::world::{Act, World};
use super::storage::{File, Storage};

/// The storage. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Sim {
    world: Arc<Mutex<World>>,
    sync_gate: Arc<Mutex<()>>,
}

impl Sim {
    /// Has the machine die at this operation, counted from 0: it happens by half, if it is a write,
    /// and from then on everything fails. Reading and looking around are no operations.
    pub fn crash_at(&self, operation: u64) {
        self.world().crash_at = Some(operation);
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// From now on, until the next call.
    pub fn fault(&self, fault: Fault) {
        self.world().fault = fault;
    }

    /// How many bytes all files together may have; `StorageFull` beyond it.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// Bytes of all files that have a name or are open: a file that is deleted goes when nobody has it open
    /// any more.
    pub fn used(&self) -> u64 {
        self.world().used()
    }

    /// Writes that found no room.
    pub fn refused(&self) -> u64 {
        self.world().refused
    }

    /// No `sync_data` ends while this is held.
    pub fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.sync_gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of all files, in order.
    pub fn names(&self) -> Vec<String> {
        self.world().names()
    }

    /// Files whose names end so, in order.
    pub fn ending(&self, end: &str) -> Vec<String> {
        self.names().into_iter().filter(|name| name.ends_with(end)).collect()
    }

    /// What a program sees of a file; empty when it is not there.
    pub fn read(&self, name: &str) -> Vec<u8> {
        self.world().contents(name).cloned().unwrap_or_default()
    }

    /// Changes a file behind everybody's back, durably: rot, or somebody's editor. It is made if it
    /// is not there.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.world().change(name, change);
    }

    /// The storage another process finds. This one is left as it is.
    #[must_use]
    pub fn after(&self, after: After) -> Self {
        let world = self.world().after(after);
        Self { world: Arc::new(Mutex::new(world)), sync_gate: Arc::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Sim {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = self.world().create(name)?;
        Ok(Arc::new(Handle::new(self, file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = self.world().find(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Handle::new(self, file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.world().enter(Act::Rename { from: from.into(), to: to.into() })
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.world().enter(Act::Unlink { name: name.into() })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.world().sync_dir()
    }
}

#[derive(Debug)]
struct Handle {
    sim: Sim,
    file: usize,
}

impl Handle {
    fn new(sim: &Sim, file: usize) -> Self {
        sim.world().hold(file);
        Self { sim: sim.clone(), file }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.sim.world().release(self.file);
    }
}

impl File for Handle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.sim.world().length(self.file))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.sim.world().read(self.file, offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.sim.world().write(self.file, offset, bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.sim.world().truncate(self.file, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        let _gate = self.sim.hold_syncs();
        self.sim.world().sync_data(self.file)
    }
}
