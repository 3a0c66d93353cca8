//! Captures of real traffic, counted as capinfos counts them. Needs `POPKIT_CORPORA`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ring_capture::file::CaptureFile;

#[test]
fn real_captures_are_read_to_their_end() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        return skipped("POPKIT_CORPORA is not set");
    };
    let files = captures(&Path::new(&corpora).join("tls"));
    assert!(!files.is_empty(), "no captures in {}", Path::new(&corpora).display());
    let counted: BTreeMap<PathBuf, u64> =
        files.into_iter().map(|path| (path.clone(), count(&path))).collect();
    match capinfos(counted.keys()) {
        Some(theirs) => assert_eq!(counted, theirs),
        None if std::env::var("POPKIT_PEERS").is_ok_and(|peers| peers == "require") => {
            panic!("capinfos is not installed, and POPKIT_PEERS=require");
        }
        None => skipped("counts are not compared: capinfos is not installed"),
    }
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == OsStr::new("pcap") || e == OsStr::new("pcapng"))
    };
    let entries = std::fs::read_dir(folder).expect("the corpora hold a folder of TLS captures");
    entries.map(|entry| entry.expect("an entry").path()).filter(is_capture).collect()
}

fn count(path: &Path) -> u64 {
    let mut file = CaptureFile::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    loop {
        match file.next() {
            Ok(Some(frame)) => assert!(frame.original_len as usize >= frame.bytes.len()),
            Ok(None) => break,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    assert_eq!(Some(file.bytes_read()), file.size());
    file.packets_read()
}

/// Packets by file; `None` when the program is not there.
fn capinfos<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Option<BTreeMap<PathBuf, u64>> {
    // A table without its header, of exact counts.
    let output =
        Command::new("capinfos").args(["-T", "-r", "-M", "-c"]).args(paths).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    let row = |row: &str| {
        let (path, count) = row.split_once('\t').expect("a file and its count");
        (path.into(), count.trim().parse().expect("a count"))
    };
    Some(table.lines().map(row).collect())
}

fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").expect("standard error");
}
