//! What the tests of live watching share.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

pub const WATCH: &str = env!("CARGO_BIN_EXE_watch");

/// A `watch` that runs; dropped, it is ended.
pub struct Watch {
    child: Child,
    pub told: Receiver<Value>,
    pub log: Arc<Mutex<String>>,
}

impl Watch {
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(WATCH)
            .args(args)
            .env("RUST_LOG", "debug")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (tell, told) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let object = serde_json::from_str(&line).expect("one object a line");
                if tell.send(object).is_err() {
                    return;
                }
            }
        });
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut kept = kept.lock().expect("nobody panics here");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Self { child, told, log }
    }

    /// The next thing told for which this holds.
    pub fn told(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut others = Vec::new();
        for _ in 0..1_000 {
            match self.told.recv_timeout(Duration::from_secs(20)) {
                Ok(notice) if holds(&notice) => return notice,
                Ok(notice) => others.push(notice["summary"].clone()),
                Err(_) => break,
            }
        }
        panic!("{what} was not told, but {others:#?}\n{}", self.said());
    }

    /// What it logged by now.
    pub fn said(&self) -> String {
        self.log.lock().expect("nobody panics here").clone()
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        // SAFETY: a signal to our own child, which has not been waited for yet.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        self.child.wait().expect("our own child")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Values about a level that a test moves: never twice the same, and never far off.
#[derive(Default)]
pub struct Level {
    level: AtomicU32,
    turn: AtomicU32,
}

impl Level {
    pub fn set(&self, level: u32) {
        self.level.store(level, Ordering::Relaxed);
    }

    pub fn value(&self) -> f64 {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let jitter = f64::from(turn.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        f64::from(self.level.load(Ordering::Relaxed)) + jitter
    }

    pub fn turns(&self) -> u32 {
        self.turn.load(Ordering::Relaxed)
    }
}
