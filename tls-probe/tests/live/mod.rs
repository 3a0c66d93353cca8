//! What the tests with real sockets share: authorities and certificates made on the spot, rustls
//! servers, a proxy that stalls, and programs that are not ours.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod pki;
pub mod programs;
pub mod proxy;
pub mod server;
