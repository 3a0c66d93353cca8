//! The journal is followed without loss or double, whoever dies. `journalctl` is played by a script:
//! an entry a file, its name the cursor. The real one is followed by a test of `relay`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log_pipeline::cursor::Start;
use log_pipeline::net::{Config, JournalConfig, Limits, Pipeline, Subscription, Transport};
use log_pipeline::wal;

/// Entries from `--cursor` on, or what comes next when that is gone; then what is added, until an
/// entry called `die` is there, of which half is written.
const SCRIPT: &str = r#"#!/bin/sh
from=0
for word; do
    case $word in
        --cursor=*) from=${word#--cursor=} ;;
        --lines=1) newest=yes ;;
        --directory) directory=next ;;
        *) [ "$directory" = next ] && directory=$word ;;
    esac
done
cd "$directory" || exit 1
if [ "$newest" ]; then
    last=$(ls | tail -n 1)
    [ -z "$last" ] || cat "$last"
    exit
fi
: > ../following
while :; do
    for file in *; do
        [ "$file" = die ] && { rm die; printf '__CURSOR=9999\nMESSAGE=ha'; exit 1; }
        [ "$file" != '*' ] && [ "$file" -ge "$from" ] && { cat "$file"; from=$((file + 1)); }
    done
    sleep 0.02
done
"#;

struct Journal {
    folder: tempfile::TempDir,
}

impl Journal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("journalctl");
        fs::write(&program, SCRIPT).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("entries")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            // Cursors have four digits, so that `ls` sorts them.
            let entry = format!("__CURSOR={number}\nMESSAGE=entry {number}\nPRIORITY=5\n\n");
            let path = self.path("new");
            fs::write(&path, entry).unwrap();
            fs::rename(path, self.path("entries").join(number.to_string())).unwrap();
        }
    }

    fn follow(&self, start: Start, spool: &Path) -> (Pipeline, Subscription) {
        let wal = wal::Config::default().segment_bytes(4096);
        let config = Config::new(spool).wal(wal).drain(Duration::from_secs(2));
        let pipeline = Pipeline::open(config).unwrap();
        let subscription = pipeline.subscribe("test", Start::Oldest).unwrap();
        let mut config = JournalConfig::default()
            .folder(self.path("entries"))
            .program(self.path("journalctl"))
            .start(start);
        config.backoff.least = Duration::from_millis(20);
        pipeline.follow_journal(config, Limits::default()).unwrap();
        (pipeline, subscription)
    }
}

/// The next `count` entries; none comes after them soon.
async fn take(subscription: &mut Subscription, count: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(20), subscription.next());
        let delivery = next.await.expect("in time").unwrap().expect("the log is open");
        let message = delivery.message();
        assert_eq!(message.pri.unwrap().number(), 13);
        let text = String::from_utf8(message.message.to_vec()).unwrap();
        numbers.push(text.strip_prefix("entry ").unwrap().parse().unwrap());
        subscription.ack().unwrap();
    }
    let more = tokio::time::timeout(Duration::from_millis(60), subscription.next()).await;
    assert!(more.is_err(), "{more:?} is too many");
    numbers
}

