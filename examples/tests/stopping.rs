//! However it is stopped, `recorder run` completes what is under way and says what it has seen.

mod common;

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{RECORDER, is_root, said, skipped};

#[test]
fn a_recorder_told_to_stop_ends_by_its_last_line() {
    if !is_root() {
        skipped("capturing from outside needs root here");
        return;
    }
    // Who notices first, the thread that captures or the one that records, is a matter of luck.
    for _ in 0..4 {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new(RECORDER)
            .args(["run", "--interface", "lo", "--ring", "8MiB", "--filter", "tcp port 1", "--out"])
            .arg(folder.path())
            .env("RUST_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the recorder starts");
        for _ in 0..100 {
            if folder.path().join("flights.jsonl").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Signals are heeded once the threads are there, which is at once after the folder is.
        thread::sleep(Duration::from_millis(200));
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
        let output = child.wait_with_output().expect("the recorder ends");
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("stopped"), "{}", said(&output));
    }
}
