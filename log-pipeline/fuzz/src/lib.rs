//! What the fuzz targets do with their bytes; `tests/fuzz_seeds.rs` does the same with the seeds.

mod frame;
mod parse;
mod payload;
mod relp;
mod route;

pub use frame::frame;
pub use parse::parse;
pub use payload::payload;
pub use relp::relp;
pub use route::route;
