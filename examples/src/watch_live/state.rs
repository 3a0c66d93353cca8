//! `--state`: what was learned, kept over a restart.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anomaly::{Fleet, LoadError};
use anyhow::{Context, Result, bail};

/// Takes up what the file holds, if there is one. What is damaged is learned anew, and said.
///
/// # Errors
///
/// When the file cannot be read, or is something else: it would be overwritten.
pub(super) fn load(path: &Path, fleet: &mut Fleet) -> Result<()> {
    let shown = path.display();
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
    };
    match fleet.load(&bytes) {
        Ok(loaded) if loaded.refused > 0 => {
            tracing::warn!(?loaded, "{shown} is damaged: some series learn anew");
        }
        Ok(loaded) => tracing::info!(?loaded, "taken up"),
        Err(LoadError::Foreign) => {
            bail!("{shown} is something else than learned state: give another file");
        }
        Err(error) => tracing::warn!(%error, "{shown} is of no use: every series learns anew"),
    }
    Ok(())
}

/// Puts away what was learned: the file is the old one or the new one, never half of either.
pub(super) fn save(path: &Path, fleet: &Fleet) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || {
        let mut out = BufWriter::new(File::create(&beside)?);
        fleet.save(&mut out, |_| true)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
