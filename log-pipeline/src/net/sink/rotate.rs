//! The file of a file sink: opened, appended to, renamed when it is big or old enough.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::config::{FileConfig, FileSync};
use crate::timestamp::Timestamp;

pub(in crate::net) struct Target {
    config: FileConfig,
    sync: FileSync,
    file: File,
    /// A pipe or a device is neither synced nor cut nor renamed.
    plain: bool,
    /// Bytes of whole lines.
    length: u64,
    /// Which period its first line belongs to.
    period: u64,
}

impl Target {
    /// Opens the file to append; `durable` says whether the log is. A line torn by a crash is cut off: its record was not committed
    /// and comes again whole. A line that was not ours is ended, never removed.
    pub(in crate::net) fn open(config: FileConfig, durable: bool, now_ns: u64) -> io::Result<Self> {
        let sync = config.sync.unwrap_or(if durable { FileSync::Batch } else { FileSync::Never });
        Self::open_with(config, sync, now_ns)
    }

    fn open_with(config: FileConfig, sync: FileSync, now_ns: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).read(true).open(&config.path)?;
        let metadata = file.metadata()?;
        let plain = metadata.is_file();
        let length = if plain { mend(&mut file, metadata.len())? } else { 0 };
        let began = metadata.modified().ok().filter(|_| length > 0);
        let began = began.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let began_ns = began.map_or(now_ns, |time| time.as_nanos() as u64);
        let mut target = Self { config, sync, file, plain, length, period: 0 };
        target.period = target.period_of(began_ns);
        if plain {
            target.tidy();
        }
        Ok(target)
    }

    pub(super) fn config(&self) -> &FileConfig {
        &self.config
    }

    /// Whether [`Target::append`] ends with a sync.
    pub(super) fn syncs_batches(&self) -> bool {
        self.plain && self.sync == FileSync::Batch
    }

    /// Opens the path again: somebody has renamed the file.
    pub(super) fn reopen(&mut self, now_ns: u64) -> io::Result<()> {
        if self.plain && self.sync != FileSync::Never {
            self.file.sync_data()?;
        }
        *self = Self::open_with(self.config.clone(), self.sync, now_ns)?;
        Ok(())
    }

    /// Appends whole lines; a new file is begun before them when it is time. After an error
    /// nothing of them is in the file, as far as the file system lets us.
    pub(super) fn append(&mut self, lines: &[u8], now_ns: u64) -> io::Result<()> {
        if self.plain && self.is_due(now_ns) {
            self.rotate(now_ns)?;
        }
        let written = self
            .file
            .write_all(lines)
            .and_then(|()| if self.syncs_batches() { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => self.length += lines.len() as u64,
            Err(_) if self.plain => self.file.set_len(self.length)?,
            Err(_) => {}
        }
        written
    }

    /// The file is done with.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.plain && self.sync != FileSync::Never { self.file.sync_data() } else { Ok(()) }
    }

    fn is_due(&self, now_ns: u64) -> bool {
        let big = self.config.rotate_bytes.is_some_and(|most| self.length >= most);
        self.length > 0 && (big || self.period_of(now_ns) != self.period)
    }

    fn period_of(&self, ns: u64) -> u64 {
        self.config.rotate_every.map_or(0, |every| ns / (every.as_nanos() as u64).max(1))
    }

    fn rotate(&mut self, now_ns: u64) -> io::Result<()> {
        self.close()?;
        let path = &self.config.path;
        let stamp = stamp(now_ns);
        let mut aside = beside(path, &format!(".{stamp}"));
        let mut count = 0;
        while aside.exists() || beside(&aside, ".zst").exists() {
            count += 1;
            aside = beside(path, &format!(".{stamp}-{count:03}"));
        }
        fs::rename(path, &aside)?;
        *self = Self::open_with(self.config.clone(), self.sync, now_ns)?;
        if self.sync != FileSync::Never {
            File::open(folder(&self.config.path))?.sync_all()?;
        }
        Ok(())
    }

    /// Compresses what is to be compressed and deletes what is not to be kept. What does not work
    /// is said and left for the next time.
    fn tidy(&self) {
        if let Err(error) = self.try_tidy() {
            let path = self.config.path.display();
            tracing::warn!(%error, %path, "earlier files could not be dealt with");
        }
    }

    fn try_tidy(&self) -> io::Result<()> {
        let mut files = rotated(&self.config.path)?;
        #[cfg(feature = "zstd")]
        if self.config.compress {
            for path in &mut files {
                if path.extension().is_none_or(|extension| extension != "zst") {
                    *path = compress(path)?;
                }
            }
        }
        let surplus = self.config.keep.map_or(0, |keep| files.len().saturating_sub(keep));
        files.drain(..surplus).try_for_each(fs::remove_file)
    }
}

/// Makes the file end with a line end and gives its length.
fn mend(file: &mut File, length: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let torn = tail.len() - tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = &tail[tail.len() - torn..];
    let shortest = line.len().min(LINE_START.len());
    if torn > 0 && line[..shortest] == LINE_START[..shortest] {
        file.set_len(length - torn as u64)?;
        Ok(length - torn as u64)
    } else if torn > 0 {
        file.write_all(b"\n")?;
        Ok(length + 1)
    } else {
        Ok(length)
    }
}

/// The files this one was renamed to, oldest first; remains of a compression are removed.
fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let other = entry.file_name();
        let rest = other.to_str().and_then(|other| other.strip_prefix(name)?.strip_prefix('.'));
        let Some(rest) = rest.filter(|rest| is_stamp(rest)) else { continue };
        if Path::new(rest).extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(entry.path())?;
        } else {
            files.push(entry.path());
        }
    }
    // Of two in one second the one with a number is the later, compressed or not.
    files.sort_by_cached_key(|path| {
        let name = path.as_os_str().as_encoded_bytes();
        name.strip_suffix(b".zst").unwrap_or(name).to_vec()
    });
    Ok(files)
}

#[cfg(feature = "zstd")]
fn compress(path: &Path) -> io::Result<PathBuf> {
    let (done, part) = (beside(path, ".zst"), beside(path, ".zst.tmp"));
    let mut to = File::create(&part)?;
    zstd::stream::copy_encode(File::open(path)?, &mut to, 0)?;
    to.sync_all()?;
    fs::rename(&part, &done)?;
    File::open(folder(path))?.sync_all()?;
    fs::remove_file(path)?;
    Ok(done)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `20231114T221320Z`: names sort like times.
fn stamp(now_ns: u64) -> String {
    let time = Timestamp::from_unix_ns(i64::try_from(now_ns).unwrap_or(i64::MAX));
    let text = time.rfc5424().to_string();
    let digits: String = text.chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
    digits + "Z"
}

fn is_stamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 16
        && bytes[8] == b'T'
        && bytes[15] == b'Z'
        && bytes[..15].iter().filter(|byte| byte.is_ascii_digit()).count() == 14
}

/// A record of 1 MiB takes at most six times that as JSON.
const LONGEST_LINE: u64 = 8 << 20;
const LINE_START: &[u8] = b"{\"facility\":";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_sort_and_are_known_again() {
        let (a, b) = (stamp(1_700_000_000_000_000_000), stamp(1_700_000_001_000_000_000));
        assert_eq!(a, "20231114T221320Z");
        assert!(a < b && is_stamp(&a) && is_stamp(&format!("{a}-001.zst")));
        assert!(!is_stamp("1") && !is_stamp("20231114X221320Z"));
    }
}
