//! One append-only log on disk: records are written once and read by as many cursors as there are
//! sinks. The bytes are described in `wal/README.md`.

mod storage;
mod disk;
mod layout;
mod scan;
mod checkpoint;
mod config;
mod failed;
mod state;
mod segments;
mod recover;
mod receipt;
mod writer;
mod log;
mod inspect;
#[cfg(feature = "sim")]
pub mod sim;

pub use config::{Config, Sync, WhenFull};
pub use disk::Disk;
pub use failed::Failed;
pub use inspect::{CursorReport, Inspection, Records, SegmentReport, inspect, records};
pub use log::{AppendError, OpenError, Wal};
pub use receipt::{DeliveryError, Receipt, Stage};
pub use scan::{Position, Record};
pub use state::Stats;
pub use storage::{File, Storage};

pub(crate) use checkpoint::{Checkpoint, file_name, valid_name};
pub(crate) use scan::{Scan, Step};
pub(crate) use state::{Hold, Shared, State};
