//! What the fuzz targets do with their bytes; `tests/fuzz_seeds.rs` does the same with the seeds.

mod frame;
mod journal;
mod parse;
mod payload;
mod recovery;
mod relp;
mod route;

pub use frame::frame;
pub use journal::journal;
pub use parse::parse;
pub use payload::payload;
pub use recovery::recovery;
pub use relp::relp;
pub use route::route;
