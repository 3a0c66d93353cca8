//! The pcapng file format (draft-ietf-opsawg-pcapng).

#[cfg(feature = "pcap")]
mod clock;
#[cfg(feature = "pcap")]
mod options;
#[cfg(feature = "pcap")]
mod read;
mod write;

#[cfg(feature = "pcap")]
pub(crate) use read::{Reader, recognise};
pub use write::{Interface, Section, Statistics, Writer};
