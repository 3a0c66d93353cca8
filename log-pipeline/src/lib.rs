#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod pri;
pub mod timestamp;
pub mod structured_data;
pub mod message;
pub mod network;
pub mod frame;
pub mod parse;
pub mod journal;
pub mod wal;
pub mod cursor;
pub mod envelope;
pub mod relp;
pub mod route;
#[cfg(feature = "tokio")]
pub mod net;
#[cfg(feature = "metrics")]
pub mod metrics;
