//! A running resolver is told what to do: its cache is looked at, purged and added to, its files are read again,
//! and nobody but its user and root can say so.

mod common;
mod resolver_common;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{is_root, run, said, skipped};
use resolver_common::{RESOLVER, Running};
use serde_json::Value;
use tempfile::TempDir;

const ZONE: &str = "$TTL 5m\n@ SOA ns mail 1 1d 2h 4w 5m\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.80\n\
                    www TXT \"a  b\"\ndeep.www A 192.0.2.81\n";

/// A resolver that asks another, and its socket.
struct Site {
    back: Running,
    front: Running,
    socket: PathBuf,
    zone: PathBuf,
    folder: TempDir,
}

impl Site {
    fn start(more: &[&str]) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let (zone, socket) = (folder.path().join("zone"), folder.path().join("control"));
        std::fs::write(&zone, ZONE).expect("room");
        let back = Running::start(&["--zone", &format!("site.example={}", zone.display())]);
        let to = back.address.to_string();
        let own = format!("corp={}", zone.display());
        let path = socket.to_str().expect("text");
        let args = ["--forward", &to, "--zone", &own, "--control", path];
        let front = Running::start(&[&args[..], more].concat());
        Site { back, front, socket, zone, folder }
    }

    /// What `resolver control` prints.
    fn tell(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(RESOLVER);
        let output = run(command.arg("control").arg(&self.socket).args(words));
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn number(&self, words: &[&str], key: &str) -> u64 {
        let text = self.tell(words).expect("it is done");
        let object: Value = serde_json::from_str(&text).expect("one object");
        object[key].as_u64().expect("a number")
    }

    fn inspect(&self, words: &[&str]) -> Vec<Value> {
        let text = self.tell(&[&["inspect"], words].concat()).expect("it is done");
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }
}

#[test]
fn the_cache_is_looked_at_and_purged_by_name_type_and_suffix() {
    let site = Site::start(&[]);
    let ask = |name: &str| assert_eq!(site.front.ask(name).0, 0, "{name}");
    for name in ["www.site.example", "deep.www.site.example", "ns.site.example"] {
        ask(name);
        ask(name);
    }
    let [entry] = &site.inspect(&["WWW.site.example"])[..] else { panic!("one entry") };
    assert_eq!((&entry["name"], &entry["type"]), (&"www.site.example.".into(), &"A".into()));
    assert_eq!((&entry["source"], &entry["kind"]), (&"upstream".into(), &"positive".into()));
    assert_eq!((&entry["state"], &entry["hits"]), (&"fresh".into(), &1.into()));
    let left = entry["fresh_for"].as_f64().expect("seconds");
    assert!(left > 250.0 && left <= 300.0, "{entry}");
    let record = entry["records"][0].as_str().expect("a record");
    assert!(record.ends_with("IN A 192.0.2.80"), "{entry}");
    assert_eq!(site.inspect(&["site.example", "--suffix"]).len(), 3);
    assert_eq!(site.inspect(&["site.example", "--suffix", "--type", "AAAA"]).len(), 0);

    assert_eq!(site.number(&["purge", "www.site.example", "--type", "AAAA"], "purged"), 0);
    assert_eq!(site.number(&["purge", "www.site.example", "--type", "A"], "purged"), 1);
    assert_eq!(site.inspect(&["www.site.example"]).len(), 0);
    assert_eq!(site.number(&["purge", "www.site.example", "--suffix"], "purged"), 1);
    assert_eq!(site.inspect(&["site.example", "--suffix"]).len(), 1, "ns is left");
    assert_eq!(site.number(&["purge", "--all"], "purged"), 1);
    ask("www.site.example");
    assert_eq!(site.inspect(&[".", "--suffix"]).len(), 1, "asked for again");
}

