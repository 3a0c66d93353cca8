//! The flight recorder.
fn main() {}
