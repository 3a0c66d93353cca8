#![doc = "A resolver to embed."]
#![forbid(unsafe_code)]

pub mod ttl;
pub mod name;
pub mod record_type;
pub mod message;
pub mod rdata;
pub mod question;
pub mod answer;
pub mod cache;
pub mod zone;
