//! A player for the scripts that come with the crate `domain` (its module `stelline`; the format is unbound's).

pub(crate) mod compare;
pub(crate) mod records;
pub(crate) mod script;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Where the crate's test data lies: in Cargo's copy of its sources, found by asking Cargo. `None`, with a line
/// about it, when they are not there.
pub(crate) fn test_data() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let words = ["metadata", "--format-version", "1", "--offline", "--manifest-path", manifest];
    let output = Command::new(cargo).args(words).output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let path = text.as_deref().and_then(manifest_of_domain);
    let folder = path.and_then(|path| Some(path.parent()?.join("test-data")));
    let found = folder.filter(|folder| folder.join("client-cache").is_dir());
    if found.is_none() {
        let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
        assert!(!required, "the sources of the crate domain are not here");
        writeln!(std::io::stderr(), "skipped: the sources of the crate domain are not here")
            .expect("standard error");
    }
    found
}

fn manifest_of_domain(metadata: &str) -> Option<PathBuf> {
    let key = "\"manifest_path\":\"";
    let paths = metadata.match_indices(key).map(|(at, _)| &metadata[at + key.len()..]);
    let mut paths = paths.filter_map(|rest| rest.split('"').next());
    paths.find(|path| path.contains("/domain-0.")).map(PathBuf::from)
}
