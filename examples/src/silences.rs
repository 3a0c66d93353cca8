//! A file of silences: TOML that people write, `watch silence` edits, and a live task reads again
//! whenever it was changed.
//!
//! ```toml
//! [[silence]]
//! matchers = 'host="db1", site=~"bonn.*"'
//! from = 2026-11-21T22:00:00Z      # at once otherwise
//! until = 2026-11-22T04:00:00Z     # or for = "6h" behind a `from`; for good otherwise
//! comment = "a new disk"
//! author = "ada"
//!
//! [[silence]]
//! matchers = "role=backup"
//! weekly = "Sat,Sun 02:00-04:30"   # these hours of every week
//! zone = "Europe/Berlin"           # by these clocks; by those of --zone otherwise
//! ```

mod written;
pub mod edit;
mod follow;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anomaly::{Matchers, Silence, UnixNanos, Weekly, Zone};

pub(crate) use follow::{Followed, News};
use written::Written;

/// One silence of a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Eight hexadecimal digits, made of all it says but its end: two that say the same are one.
    pub id: String,
    /// What it silences.
    pub matchers: Matchers,
    /// When it begins; at once otherwise.
    pub from: Option<UnixNanos>,
    /// When it ends; never otherwise.
    pub until: Option<UnixNanos>,
    /// In which hours of a week; in all otherwise.
    pub weekly: Option<Weekly>,
    /// By whose clocks the week goes.
    pub zone: Zone,
    /// What for.
    pub comment: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
}

impl Entry {
    /// What a dispatch wants to know of it.
    pub fn silence(&self) -> Silence {
        let silence = Silence::new(self.matchers.clone()).zone(self.zone.clone());
        let silence = self.from.into_iter().fold(silence, Silence::from);
        let silence = self.until.into_iter().fold(silence, Silence::until);
        self.weekly.into_iter().fold(silence, Silence::weekly)
    }

    /// `pending`, `active` or `expired`; a window of each week is active in between as well.
    pub fn state(&self, now: UnixNanos) -> &'static str {
        match (self.from, self.until) {
            (_, Some(until)) if now >= until => "expired",
            (Some(from), _) if now < from => "pending",
            _ => "active",
        }
    }
}

/// Why a file of silences is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SilencesError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is longer than [`MOST_BYTES`].
    #[error("{} is longer than {} KiB", path.display(), MOST_BYTES >> 10)]
    Long {
        /// The file.
        path: PathBuf,
    },
    /// Something in it is not what should stand there.
    #[error("{}:{line}: {because}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what would do.
        because: String,
    },
}

/// The text of a file; none when it is not there.
///
/// # Errors
///
/// When it cannot be read, or is too long.
pub fn read(path: &Path) -> Result<Option<String>, SilencesError> {
    let failed = |source| SilencesError::Read { path: path.into(), source };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MOST_BYTES {
        return Err(SilencesError::Long { path: path.into() });
    }
    Ok(Some(text))
}

/// The silences that the text of a file means. Weeks of those that name no zone go by `zone`.
///
/// # Errors
///
/// When one of them is none: with file and line.
pub fn parse(path: &Path, text: &str, zone: &Zone) -> Result<Vec<Entry>, SilencesError> {
    Written::read(text).and_then(|written| written.entries(zone)).map_err(|wrong| {
        let before = &text.as_bytes()[..wrong.at.min(text.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        SilencesError::Line { path: path.into(), line, because: wrong.because }
    })
}

/// No file of silences that people keep is as long as that.
pub const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, String> {
        let zone = Zone::named("UTC").expect("a zone");
        parse(Path::new("s.toml"), text, &zone).map_err(|error| error.to_string())
    }

    #[test]
    fn entries_are_what_was_written() {
        let entries = read(
            "# ours\n[[silence]]\nmatchers = 'host=\"a\"'\nfrom = 2026-11-21T10:00:00Z\nfor = '90m'\n\
             comment = 'c'\nauthor = 'ada'\n\n[[silence]]\nmatchers = 'host=b'\nuntil = '2026-11-21 12:00:00+01:00'\n\
             [[silence]]\nmatchers = 'role=backup'\nweekly = 'Sat 02:00-04:00'\nzone = 'Europe/Berlin'\n",
        )
        .expect("silences");
        let second = |at: Option<UnixNanos>| at.map(|at| at.as_nanos() / 1_000_000_000);
        let ten = 1_795_255_200;
        assert_eq!(
            (second(entries[0].from), second(entries[0].until)),
            (Some(ten), Some(ten + 5_400))
        );
        assert_eq!((second(entries[1].from), second(entries[1].until)), (None, Some(ten + 3_600)));
        assert_eq!(entries[2].weekly.expect("a window").to_string(), "Sat 02:00-04:00");
        let states = |second: i64| {
            let now = UnixNanos::new(second * 1_000_000_000);
            entries.iter().map(|entry| entry.state(now)).collect::<Vec<_>>()
        };
        assert_eq!(states(ten - 1), ["pending", "active", "active"]);
        assert_eq!(states(ten + 5_400), ["expired", "expired", "active"]);
        assert!(read("").expect("nothing is no mistake").is_empty());
    }

    #[test]
    fn a_damaged_file_is_read_or_refused() {
        let whole = "# ü\n[[silence]]\nmatchers = 'host=~\"a.*\"'\nfrom = 2026-11-21T10:00:00Z\nfor = '90m'\n\
                     weekly = 'Sat 02:00-04:00'\nzone = 'Europe/Berlin'\ncomment = \"ä\"\n";
        for at in 0..whole.len() {
            for by in [b'\n', b'"', b'\'', b'=', b'[', 0x7f, b'9', 0xc3] {
                let mut bytes = whole.as_bytes().to_vec();
                bytes[at] = by;
                let _ = read(&String::from_utf8_lossy(&bytes));
                let _ = read(&String::from_utf8_lossy(&bytes[..at]));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let head = "[[silence]]\nmatchers = 'host=a'\n";
        let cases = [
            ("matchers = ", "s.toml:1: "),
            ("[[silence]]\n\n", "s.toml:1: missing field `matchers`"),
            ("[[silence]]\nmatchers = 'host'\n", "s.toml:2: host: one of =, !=, =~, !~"),
            ("[[silence]]\nmatchers = 7\n", "s.toml:2: "),
            (&format!("{head}weekly = 'Sun'\n"), "s.toml:3: give days and hours"),
            (
                &format!("{head}{head}untill = 2026-11-21T10:00:00Z\n"),
                "s.toml:5: unknown field `untill`",
            ),
            (&format!("{head}until = 'tomorrow'\n"), "s.toml:3: \"tomorrow\" is no instant"),
            (
                &format!("{head}until = 2026-11-21T10:00:00\n"),
                "s.toml:3: \"2026-11-21T10:00:00\" is no",
            ),
            (&format!("{head}for = '2h'\n"), "s.toml:3: `for` wants `from`"),
            (&format!("{head}from = 2026-11-21T10:00:00Z\nfor = 'long'\n"), "s.toml:4: "),
            (
                &format!(
                    "{head}from = 2026-11-21T10:00:00Z\nfor = '1h'\nuntil = 2026-11-21T10:00:00Z\n"
                ),
                "s.toml:4: give `until` or `for`",
            ),
            (&format!("{head}zone = 'Nowhere/Land'\n"), "s.toml:3: "),
        ];
        for (text, said) in cases {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(said), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
