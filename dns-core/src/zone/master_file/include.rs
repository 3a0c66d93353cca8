//! Where `$INCLUDE` finds its files: below one directory, and nowhere else.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Mistake;

/// Gives texts by name.
pub(super) trait Files {
    /// The file that `from` calls `path`: its name and its text.
    fn open(&mut self, from: &str, path: &str) -> Result<(String, String), Mistake>;
}

/// No files at all.
pub(super) struct NoFiles;

impl Files for NoFiles {
    fn open(&mut self, _: &str, _: &str) -> Result<(String, String), Mistake> {
        Err(Mistake::NoDirectory)
    }
}

/// The files below a directory, links followed first.
pub(super) struct Below {
    root: PathBuf,
    octets_left: u64,
    /// What was opened, in order.
    pub(super) opened: Vec<PathBuf>,
}

impl Below {
    pub(super) fn new(root: &Path) -> Result<Below, Mistake> {
        let why = |error: std::io::Error| Mistake::Unreadable {
            path: root.display().to_string(),
            why: error.kind(),
        };
        let root = root.canonicalize().map_err(why)?;
        Ok(Below { root, octets_left: MOST_OCTETS, opened: Vec::new() })
    }

    pub(super) fn read(&mut self, path: &Path) -> Result<String, Mistake> {
        let why = |error: std::io::Error| Mistake::Unreadable {
            path: path.display().to_string(),
            why: error.kind(),
        };
        let real = path.canonicalize().map_err(why)?;
        if !real.starts_with(&self.root) {
            return Err(Mistake::Outside(path.display().to_string()));
        }
        let mut octets = Vec::new();
        // One more than there may be, to see that there are more.
        let file = fs::File::open(&real).map_err(why)?;
        file.take(self.octets_left + 1).read_to_end(&mut octets).map_err(why)?;
        let left = self.octets_left.checked_sub(octets.len() as u64);
        self.octets_left = left.ok_or(Mistake::TooMuch("1 GiB"))?;
        self.opened.push(real);
        if self.opened.len() > MOST_FILES {
            return Err(Mistake::TooMuch("10000 files"));
        }
        Ok(text_of(&octets).into_owned())
    }
}

impl Files for Below {
    /// Relative names stand beside the file that names them.
    fn open(&mut self, from: &str, path: &str) -> Result<(String, String), Mistake> {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let text = self.read(&path)?;
        Ok((path.display().to_string(), text))
    }
}

/// Master files are octets (RFC 1035 §5.1); what is no UTF-8 is escaped.
fn text_of(octets: &[u8]) -> Cow<'_, str> {
    let Err(error) = std::str::from_utf8(octets) else {
        return String::from_utf8_lossy(octets);
    };
    let mut text = String::with_capacity(octets.len() + 64);
    text.push_str(&String::from_utf8_lossy(&octets[..error.valid_up_to()]));
    for &octet in &octets[error.valid_up_to()..] {
        match octet {
            0..=0x7f => text.push(octet as char),
            _ => {
                let _ = write!(text, "\\{octet:03}");
            }
        }
    }
    text.into()
}

/// Octets of all files of one zone. Far above any zone that fits memory comfortably.
const MOST_OCTETS: u64 = 1 << 30;
/// Files of one zone.
const MOST_FILES: usize = 10_000;
