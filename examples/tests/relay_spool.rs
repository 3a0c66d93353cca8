//! `relay spool`: what is in a spool, without a change to it, also while a relay runs on it.

mod common;
mod relay_common;

use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Command, Output};

use relay_common::{RELAY, Relay, all_there, free_port, send_lines, until};

fn spool(folder: &std::path::Path, args: &[&str]) -> Output {
    let mut command = Command::new(RELAY);
    command.arg("spool").arg(folder.join("spool")).args(args).env("RUST_LOG", "warn");
    command.output().expect("the relay starts")
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn a_running_relays_spool_is_told_and_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.jsonl");
    let (all, dead) =
        (format!("all=file:{}", file.display()), format!("dead=tcp://127.0.0.1:{}", free_port()));
    let args = ["--tcp", "127.0.0.1:0", "--node", "n", "--drain", "500ms", "--to", &all];
    let relay = Relay::start(folder.path(), &[&args[..], &["--to", &dead]].concat());
    send_lines(relay.address("tcp").port(), 0..500);
    until("the file has them", || all_there(&file, 500));

    let told = text(&spool(folder.path(), &[]));
    assert!(told.contains("records 1 to 500  "), "{told}");
    assert!(told.contains("  next 1  500 behind\n"), "{told}");
    assert!(told.contains("  next 501  0 behind\n"), "{told}");
    let told = text(&spool(folder.path(), &["--json", "--verify"]));
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["next_seq"], &told["damaged_bytes"]), (&501.into(), &0.into()));
    assert_eq!(told["segments"][0]["records"], 500);
    assert_eq!(told["sinks"][1]["lag_records"], 500);

    // The same bytes as in the sink's file.
    let exported = text(&spool(folder.path(), &["--export", "json", "--node", "n"]));
    assert_eq!(exported, std::fs::read_to_string(&file).expect("it is there"));
    let rest = text(&spool(folder.path(), &["--export", "raw", "--from", "499"]));
    assert_eq!(rest.lines().count(), 2);
    assert!(rest.ends_with("- - - number=499.\n"), "{rest}");
    relay.stop();

    // Behind the header of the segment: the first record.
    let name = told["segments"][0]["file"].as_str().expect("a name");
    let path = folder.path().join("spool").join(name);
    let mut segment = std::fs::File::options().read(true).write(true).open(path).expect("ours");
    let mut byte = [0];
    segment.seek(SeekFrom::Start(64 + 40)).expect("long enough");
    segment.read_exact(&mut byte).expect("long enough");
    segment.seek(SeekFrom::Start(64 + 40)).expect("long enough");
    segment.write_all(&[byte[0] ^ 1]).expect("room");
    let output = spool(folder.path(), &["--verify"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("damaged at 64 to "), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("are damaged"));
    let rest = text(&spool(folder.path(), &["--export", "raw"]));
    assert_eq!(rest.lines().count(), 499, "the others are good");

    // The dead sink is taken out of service, and the spool no longer waits for it.
    let relay = Relay::start(folder.path(), &[&args[..], &["--forget", "dead"]].concat());
    relay.stop();
    let told = text(&spool(folder.path(), &[]));
    assert!(told.contains("sink    all ") && !told.contains("sink    dead"), "{told}");
    assert!(told.contains(".bad  "), "what was damaged is still there to be looked at: {told}");
}

#[test]
fn what_is_no_spool_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = spool(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the spool"));
    let help = Command::new(RELAY).args(["spool", "--help"]).output().expect("it starts");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for word in ["--verify", "--export", "--from", "Nothing is changed"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}
