//! What goes wrong costs one line that names the cause and the mend; what is interrupted is whole.

mod common;

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{RECORDER, alone, is_root, run, said, skipped};

/// The one line on standard error, of a run that failed as it should.
fn complaint(command: &mut Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("recorder: ")).collect();
    assert_eq!(lines.len(), 1, "{}", said(&output));
    lines[0].to_owned()
}

#[test]
fn a_folder_that_cannot_be_made() {
    let line = complaint(Command::new(RECORDER).args(["demo", "--out", "/proc/nowhere/demo"]));
    assert!(line.contains("/proc/nowhere/demo"), "{line}");
    assert!(line.contains("--out"), "{line}");
}

#[test]
fn a_folder_that_is_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let line = complaint(Command::new(RECORDER).args(["demo", "--out"]).arg(file.path()));
    assert!(line.contains("--out"), "{line}");
}

#[test]
fn a_busy_port() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = busy.local_addr().expect("bound").port().to_string();
    let out = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(RECORDER);
    command.args(["demo", "--port", &port, "--out"]).arg(out.path());
    if !is_root() {
        // In a network namespace of its own the demo would find the port free.
        command.args(["--capture", "socket"]);
    }
    let line = complaint(&mut command);
    assert!(
        line.contains(&port) && line.contains("--port") || line.contains("CAP_NET_RAW"),
        "{line}"
    );
}

#[test]
fn a_wrong_command_line_is_exit_2() {
    for args in [&["demo", "--seconds", "x"][..], &["demo", "--slow", "soon"], &["demos"], &[]] {
        let output = run(Command::new(RECORDER).args(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
    }
}

#[test]
fn an_interrupted_demo_leaves_whole_files_and_exit_0() {
    let _alone = alone();
    let out = tempfile::tempdir().expect("a folder");
    let child = Command::new(RECORDER)
        .args(["demo", "--seconds", "30", "--rate", "60", "--slow", "0ms", "--out"])
        .arg(out.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    // Until there is a flight to be complete: the condition is on disk, not on the clock.
    let lines = out.path().join("flights.jsonl");
    for _ in 0..200 {
        if std::fs::metadata(&lines).is_ok_and(|file| file.len() > 0) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().expect("the demo ends");
    assert!(output.status.success(), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("every file is complete"));
    let flights = common::json_lines(&lines);
    assert!(!flights.is_empty());
    for flight in flights {
        let file = std::fs::read(out.path().join(flight["file"].as_str().expect("a name")));
        let file = file.expect("the file is there");
        let last = u32::from_le_bytes(*file.last_chunk().expect("a block's length")) as usize;
        let begin = file.len() - last;
        assert_eq!(file[begin..begin + 4], [5, 0, 0, 0], "it ends with interface statistics");
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_no_half_file() {
    let _alone = alone();
    if !is_root() {
        skipped("a small file system of our own needs root");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"mount -t tmpfs -o size=1600k tmpfs "$1" && "$2" demo --seconds 8 --slow 0ms --out "$1/out"
        code=$?; find "$1/out" -name '*.partial' >&2; exit $code"#;
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(folder.path()).arg(RECORDER);
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.contains("unshare failed") || text.contains("permission denied") {
        skipped(&format!("no mount namespace here: {text}"));
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(text.contains("No space left") && text.contains("free some space"), "{text}");
    assert!(!text.contains(".partial"), "{text}");
}
