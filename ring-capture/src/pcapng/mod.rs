//! The pcapng file format (draft-ietf-opsawg-pcapng).

#[cfg(feature = "pcap")]
pub(crate) mod read;
mod write;

pub use write::{Interface, Section, Statistics, Writer};
