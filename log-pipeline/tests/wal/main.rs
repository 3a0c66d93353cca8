//! The write-ahead log: what it promises when machines and disks misbehave.

mod process;
mod crashes;
mod faults;
mod format;
mod full;
mod inspection;
mod lives;
mod cursors;
mod receipts;
mod recovery;
