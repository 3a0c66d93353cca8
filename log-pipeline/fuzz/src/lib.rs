//! What the fuzz targets do with their bytes; `tests/fuzz_seeds.rs` does the same with the seeds.

mod journal;
mod recovery;
mod relp;
mod route;

pub use journal::journal;
pub use recovery::recovery;
pub use relp::relp;
pub use route::route;
