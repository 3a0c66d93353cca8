//! Files are whole or not there, the quota is kept, and a full disk is said once.

#![cfg(not(loom))]

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ring_capture::{Quota, Store, StoreError};

fn ours(name: &str) -> bool {
    name.ends_with(".pcapng")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder").filter_map(Result::ok);
    let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

/// One file a second, of so many bytes.
fn write(store: &mut Store, second: u64, bytes: usize) -> Result<(), StoreError> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let name = format!("{second:03}.pcapng");
    store.write(now, &name, |out| out.write_all(&vec![7; bytes])).map(drop)
}

fn full(store: &mut Store, second: u64) -> Result<(), StoreError> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let failed = store.write(now, "full.pcapng", |out| {
        out.write_all(b"half")?;
        Err(io::ErrorKind::StorageFull.into())
    });
    failed.map(drop)
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path(), Quota::default(), ours).expect("ours");
    write(&mut store, 1, 5).expect("room");
    let failed = store.write(SystemTime::UNIX_EPOCH, "b.pcapng", |out| {
        out.write_all(b"half")?;
        Err(io::ErrorKind::InvalidData.into())
    });
    assert!(matches!(failed, Err(StoreError::Io(_))));
    assert_eq!(names(folder.path()), ["001.pcapng"]);
}

#[test]
fn what_a_crash_left_is_removed_and_what_is_not_ours_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.pcapng.partial", "b.pcapng", "notes.txt", "other.partial"] {
        fs::write(folder.path().join(name), b"x").expect("room");
    }
    let quota = Quota { max_files: 1, ..Quota::default() };
    let mut store = Store::open(folder.path(), quota, ours).expect("ours");
    assert_eq!(store.stats().leftovers, 1);
    let now = SystemTime::now() + Duration::from_secs(1);
    store.write(now, "c.pcapng", |out| out.write_all(b"y")).expect("room");
    assert_eq!(names(folder.path()), ["c.pcapng", "notes.txt", "other.partial"]);
}

#[test]
fn the_oldest_go_and_no_more_than_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let quota = Quota { max_bytes: 1000, ..Quota::default() };
    let mut store = Store::open(folder.path(), quota, ours).expect("ours");
    for second in 1..=10 {
        write(&mut store, second, 300).expect("room");
    }
    assert_eq!(names(folder.path()), ["008.pcapng", "009.pcapng", "010.pcapng"]);
    write(&mut store, 11, 5_000).expect("one file alone is kept, whatever its size");
    assert_eq!(names(folder.path()), ["011.pcapng"]);
    let stats = store.stats();
    assert_eq!((stats.written, stats.removed, stats.files, stats.bytes), (11, 10, 1, 5_000));
}

#[test]
fn files_grow_too_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let quota = Quota { max_age: Duration::from_secs(5), ..Quota::default() };
    let mut store = Store::open(folder.path(), quota, ours).expect("ours");
    for second in [1, 2, 3, 8] {
        write(&mut store, second, 1).expect("room");
    }
    assert_eq!(names(folder.path()), ["003.pcapng", "008.pcapng"]);
}

#[test]
fn free_space_is_left_and_without_own_files_it_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let quota = Quota { min_free_bytes: u64::MAX, ..Quota::default() };
    let mut store = Store::open(folder.path(), quota, ours).expect("ours");
    assert!(matches!(write(&mut store, 1, 1), Err(StoreError::Full(_))));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_full_disk_is_said_once_and_tried_again_after_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path(), Quota::default(), ours).expect("ours");
    assert!(matches!(full(&mut store, 10), Err(StoreError::Full(_))));
    assert!(matches!(write(&mut store, 10, 1), Err(StoreError::Resting)), "not even tried");
    assert!(matches!(full(&mut store, 11), Err(StoreError::Resting)), "tried, nothing new");
    assert!(matches!(write(&mut store, 12, 1), Err(StoreError::Resting)), "twice as long");
    write(&mut store, 13, 1).expect("there is room again");
    write(&mut store, 13, 1).expect("and no rest any more");
    assert_eq!(names(folder.path()), ["013.pcapng"]);
    assert_eq!(store.stats().lost, 4);
    assert!(matches!(full(&mut store, 14), Err(StoreError::Full(_))), "said again");
}