#[tokio::test]
async fn it_begins_at_the_end_and_goes_on_where_it_was() {
    let journal = Journal::new();
    let spool = journal.path("spool");
    journal.add(1000..1005);
    let (pipeline, mut subscription) = journal.follow(Start::End, &spool);
    // It has looked for the end.
    while !journal.path("following").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    journal.add(1005..1008);
    assert_eq!(take(&mut subscription, 3).await, [1005, 1006, 1007]);
    let stats = pipeline.stats();
    assert_eq!(stats.listeners[0].transport, Transport::Journal);
    assert_eq!(stats.listeners[0].frames.frames, 3);
    pipeline.shutdown().await.unwrap();
    drop(subscription);
    journal.add(1008..1010);
    let (pipeline, mut subscription) = journal.follow(Start::End, &spool);
    journal.add(1010..1011);
    assert_eq!(take(&mut subscription, 3).await, [1008, 1009, 1010]);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_entry_that_was_vacuumed_costs_no_other() {
    let journal = Journal::new();
    let spool = journal.path("spool");
    journal.add(1000..1003);
    let (pipeline, mut subscription) = journal.follow(Start::Oldest, &spool);
    assert_eq!(take(&mut subscription, 3).await, [1000, 1001, 1002]);
    pipeline.shutdown().await.unwrap();
    drop(subscription);
    for gone in 1000..1003 {
        fs::remove_file(journal.path("entries").join(gone.to_string())).unwrap();
    }
    journal.add(1003..1006);
    let (pipeline, mut subscription) = journal.follow(Start::Oldest, &spool);
    assert_eq!(take(&mut subscription, 3).await, [1003, 1004, 1005]);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn journalctl_may_die_in_the_middle_of_an_entry() {
    let journal = Journal::new();
    let spool = journal.path("spool");
    let (pipeline, mut subscription) = journal.follow(Start::Oldest, &spool);
    for round in 0..4 {
        let first = 1000 + round * 10;
        journal.add(first..first + 10);
        assert_eq!(take(&mut subscription, 10).await, (first..first + 10).collect::<Vec<_>>());
        fs::write(journal.path("entries").join("die"), "").unwrap();
    }
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_records_say_it_when_nothing_else_does() {
    let journal = Journal::new();
    let spool = journal.path("spool");
    let (pipeline, mut subscription) = journal.follow(Start::Oldest, &spool);
    journal.add(1000..1020);
    assert_eq!(take(&mut subscription, 20).await.len(), 20);
    // As if it had died before it remembered anything: only the log is left.
    let copy = journal.path("copy");
    pipeline.shutdown().await.unwrap();
    drop(subscription);
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&spool).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "wal") {
            fs::copy(&path, copy.join(name)).unwrap();
        }
    }
    fs::copy(spool.join("test.cursor"), copy.join("test.cursor")).unwrap();
    // The cursor that keeps the records, as it was in the beginning: at the oldest.
    fs::write(copy.join("systemd-journal.cursor"), "").unwrap();
    journal.add(1020..1022);
    let (pipeline, mut subscription) = journal.follow(Start::Oldest, &copy);
    let numbers = take(&mut subscription, 2).await;
    assert_eq!(numbers, [1020, 1021]);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_remembered_lets_delivered_records_go() {
    let journal = Journal::new();
    let spool = journal.path("spool");
    let (pipeline, mut subscription) = journal.follow(Start::Oldest, &spool);
    journal.add(1000..1200);
    assert_eq!(take(&mut subscription, 200).await.len(), 200);
    journal.add(1200..1201);
    assert_eq!(take(&mut subscription, 1).await.len(), 1);
    let began = std::time::Instant::now();
    while pipeline.stats().wal.segments > 1 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", pipeline.stats().wal);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pipeline.shutdown().await.unwrap();
    let place = fs::read(spool.join("journal.place")).unwrap();
    assert!(String::from_utf8_lossy(&place).contains("1200"), "the last one is remembered");
}

#[tokio::test]
async fn an_export_is_taken_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::open(Config::new(folder.path())).unwrap();
    let mut subscription = pipeline.subscribe("test", Start::Oldest).unwrap();
    let export = b"MESSAGE=entry 1\nPRIORITY=5\n\nMESSAGE=entry 2\nPRIORITY=5\n";
    pipeline.take_journal_export("-", &export[..], Limits::default());
    assert_eq!(take(&mut subscription, 2).await, [1, 2]);
    assert_eq!(pipeline.stats().listeners[0].violations, 0);
    pipeline.take_journal_export("-", &b"no export\n"[..], Limits::default());
    assert_eq!(take(&mut subscription, 0).await, Vec::<u32>::new());
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let wal = wal::Config::default().segment_bytes(4096);
    let pipeline = Pipeline::open(Config::new(folder.path()).wal(wal)).unwrap();
    let mut subscription = pipeline.subscribe("test", Start::Oldest).unwrap();
    let config = JournalConfig::default().program("/nowhere/journalctl");
    pipeline.follow_journal(config, Limits::default()).unwrap();
    for number in 0..100 {
        let message = format!("<13>1 - - - - - - entry {number}{:200}", "");
        pipeline.append(message.as_bytes()).await.unwrap().await.unwrap();
        subscription.next().await.unwrap().unwrap();
        subscription.ack().unwrap();
    }
    let began = std::time::Instant::now();
    while pipeline.stats().wal.segments > 1 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", pipeline.stats().wal);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pipeline.shutdown().await.unwrap();
}
