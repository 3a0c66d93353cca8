//! The write-ahead log: what it promises when machines and disks misbehave.

mod process;
mod crashes;
mod faults;
mod full;
mod lives;
mod cursors;
mod receipts;
mod recovery;
