//! The wiring that the binaries share. What decides lives in the libraries; here they meet.

pub mod names;
pub mod slow;
pub mod flight;
pub mod idle;
pub mod draw;
pub mod replay;
pub mod record;
pub mod demo;
pub mod relay;
pub mod relay_parse;
