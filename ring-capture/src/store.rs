//! Files that are complete or not there, in a folder that does not outgrow its quota.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How much a folder may hold. Zero limits nothing.
///
/// Only files that the store knows as its own count and are ever removed, the oldest first, and no
/// more of them than it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all files.
    pub max_bytes: u64,
    /// Number of files.
    pub max_files: usize,
    /// Age of the oldest.
    pub max_age: Duration,
    /// Bytes that stay free on the file system.
    pub min_free_bytes: u64,
}

/// A folder of finished files.
///
/// When the disk is full it rests: one attempt fails, further ones are refused at once for a second,
/// then twice as long each time, up to half a minute. The first that succeeds ends it.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    quota: Quota,
    /// Oldest first.
    files: VecDeque<Kept>,
    bytes: u64,
    full: Option<Full>,
    stats: StoreStats,
}

#[derive(Debug)]
struct Kept {
    name: String,
    bytes: u64,
    modified: SystemTime,
}

#[derive(Clone, Copy, Debug)]
struct Full {
    pause: Duration,
    until: SystemTime,
}

/// What a store has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Files written.
    pub written: u64,
    /// Files removed to keep the quota.
    pub removed: u64,
    /// Files not written because the disk was full.
    pub lost: u64,
    /// Unfinished files of an earlier run, removed when the store was opened.
    pub leftovers: u64,
    /// Bytes in the folder now, own files only.
    pub bytes: u64,
    /// Own files in the folder now.
    pub files: u64,
    /// The disk is full, as far as was tried.
    pub full: bool,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk has just turned out to be full: say so once.
    #[error("the disk is full, nothing is written until there is room")]
    Full(#[source] io::Error),
    /// The disk was full a moment ago and has not been tried again: nothing new.
    #[error("the disk was full a moment ago")]
    Resting,
    /// Something else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl StoreError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Full(_) => "full",
            Self::Resting => "resting",
            Self::Io(_) => "io",
        }
    }
}

impl Store {
    /// Opens a folder, making it if need be, and removes temporaries that a crash left behind.
    /// Files of an earlier run whose names `owns` accepts count towards the quota.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or listed.
    pub fn open(
        folder: impl Into<PathBuf>,
        quota: Quota,
        owns: impl Fn(&str) -> bool,
    ) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        let (mut files, mut stats) = (Vec::new(), StoreStats::default());
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.strip_suffix(TEMPORARY).is_some_and(&owns) {
                fs::remove_file(entry.path())?;
                stats.leftovers += 1;
            } else if owns(&name) {
                let facts = entry.metadata()?;
                files.push(Kept { name, bytes: facts.len(), modified: facts.modified()? });
            }
        }
        files.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        let bytes = files.iter().map(|file| file.bytes).sum();
        Ok(Self { folder, quota, files: files.into(), bytes, full: None, stats })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Counts so far, and what is there now.
    pub fn stats(&self) -> StoreStats {
        let full = self.full.is_some();
        StoreStats { bytes: self.bytes, files: self.files.len() as u64, full, ..self.stats }
    }

    /// Writes a file whole: `name` exists afterwards and outlives a power cut, or an error is
    /// returned and `name` is as it was before. Keeps the quota, the new file included.
    ///
    /// # Errors
    ///
    /// What the file system or `content` says; a full disk is [`StoreError::Full`] once and
    /// [`StoreError::Resting`] until it is tried again.
    pub fn write(
        &mut self,
        now: SystemTime,
        name: &str,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<PathBuf, StoreError> {
        if self.full.is_some_and(|full| now < full.until) {
            self.stats.lost += 1;
            return Err(StoreError::Resting);
        }
        match self.try_write(now, name, content) {
            Ok(path) => {
                self.full = None;
                self.stats.written += 1;
                self.keep_quota(now)?;
                Ok(path)
            }
            Err(error) if is_full(&error) => {
                self.stats.lost += 1;
                let known = self.full.is_some();
                let pause = self.full.map_or(FIRST_PAUSE, |full| (full.pause * 2).min(LAST_PAUSE));
                self.full = Some(Full { pause, until: now + pause });
                Err(if known { StoreError::Resting } else { StoreError::Full(error) })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn try_write(
        &mut self,
        now: SystemTime,
        name: &str,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        self.keep_free()?;
        let path = self.folder.join(name);
        let temporary = self.folder.join(format!("{name}{TEMPORARY}"));
        let written = write_synced(&temporary, content);
        let renamed = written.and_then(|bytes| fs::rename(&temporary, &path).map(|()| bytes));
        let bytes = match renamed {
            Ok(bytes) => bytes,
            Err(error) => {
                // The error that matters is the first one.
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        };
        File::open(&self.folder)?.sync_all()?;
        self.files.push_back(Kept { name: name.to_owned(), bytes, modified: now });
        self.bytes += bytes;
        Ok(path)
    }

    /// Removes the oldest files until all limits but free space are kept. The newest stays.
    fn keep_quota(&mut self, now: SystemTime) -> io::Result<()> {
        let Quota { max_bytes, max_files, max_age, .. } = self.quota;
        while self.files.len() > 1 {
            let age = |file: &Kept| now.duration_since(file.modified).unwrap_or_default();
            let over = max_bytes > 0 && self.bytes > max_bytes
                || max_files > 0 && self.files.len() > max_files
                || max_age > Duration::ZERO && self.files.front().is_some_and(|f| age(f) > max_age);
            if !over {
                break;
            }
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the oldest files until there is enough free space; without any left, it is full.
    fn keep_free(&mut self) -> io::Result<()> {
        if self.quota.min_free_bytes == 0 {
            return Ok(());
        }
        while free_bytes(&self.folder)? < self.quota.min_free_bytes {
            if self.files.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.remove_oldest()?;
        }
        Ok(())
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.files.pop_front() else { return Ok(()) };
        self.bytes -= oldest.bytes;
        self.stats.removed += 1;
        match fs::remove_file(self.folder.join(&oldest.name)) {
            // Somebody else removed it: all the better.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn write_synced(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create(path)?);
    content(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(out.get_ref().metadata()?.len())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> io::Result<u64> {
    let facts = rustix::fs::statvfs(folder)?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

const TEMPORARY: &str = ".partial";
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);
