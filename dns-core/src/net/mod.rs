//! Sockets: everything that waits. Decisions are made elsewhere.
//!
//! Datagrams are read and answered by threads of their own, each with a socket that shares the address
//! (`SO_REUSEPORT`), up to 64 at a time with one system call each way. What is not in the cache crosses a
//! bounded channel to one task, which owns [`Misses`](crate::Misses) and asks the servers.

mod clock;
mod reply;
mod datagram;
mod watch;
mod bind;
mod stream;
#[cfg(feature = "https")]
mod https;
mod asked;
mod asking;
#[cfg(feature = "zones")]
mod replicate;
mod client;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod connector;
mod accept;
mod server;

pub use bind::{BindError, Listen, ListenError, Sockets};
pub use client::{Client, Closed};
pub use clock::Clock;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
pub use connector::HostError;
#[cfg(feature = "zones")]
pub use replicate::{Authority, Group, Replica, ReplicaStatus, Replication, ReplicationStatus};
pub use server::{Server, ServerConfig, Status};
