//! Files that are either the old or the new ones, whatever happens in between.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::name::Name;

/// Puts `octets` in the place of `path`: written beside it, synced, renamed, and the directory synced. Blocks.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

/// A file's name for the zone at `origin`: letters, digits, dots, dashes and underscores, all else as `%` and
/// two hexadecimal digits.
pub(crate) fn file_name(origin: &Name, suffix: &str) -> String {
    let mut text = String::new();
    for label in origin.labels() {
        for &octet in label {
            match octet.to_ascii_lowercase() {
                plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => text.push(plain as char),
                other => {
                    let _ = write!(text, "%{other:02x}");
                }
            }
        }
        text.push('.');
    }
    if text.is_empty() {
        text.push_str("%.");
    }
    text + suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_hold_no_paths() {
        for (name, file) in [
            ("Corp.", "corp.zone"),
            (".", "%.zone"),
            ("\\/.\\.\\..x", "%2f.%2e%2e.x.zone"),
            ("0/26.2.0.192.in-addr.arpa", "0%2f26.2.0.192.in-addr.arpa.zone"),
        ] {
            assert_eq!(file_name(&name.parse().expect("a name"), "zone"), file);
        }
    }
}
