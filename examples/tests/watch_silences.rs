//! `watch silence` and `--silences`: silences change while `watch` runs.

mod common;
mod watch_common;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::http::{ask, free_port, serve, until};
use common::{run, said};
use serde_json::Value;
use watch_common::{Level, WATCH, Watch};

/// `watch silence` on a file: its code, and what it said.
fn silence(path: &Path, args: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let mut command = Command::new(WATCH);
    command.env("USER", "ada").arg("silence").arg("--silences").arg(path).args(args);
    let output = run(&mut command);
    let lines = String::from_utf8_lossy(&output.stdout);
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON Lines"));
    (output.status.code(), lines.collect(), said(&output))
}

#[test]
fn a_silence_begins_and_ends_while_watch_runs() {
    let level = Arc::new(Level::default());
    let values = Arc::clone(&level);
    let target = serve(move |_| {
        let value = values.value();
        (200, format!("depth {value}\nheight {value}\n"))
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("silences.toml");
    let port = free_port();
    let watch = Watch::start(&[
        "scrape",
        &format!("http://{target}/metrics"),
        "--every=100ms",
        "--learning=20",
        "--link-by=metric",
        "--clear-after=500ms",
        "--silence=metric=up",
        &format!("--silences={}", path.display()),
        &format!("--metrics=127.0.0.1:{port}"),
    ]);
    let board = |line: &str| {
        let (_, board) = ask(&format!("127.0.0.1:{port}"), "GET", "/metrics", "")?;
        board.contains(line).then_some(())
    };
    until("learning", || (level.turns() > 40).then_some(()));
    let add = ["add", "metric=depth", "--for=1h", "--comment=a new disk"];
    let (code, added, said) = silence(&path, &add);
    assert_eq!(code, Some(0), "{said}");
    let id = added[0]["id"].as_str().expect("an id").to_owned();
    until("the silence", || board("watch_silences 2"));

    // A mistake of somebody in the file replaces nothing.
    let good = std::fs::read_to_string(&path).expect("our own");
    std::fs::write(&path, format!("{good}\n[[silence]]\nmatchers = 'oops'\n")).expect("room");
    until("the mistake", || {
        let line = good.lines().count() + 3;
        watch.said().contains(&format!("silences.toml:{line}: oops: one of")).then_some(())
    });
    level.set(50);
    let is = |status: &'static str, metric: &'static str| {
        move |notice: &Value| notice["status"] == status && notice["labels"]["metric"] == metric
    };
    let firing = watch.told("the other", |notice| {
        assert_ne!(notice["labels"]["metric"], "depth", "it is silenced");
        is("firing", "height")(notice) && notice["seen"].as_f64() > Some(40.0)
    });
    assert_eq!(firing["status"], "firing");
    assert_eq!(silence(&path, &["list"]).0, Some(1), "not in order");

    std::fs::write(&path, good).expect("room");
    let (code, over, said) = silence(&path, &["expire", &id]);
    assert_eq!((code, &over[0]["state"]), (Some(0), &"expired".into()), "{said}");
    watch.told("what outlasted the silence", is("firing", "depth"));
    // One that is gone says what it said.
    std::fs::remove_file(&path).expect("our own");
    until("the warning", || watch.said().contains("silences is gone").then_some(()));
    assert!(watch.stop().success());
}

#[test]
fn the_file_is_listed_and_edited() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("silences.toml");
    let (code, _, said) = silence(&path, &["list"]);
    assert!(code == Some(1) && said.contains("is not there: give --silences"), "{said}");
    let (code, _, said) = silence(&path, &["add", "host=a"]);
    assert!(code == Some(2) && said.contains("--for"), "a silence says when it ends: {said}");
    let (code, _, said) = silence(&path, &["add", "host", "--for=1h"]);
    assert!(code == Some(1) && said.contains("one of =, !=, =~, !~"), "{said}");
    assert!(!path.exists(), "nothing was written");

    std::fs::write(&path, "# of ours\n").expect("room");
    let weekly = ["add", "role=backup", "--weekly=Sat 02:00-04:00", "--author=bob"];
    assert_eq!(silence(&path, &weekly).0, Some(0));
    let later = ["add", "{host=~\"db.*\"}", "--from=2100-01-01T00:00:00Z", "--for=2h"];
    let (_, added, _) = silence(&path, &later);
    assert_eq!((&added[0]["state"], &added[0]["author"]), (&"pending".into(), &"ada".into()));
    assert_eq!(added[0]["until_ns"].as_i64(), Some(4_102_452_000_000_000_000));
    let (_, listed, _) = silence(&path, &["list"]);
    let shown = |entry: &Value| (entry["matchers"].clone(), entry["state"].clone());
    assert_eq!(shown(&listed[0]), (r#"{role="backup"}"#.into(), "active".into()));
    assert_eq!((listed.len(), &listed[0]["weekly"]), (2, &"Sat 02:00-04:00".into()));

    let id = listed[1]["id"].as_str().expect("an id");
    assert_eq!(silence(&path, &["expire", id]).0, Some(0));
    assert_eq!(silence(&path, &["expire", id]).0, Some(1), "it is over");
    assert_eq!(silence(&path, &["list"]).1.len(), 1);
    assert_eq!(silence(&path, &["list", "--all"]).1.len(), 2);
    let text = std::fs::read_to_string(&path).expect("our own");
    assert!(text.starts_with("# of ours\n"), "{text}");
    let target = format!("--silences={}", path.display());
    std::fs::write(&path, "[[silence]]\nmatcher = 'a=b'\n").expect("room");
    let output = run(Command::new(WATCH).args(["scrape", "http://127.0.0.1:1/", &target]));
    let said = common::said(&output);
    assert!(
        output.status.code() == Some(1) && said.contains("silences.toml:2: unknown field"),
        "{said}"
    );
}
