//! Messages others collected, in the folder `POPKIT_CORPORA` names.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The messages without repetitions, or `None` with a line that says so.
pub(crate) fn messages() -> Option<BTreeSet<Vec<u8>>> {
    let Some(root) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return None;
    };
    let folder = Path::new(&root).join("syslog");
    let mut found = BTreeSet::new();
    for source in ["rsyslog", "syslog_loose"] {
        for path in files(&folder.join(source)) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = fs::read(&path).unwrap();
            let lines = || bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            if name == "vectors.jsonl" {
                found.extend(lines().map(vector));
            } else if name.starts_with("fuzz-") || name.starts_with("benches_") {
                found.insert(bytes.trim_ascii_end().to_vec());
            } else if path.extension().is_some_and(|it| it == "data" || it == "testdata") {
                found.extend(lines().map(|line| line.trim_ascii_end().to_vec()));
            }
        }
    }
    let examples = fs::read(folder.join("rfc5424-examples.txt")).unwrap();
    found.extend(examples.split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
    found.remove(&Vec::new());
    Some(found)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// One line of `vectors.jsonl`; some were taken from source code with its escapes.
fn vector(line: &[u8]) -> Vec<u8> {
    let object: serde_json::Value = serde_json::from_slice(line).unwrap();
    match (object["msg"].as_str(), object["msg_escaped"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, text) => text.unwrap().replace("\\\"", "\""),
    }
    .into_bytes()
}
