#![cfg_attr(feature = "zones", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "zones"),
    doc = "A resolver to embed; the front page is that of feature `zones`."
)]
#![forbid(unsafe_code)]

pub mod ttl;
pub mod name;
pub mod record_type;
pub mod message;
pub mod rdata;
mod layout;
mod writer;
pub mod edns;
pub mod question;
pub mod answer;
pub mod cache;
pub mod zone;
#[cfg(feature = "zones")]
pub mod tsig;
#[cfg(feature = "zones")]
pub mod transfer;
pub mod hosts;
pub mod cookie;
pub mod limit;
pub mod upstream;
pub mod forward;
pub mod system;
pub mod policy;
pub mod overlay;
pub mod resolve;
#[cfg(feature = "zones")]
mod state;
#[cfg(feature = "zones")]
pub mod journal;
#[cfg(feature = "zones")]
pub mod catalog;
#[cfg(feature = "zones")]
pub mod notify;
#[cfg(feature = "zones")]
pub mod secondary;
#[cfg(feature = "zones")]
pub mod primary;
pub mod stale;
mod miss;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "metrics")]
pub mod metrics;

pub use answer::{Kind, Record};
pub use cache::{CacheConfig, CacheStats, Source};
pub use cookie::CookieSecret;
pub use edns::ExtendedError;
pub use forward::{ForwardConfig, Forwarder};
pub use limit::RateLimits;
pub use miss::{Ended, MissConfig, MissStats, Misses};
pub use name::{Name, NameError};
pub use overlay::Overlay;
pub use policy::Network;
pub use question::View;
pub use rdata::RData;
pub use record_type::RecordType;
pub use resolve::{
    Explanation, Lookup, Outcome, Resolver, ResolverBuilder, Served, Stats, Transport,
};
pub use system::SystemConfig;
pub use ttl::Ttl;
pub use upstream::Upstream;
pub use zone::Zone;
#[cfg(feature = "zones")]
pub use zone::{Loaded, MasterFileError, Mistake};
