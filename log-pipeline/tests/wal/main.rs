//! The write-ahead log: what it promises when machines and disks misbehave.

mod sim;
mod crashes;
mod cursors;
mod recovery;
