//! Packet sockets on interfaces of our own: veths in a network namespace of each test's own.

#![cfg(all(feature = "afpacket", target_os = "linux", not(loom)))]

mod namespace;
mod fanout;
mod outages;
mod veth;
