//! What several tests need: capture files read, by us and by tshark, and handshakes played by hand.

#![expect(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod capture;
pub mod tshark;
pub mod wire;
