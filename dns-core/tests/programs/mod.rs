//! Programs that tests compare with, and directories of their own for them.

pub(crate) mod daemon;
pub(crate) mod knot;
pub(crate) mod nsd;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where `program` is; `None`, with a line about it, when it is not installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(usual)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
        assert!(!required, "{program} is not installed, and POPKIT_PEERS=require");
        writeln!(std::io::stderr(), "skipped: {program} is not installed").expect("standard error");
    }
    found
}

/// A directory that goes when this does.
pub(crate) struct Directory(tempfile::TempDir);

impl Directory {
    pub(crate) fn new() -> Directory {
        Directory(tempfile::tempdir().expect("a directory of our own"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file in our directory");
        path
    }
}
