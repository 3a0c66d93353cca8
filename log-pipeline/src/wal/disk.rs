//! The storage that is a directory.

use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::storage::{File, Storage};

/// A directory held under a lock, so that no two processes write one log.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    /// `None` when nothing is written.
    lock: Option<fs::File>,
}

impl Disk {
    /// Takes `directory`, making it if need be.
    ///
    /// # Errors
    /// `ResourceBusy` when somebody else holds it, or whatever the file system says.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        if let Some(parent) = directory.parent().filter(|parent| parent.is_dir()) {
            fs::File::open(parent)?.sync_all()?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::from(io::ErrorKind::ResourceBusy),
            TryLockError::Error(error) => error,
        })?;
        Ok(Self { directory, lock: Some(lock) })
    }

    /// Looks at `directory` without taking it: another process may write there. All that would
    /// change something is refused.
    ///
    /// # Errors
    /// Whatever the file system says, also when it is no directory.
    pub fn read_only(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::read_dir(&directory)?;
        Ok(Self { directory, lock: None })
    }

    /// The path of a file that is to be changed.
    fn writable(&self, name: &str) -> io::Result<PathBuf> {
        let allowed = self.lock.is_some().then(|| self.directory.join(name));
        allowed.ok_or_else(|| io::ErrorKind::ReadOnlyFilesystem.into())
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Storage for Disk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).read(true).write(true);
        Ok(Arc::new(Handle(options.open(self.writable(name)?)?)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = {
            let mut options = OpenOptions::new();
            options.read(true).write(self.lock.is_some());
            options.open(self.directory.join(name))?
        };
        Ok(Arc::new(Handle(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.writable(from)?, self.writable(to)?)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.writable(name)?)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        fs::File::open(&self.directory)?.sync_all()
    }
}

#[derive(Debug)]
struct Handle(fs::File);

impl File for Handle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, mut into: &mut [u8]) -> io::Result<usize> {
        let (mut offset, wanted) = (offset, into.len());
        while !into.is_empty() {
            match self.0.read_at(into, offset) {
                Ok(0) => break,
                Ok(read) => {
                    into = &mut into[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wanted - into.len())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

const LOCK: &str = "lock";
