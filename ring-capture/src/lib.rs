#![doc = include_str!("../README.md")]

mod sync;
mod position;
mod flow;
mod link;
mod tunnel;
mod packet;
mod record;
mod frame;
pub mod filter;
#[cfg(feature = "pcap")]
mod framing;
mod memory;
mod block;
mod config;
mod window;
mod index;
mod ring;
mod extract;
mod scan;
mod flow_table;
mod snaplen;
mod tap;
mod trigger;
pub mod fields;
mod budget;
mod recorder;
pub mod pcapng;
#[cfg(feature = "pcap")]
mod pcap;
mod store;
mod source;
#[cfg(feature = "metrics")]
pub mod metrics;

pub use budget::Rate;
pub use config::{Config, ConfigError};
pub use extract::{Cursor, Extract};
pub use fields::FieldError;
pub use flow::FlowKey;
pub use frame::Frame;
pub use packet::{LinkType, Packet, Parser};
pub use position::{Place, Position};
pub use record::{Direction, Meta, Record};
pub use recorder::{Recorder, RecorderConfig, RecorderStats};
pub use ring::{History, Producer, PushError, Ring, Stats};
pub use scan::Scan;
pub use snaplen::{Fixed, Snaplen, TlsHandshakes, Whole};
#[cfg(all(feature = "afpacket", target_os = "linux"))]
pub use source::afpacket;
#[cfg(feature = "pcap")]
pub use source::file;
#[cfg(feature = "pcap")]
pub use source::file::CaptureFile;
pub use store::{Quota, Store, StoreError, StoreStats};
pub use tap::Tap;
pub use trigger::{Accepted, RecordedPacket, Recording, Refused, Trigger};
pub use window::Window;
