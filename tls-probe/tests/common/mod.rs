//! What several tests need: capture files read, and handshakes played by hand.

#![expect(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod capture;
pub mod wire;
