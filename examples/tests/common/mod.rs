//! What the tests of the binaries share.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod http;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The binary under test.
pub const RECORDER: &str = env!("CARGO_BIN_EXE_recorder");

/// One demo at a time: they share two cores, and they are about timing.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command said, for a failing assertion.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// A program that is not ours, if it is here. Says that it is not, or fails when it must be.
pub fn peer(program: &str) -> Option<Command> {
    if Command::new(program).arg("--version").output().is_ok() {
        return Some(Command::new(program));
    }
    let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
    assert!(!required, "{program} is not installed, and POPKIT_PEERS=require");
    skipped(&format!("{program} is not installed"));
    None
}

/// Says why a test does nothing, past the test harness, which keeps what passing tests print.
pub fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").expect("standard error");
}

/// Whether this test runs as root, and so could do what others cannot.
pub fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// A folder that everybody may write to, and in it a copy of the binary that everybody may run.
pub fn for_everybody() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("our own");
    };
    open(folder.path());
    let binary = folder.path().join("recorder");
    std::fs::copy(RECORDER, &binary).expect("room for the binary");
    open(&binary);
    (folder, binary)
}

/// The objects of a JSON Lines file.
pub fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
}
