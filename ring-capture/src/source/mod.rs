//! Where frames come from.

#[cfg(all(feature = "afpacket", target_os = "linux"))]
pub mod afpacket;
#[cfg(feature = "pcap")]
pub mod file;
