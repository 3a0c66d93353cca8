//! Files that are read whole.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The bytes of a file; its name goes into the error.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