#[test]
fn answers_are_put_in_but_not_for_our_own_names() {
    let site = Site::start(&[]);
    let two = ["inject", "far.example 60 A 198.51.100.1; far.example 60 TXT \"two  spaces\""];
    assert_eq!(site.number(&two, "injected"), 2);
    assert_eq!(site.front.ask("FAR.example"), (0, [198, 51, 100, 1]));
    let entries = site.inspect(&["far.example", "--type", "TXT"]);
    assert_eq!(entries[0]["records"][0], "far.example. 60 IN TXT \"two  spaces\"");
    assert_eq!(entries[0]["source"], "injected");
    let explained = site.tell(&["explain", "far.example"]).expect("explained");
    assert!(
        explained.contains("put in from outside") && explained.contains("fresh"),
        "{explained}"
    );
    let asked = site.tell(&["explain", "www.site.example"]).expect("explained");
    let server = format!("{}: answered after", site.back.address);
    assert!(asked.contains(&server) && asked.contains("192.0.2.80"), "{asked}");
    let again = site.tell(&["explain", "www.site.example"]).expect("explained");
    assert!(!again.contains(&server) && again.contains("cache: fresh"), "{again}");
    let failed = site.tell(&["explain", "near.example"]).expect("explained");
    assert!(failed.contains(": failed\n") && failed.contains(": failed after"), "{failed}");
    for (record, words) in [
        ("www.corp 60 A 192.0.2.66", "answered here only"),
        ("far.example 60 CNAME www.corp", "is an alias"),
        ("far.example 60 A nonsense", "expected an IPv4 address"),
        ("far.example", "records:"),
    ] {
        let error = site.tell(&["inject", record]).expect_err(record);
        assert!(error.contains(words), "{record}: {error}");
    }
    assert_eq!(site.front.ask("www.corp"), (0, [192, 0, 2, 80]));
}

#[test]
fn a_reload_says_whether_it_was_taken() {
    let site = Site::start(&[]);
    assert_eq!(site.front.ask("www.corp"), (0, [192, 0, 2, 80]));
    std::fs::write(&site.zone, ZONE.replace(" 1 1d", " 2 1d").replace("2.80", "2.90"))
        .expect("room");
    assert_eq!(site.number(&["reload"], "zones"), 1);
    assert_eq!(site.front.ask("www.corp"), (0, [192, 0, 2, 90]), "at once");
    std::fs::write(&site.zone, ZONE.replace("192.0.2.80", "nonsense")).expect("room");
    let error = site.tell(&["reload"]).expect_err("a bad zone");
    assert!(error.contains("zone:5"), "the line: {error}");
    assert_eq!(site.front.ask("www.corp"), (0, [192, 0, 2, 90]), "the one before stays");
    let stats = site.tell(&["stats"]).expect("counts");
    let stats: Value = serde_json::from_str(&stats).expect("one object");
    assert_eq!(
        (&stats["zones"], &stats["upstreams"][0]["availability"]),
        (&1.into(), &"up".into())
    );
    assert!(stats["cache"]["misses"].as_u64() > Some(0), "{stats}");
}

#[test]
fn the_socket_is_for_its_user_alone_and_takes_what_is_wrong_in_good_part() {
    let mut site = Site::start(&[]);
    let mode = std::fs::metadata(&site.socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let long = b"x".repeat(70_000);
    for line in [&b"nonsense\n"[..], b"purge\n", b"\xff\xfe\n", b"\n", &long, b""] {
        let mut stream = UnixStream::connect(&site.socket).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(8))).expect("a time-out");
        let _ = stream.write_all(line).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"error: "), "{line:?}: {answer:?}");
    }
    assert_eq!(site.number(&["stats"], "zones"), 1, "it is there still");
    // A second one does not take its place; one that died left it to the next.
    let path = site.socket.to_str().expect("text");
    let second = run(Command::new(RESOLVER).args(["--listen", "127.0.0.1:0", "--control", path]));
    assert!(said(&second).contains("another resolver listens there"), "{}", said(&second));
    site.front.signal(libc::SIGTERM);
    assert!(site.front.child.wait().expect("it ends").success());
    assert!(!site.socket.exists(), "cleared away");
    drop(UnixListener::bind(&site.socket).expect("left behind"));
    let third = Running::start(&["--control", path]);
    site.front = third;
    assert_eq!(site.number(&["stats"], "zones"), 0);
    let file = site.folder.path().join("file");
    std::fs::write(&file, "of somebody").expect("room");
    let file = file.to_str().expect("text");
    let wrong = run(Command::new(RESOLVER).args(["--listen", "127.0.0.1:0", "--control", file]));
    assert!(said(&wrong).contains("no socket") && Path::new(file).exists(), "{}", said(&wrong));
    let nobody = run(Command::new(RESOLVER).args(["control", "/nowhere", "stats"]));
    assert_eq!(nobody.status.code(), Some(1), "{}", said(&nobody));
}

#[test]
fn it_works_without_privileges() {
    if !is_root() {
        return skipped("only root has privileges to give up");
    }
    let site = Site::start(&["--user", "nobody"]);
    let socket = std::fs::metadata(&site.socket).expect("a socket");
    let nobody = std::fs::metadata(format!("/proc/{}", site.front.child.id())).expect("/proc");
    assert_eq!(socket.uid(), nobody.uid(), "its own");
    assert_ne!(socket.uid(), 0);
    assert_eq!(site.front.ask("www.site.example").0, 0);
    assert_eq!(site.number(&["purge", "--all"], "purged"), 1);
}
