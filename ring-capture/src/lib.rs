#![doc = include_str!("../README.md")]

mod sync;
mod position;
mod flow;
mod packet;
mod record;
mod frame;
#[cfg(feature = "pcap")]
mod framing;
mod memory;
mod block;
mod window;
mod index;
mod ring;
mod extract;
mod scan;
mod tap;
mod trigger;
pub mod pcapng;
#[cfg(feature = "pcap")]
mod pcap;
mod store;
mod source;

pub use extract::Extract;
pub use flow::FlowKey;
pub use frame::Frame;
pub use packet::{LinkType, Packet};
pub use position::Position;
pub use record::{Direction, Meta, Record};
pub use ring::{Config, ConfigError, History, Producer, PushError, Ring, Stats};
pub use scan::Scan;
#[cfg(all(feature = "afpacket", target_os = "linux"))]
pub use source::afpacket;
#[cfg(feature = "pcap")]
pub use source::file;
pub use store::Store;
pub use tap::Tap;
pub use trigger::{Accepted, RecordedPacket, Recorder, Recording, Trigger};
pub use window::Window;
