//! What the fuzz targets do with their bytes; tests do the same with the seeds.

pub mod site;
pub mod zones;
pub mod wire;
