//! What the measurements share: the candidates, frames that can be checked, a clock that the
//! neighbours do not move.

pub mod clock;
pub mod memory;
pub mod rings;
pub mod frames;
pub mod mix;
pub mod wire;
pub mod soak;
pub mod syslog;
pub mod dns;
pub mod kpi;
