//! `--control PATH` and `resolver control PATH …`: a running resolver told what to do, by its own user and root.
//!
//! A line each way: the words of the command line, then `ok` or `error: …`. What was asked for follows `ok`,
//! up to the end of the stream.

mod ask;
mod carry_out;
mod desk;
mod socket;
mod words;

pub use ask::{Control, control};
pub(super) use desk::Request;
pub(super) use socket::ControlSocket;
