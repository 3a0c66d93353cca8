//! A real journald, a real `journalctl`, and a relay that is killed again and again: each entry is
//! in the log once.

mod common;
mod relay_common;

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::is_root;
use relay_common::{Daemon, Relay, until};

const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// journald in a mount namespace of its own, its sockets and files in `folder`.
fn journald(folder: &Path) -> Option<Daemon> {
    if !is_root() {
        common::skipped("a journald of our own needs root");
        return None;
    }
    if !Path::new(JOURNALD).exists() {
        common::skipped("systemd-journald is not installed");
        assert_ne!(std::env::var("POPKIT_PEERS").as_deref(), Ok("require"), "it is required");
        return None;
    }
    let script = "mount --make-rprivate / && mkdir -p \"$1/run/systemd/journal\" \"$1/run/log/journal\" \
        && mount --bind \"$1/run\" /run && mount -t tmpfs tmpfs /var/log && exec \"$2\"";
    let child = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(folder)
        .arg(JOURNALD)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("unshare is there");
    let mut daemon = Daemon(child);
    let socket = folder.join("run/systemd/journal/socket");
    for _ in 0..500 {
        if socket.exists() {
            return Some(daemon);
        }
        if daemon.0.try_wait().expect("our own child").is_some() {
            common::skipped("mounts are not permitted here");
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("journald does not listen");
}

fn log(socket: &UnixDatagram, folder: &Path, numbers: std::ops::Range<u64>) {
    for number in numbers {
        // The second field is binary: its length, then two lines.
        let entry =
            format!("MESSAGE=number={number}.\nSYSLOG_IDENTIFIER=popkit\nPRIORITY=4\nLINES\n");
        let entry = [entry.as_bytes(), &3_u64.to_le_bytes(), b"a\nb\n"].concat();
        let path = folder.join("run/systemd/journal/socket");
        socket.send_to(&entry, path).expect("journald reads");
    }
}

/// What the file sink has: each number and the keys it came with.
fn delivered(file: &Path) -> BTreeMap<u64, Vec<String>> {
    let mut found: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    if !file.exists() {
        return found;
    }
    for line in common::json_lines(file) {
        if line["appname"] != "popkit" {
            continue;
        }
        let text = line["message"].as_str().expect("text");
        let number = text.trim_start_matches("number=").trim_end_matches('.');
        assert_eq!(line["structured_data"]["journal@32473"]["LINES"], "a\nb");
        assert_eq!((&line["severity"], &line["facility"]), (&"warning".into(), &"user".into()));
        let keys = found.entry(number.parse().expect("a number")).or_default();
        let key = line["key"].as_str().expect("a key").to_owned();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    found
}

fn follow_and_die(sync: &str, rounds: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(_daemon) = journald(folder.path()) else { return };
    let socket = UnixDatagram::unbound().expect("a socket");
    let (file, journal) = (folder.path().join("all.jsonl"), folder.path().join("run/log/journal"));
    let to = format!("all=file:{}", file.display());
    let journal = journal.display().to_string();
    let args = ["--journal", &journal, "--journal-from", "oldest", "--to", &to, "--sync", sync];
    let mut next = 0;
    for round in 0..rounds {
        let relay = Relay::start(folder.path(), &args);
        log(&socket, folder.path(), next..next + 40);
        next += 40;
        // Lives of different lengths are cut off in different places.
        std::thread::sleep(Duration::from_millis(round * 37 % 300));
        relay.kill();
        // And some entries while nobody follows.
        log(&socket, folder.path(), next..next + 5);
        next += 5;
    }
    let relay = Relay::start(folder.path(), &args);
    until("all entries", || delivered(&file).len() as u64 == next);
    relay.stop();
    // Nothing comes after a restart that was there before.
    let relay = Relay::start(folder.path(), &args);
    log(&socket, folder.path(), next..next + 1);
    until("one more", || delivered(&file).contains_key(&next));
    relay.stop();
    let found = delivered(&file);
    assert_eq!(found.len() as u64, next + 1, "none is missing, none is another's");
    let doubled: Vec<_> = found.iter().filter(|(_, keys)| keys.len() > 1).collect();
    assert!(doubled.is_empty(), "taken twice: {doubled:?}");
}

#[test]
fn each_entry_is_taken_once() {
    follow_and_die("durable", 12);
}

#[test]
fn each_entry_is_taken_once_without_syncs() {
    follow_and_die("none", 12);
}

#[test]
fn an_export_comes_from_standard_input() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.jsonl");
    let mut child = Command::new(relay_common::RELAY)
        .args(["--journal-export", "-", "--to", &format!("all=file:{}", file.display()), "--spool"])
        .arg(folder.path().join("spool"))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the relay starts");
    let mut input = child.stdin.take().expect("it was piped");
    for number in 0..50_u64 {
        let entry =
            format!("MESSAGE=number={number}.\nSYSLOG_IDENTIFIER=popkit\nPRIORITY=4\nLINES\n");
        input
            .write_all(&[entry.as_bytes(), &3_u64.to_le_bytes(), b"a\nb\n\n"].concat())
            .expect("it reads");
    }
    input.flush().expect("it reads");
    until("all entries", || delivered(&file).len() == 50);
    // Standard input stays open, and that keeps nobody from ending.
    relay_common::signal(&child, libc::SIGTERM);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_systems_journal_needs_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    for journal in [&["--journal"][..], &["--journal", "system"]] {
        let to = ["--to", "all=file:/dev/null"];
        // Whether there is a journal or not: it is tried again and again.
        let relay = Relay::start(folder.path(), &[journal, &to].concat());
        relay.stop();
    }
}
