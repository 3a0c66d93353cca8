//! What the fuzz targets do with their bytes; `tests/fuzz_seeds.rs` does the same with the seeds.

mod relp;
mod route;

pub use relp::relp;
pub use route::route;
