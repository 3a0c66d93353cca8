//! `recorder replay` finds in a file what the recorder would have kept.

mod common;

use std::path::Path;
use std::process::Command;

use common::{RECORDER, json_lines, run, said};

/// The capture that the demo replays: 360 handshakes, of which one network's last are slow.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.pcapng.gz");

fn replay(file: &Path, out: &Path) -> Command {
    let mut command = Command::new(RECORDER);
    command.arg("replay").arg(file).arg("--out").arg(out);
    command
}

#[test]
fn slow_handshakes_of_a_capture_become_flights() {
    let out = tempfile::tempdir().expect("a folder");
    let output = run(&mut replay(Path::new(DEMO), out.path()));
    assert!(output.status.success(), "{}", said(&output));
    let flights = json_lines(&out.path().join("flights.jsonl"));
    assert_eq!(flights.len(), 30, "{}", said(&output));
    for flight in &flights {
        assert_eq!(flight["verdict"], "client", "{flight}");
        assert!(flight["phases"]["total"].as_f64().is_some_and(|total| total >= 0.1));
        let file = out.path().join(flight["file"].as_str().expect("a name"));
        assert!(file.exists());
    }
    // A flight replayed gives the same flight again.
    let first = out.path().join(flights[0]["file"].as_str().expect("a name"));
    let again = tempfile::tempdir().expect("a folder");
    let output = run(&mut replay(&first, again.path()));
    assert!(output.status.success(), "{}", said(&output));
    let repeated = json_lines(&again.path().join("flights.jsonl"));
    assert_eq!(repeated.len(), 1);
    for field in ["client", "server", "start_ns", "phases", "idle", "rtt", "because", "packets"] {
        assert_eq!(repeated[0][field], flights[0][field], "{field}");
    }
}

#[test]
fn a_capture_cut_in_the_middle_is_read_as_far_as_it_goes() {
    let whole = tempfile::tempdir().expect("a folder");
    run(&mut replay(Path::new(DEMO), whole.path()));
    let flights = json_lines(&whole.path().join("flights.jsonl"));
    let file = std::fs::read(whole.path().join(flights[0]["file"].as_str().expect("a name")));
    let file = file.expect("the flight");
    let cut = whole.path().join("cut.pcapng");
    std::fs::write(&cut, &file[..file.len() - 10]).expect("room");
    let out = tempfile::tempdir().expect("a folder");
    let output = run(&mut replay(&cut, out.path()));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("the file ends within the record"), "{}", said(&output));
    assert_eq!(json_lines(&out.path().join("flights.jsonl")).len(), 1);
}

#[test]
fn what_is_no_capture_is_said_in_one_line() {
    let out = tempfile::tempdir().expect("a folder");
    let output = run(&mut replay(Path::new(file!()), out.path()));
    assert_eq!(output.status.code(), Some(1));
    let output = run(&mut replay(Path::new(RECORDER), out.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("expected pcap or pcapng"), "{}", said(&output));
}

#[test]
fn captures_of_others_are_replayed_to_the_end() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        common::skipped("POPKIT_CORPORA is not set");
        return;
    };
    for entry in std::fs::read_dir(Path::new(&corpora).join("tls")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "pcap" || e == "pcapng") {
            let out = tempfile::tempdir().expect("a folder");
            let output = run(replay(&path, out.path()).args(["--slow", "0ms"]));
            assert!(output.status.success(), "{}: {}", path.display(), said(&output));
        }
    }
}
