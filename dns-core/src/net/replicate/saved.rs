//! Replicas on disk: as master files, so that people can read them too. The file's time of change is when a
//! primary last confirmed it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::name::Name;
use crate::state;
use crate::zone::Zone;

/// Where the replica at `origin` is saved.
pub(super) fn file(directory: &Path, origin: &Name) -> PathBuf {
    directory.join(state::file_name(origin, "zone"))
}

/// The replica as it was saved, and how long ago it was confirmed.
pub(super) fn load(file: &Path, origin: &Name) -> Option<(Arc<Zone>, Duration)> {
    let changed = fs::metadata(file).ok()?.modified().ok()?;
    let text = fs::read_to_string(file).ok()?;
    match Zone::from_saved(origin, &file.display().to_string(), &text) {
        Ok(zone) => {
            let age = SystemTime::now().duration_since(changed).unwrap_or_default();
            Some((Arc::new(zone), age))
        }
        Err(error) => {
            tracing::warn!(%error, "a saved zone is transferred anew");
            None
        }
    }
}

pub(super) fn save(file: &Path, zone: &Zone) -> io::Result<()> {
    state::replace(file, zone.to_master_file().as_bytes())
}

/// Notes that what is saved was confirmed just now.
pub(super) fn confirm(file: &Path) -> io::Result<()> {
    File::options().append(true).open(file)?.set_modified(SystemTime::now())
}
