//! Files that are complete or not there: written under a temporary name, synced, renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A folder of finished files.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens a folder, making it if need be, and removes temporaries that a crash left behind.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or listed.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == TEMPORARY) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file whole: `name` exists afterwards and outlives a power cut, or an error is
    /// returned and `name` is as it was before.
    ///
    /// # Errors
    ///
    /// What the file system or `content` says.
    pub fn write(
        &self,
        name: &str,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        let temporary = self.folder.join(format!("{name}.{TEMPORARY}"));
        let written = write_synced(&temporary, content);
        let renamed = written.and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = renamed {
            // The error that matters is the first one.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(path)
    }
}

fn write_synced(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    content(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

const TEMPORARY: &str = "partial";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path())?;
        let path = store.write("a.pcapng", |out| out.write_all(b"whole"))?;
        assert_eq!(fs::read(path)?, b"whole");
        let failed = store.write("b.pcapng", |out| {
            out.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(folder.path())?.count(), 1, "nothing is left of b");
        Ok(())
    }

    #[test]
    fn what_a_crash_left_is_removed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("a.pcapng.partial"), b"half")?;
        fs::write(folder.path().join("b.pcapng"), b"whole")?;
        Store::open(folder.path())?;
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }
}
