//! What the measurements share: the candidates, and a clock that the neighbours do not move.

pub mod clock;
pub mod rings;
