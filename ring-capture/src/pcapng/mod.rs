//! The pcapng file format (draft-ietf-opsawg-pcapng).

mod write;

pub use write::{Interface, Section, Statistics, Writer};
