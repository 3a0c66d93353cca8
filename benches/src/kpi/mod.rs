//! Synthetic series of a web service with labelled incidents, and how much of them a score finds.

pub mod noise;
pub mod incident;
pub mod series;
pub mod judge;
pub mod baseline;
