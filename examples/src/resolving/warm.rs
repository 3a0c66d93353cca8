//! The cache on disk, from one run to the next.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use dns_core::Resolver;
use dns_core::net::Clock;

/// Takes what the last run knew. A file that is corrupted is told of and passed over: an empty cache fills.
pub(super) fn restore(path: &Path, resolver: &Resolver, clock: Clock) -> Result<()> {
    let snapshot = match fs::read(path) {
        Ok(snapshot) => snapshot,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    match resolver.restore(clock.now(), &snapshot) {
        Ok(taken) => tracing::info!(taken, "answers of the last run"),
        Err(error) => tracing::warn!(path = %path.display(), %error, "the cache begins empty"),
    }
    Ok(())
}

/// Writes what is known beside the file, then puts it in its place.
pub(super) fn save(path: &Path, resolver: &Resolver, clock: Clock) -> Result<()> {
    let next = path.with_extension("next");
    let write = || -> std::io::Result<u64> {
        let mut out = BufWriter::new(File::create(&next)?);
        let saved = resolver.save(clock.now(), &mut out)?;
        out.flush()?;
        out.get_ref().sync_data()?;
        fs::rename(&next, path)?;
        Ok(saved)
    };
    let saved = write().with_context(|| format!("cannot write {}", path.display()))?;
    tracing::debug!(saved, "the cache is on disk");
    Ok(())
}
