//! What `recorder run` listens to and reports to besides packets: the journal, a webhook, a file of
//! settings, a disk that is full.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{RECORDER, alone, is_root, json_lines, run, said, skipped};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
}

fn start(command: &mut Command, out: &Path) -> Child {
    command.env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the recorder starts");
    wait_until("the recorder records", || out.join("flights.jsonl").exists());
    child
}

fn stop(child: Child) -> Output {
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    let output = child.wait_with_output().expect("the recorder ends");
    assert!(output.status.success(), "{}", said(&output));
    output
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The recorder on loopback, for one port.
fn record(port: u16, out: &Path) -> Command {
    let mut command = Command::new(RECORDER);
    let filter = format!("tcp port {port}");
    command.args(["run", "--interface", "lo", "--filter", &filter, "--out"]).arg(out);
    command
}

/// Handshakes, some of them slow, through this port.
fn traffic(port: u16, out: &Path, seconds: u32) {
    let (port, seconds) = (port.to_string(), seconds.to_string());
    let output = run(Command::new(RECORDER)
        .args(["demo", "--capture", "socket", "--rate", "60", "--seconds", &seconds, "--out"])
        .arg(out)
        .args(["--port", &port]));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn an_entry_of_the_journal_asks_for_a_flow() {
    let _alone = alone();
    if !is_root() {
        skipped("capturing from outside needs root here");
        return;
    }
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let (out, demo) = (folder.path().join("run"), folder.path().join("demo"));
    // In the place of journalctl: what it was called with, then whatever is put into a file.
    let (program, entries) = (folder.path().join("journalctl"), folder.path().join("entries"));
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {0}.called\nwhile ! [ -s {0} ]; do sleep 0.1; done\ncat {0}\nexec sleep 60\n",
        entries.display()
    );
    std::fs::write(&program, script).expect("room");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("our own");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let child =
        start(record(port, &out).args(["--journal", "--slow", "1h"]).env("PATH", path), &out);
    traffic(port, &demo, 5);
    let wanted = json_lines(&demo.join("flights.jsonl")).remove(0);
    let entry = serde_json::json!({
        "__CURSOR": "s=1", "MESSAGE": "slow",
        "TLS_CLIENT": wanted["client"], "TLS_SERVER": wanted["server"],
        "TLS_START_NS": wanted["start_ns"].to_string(),
        "TLS_TOTAL": wanted["phases"]["total"].to_string(),
    });
    std::fs::write(&entries, format!("{entry}\n")).expect("room");
    let lines = out.join("flights.jsonl");
    wait_until("a flight", || std::fs::metadata(&lines).is_ok_and(|file| file.len() > 0));
    stop(child);
    assert_eq!(json_lines(&lines)[0]["client"], wanted["client"]);
    let called = std::fs::read_to_string(folder.path().join("entries.called")).expect("called");
    assert!(called.contains("--follow") && called.contains("--since=now"), "{called}");
}

#[test]
fn a_change_across_clients_is_one_post() {
    let _alone = alone();
    if !is_root() {
        skipped("capturing from outside needs root here");
        return;
    }
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let hook = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/alerts", hook.local_addr().expect("bound"));
    let (posted, posts) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in hook.incoming().flatten() {
            let _ = posted.send(read_post(&mut stream));
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    let out = folder.path().join("run");
    let flags = ["--alert", &url, "--alert-window", "250ms", "--slow", "1h"];
    let child = start(record(port, &out).args(flags), &out);
    traffic(port, &folder.path().join("demo"), 20);
    let output = stop(child);
    let posts: Vec<_> = posts.try_iter().collect();
    let firing: Vec<_> = posts.iter().filter(|post| post["status"] == "firing").collect();
    assert_eq!(firing.len(), 1, "{posts:#?}\n{}", said(&output));
    let summary = firing[0]["summary"].as_str().expect("a sentence");
    assert!(summary.contains("idle=\"client\"") || summary.contains("client"), "{summary}");
}

fn read_post(stream: &mut TcpStream) -> serde_json::Value {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn settings_come_from_a_file_and_mistakes_in_it_are_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("recorder.toml");
    let recorder = |text: &str| {
        std::fs::write(&config, text).expect("room");
        run(Command::new(RECORDER).args(["run", "--config"]).arg(&config))
    };
    let output = recorder("interface = 'lo'\nout = '/tmp/x'\nquotta = '1GiB'\n");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("unknown key `quotta`; did you mean `quota`?"),
        "{}",
        said(&output)
    );
    let output = recorder("interface = 'nosuchif0'\nout = '/tmp/x'\nslow = 'soon'\n");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("'soon'") || said(&output).contains("soon"),
        "{}",
        said(&output)
    );
    let output = recorder("filter = 'tcp prot 443'\n[run]\ninterface = 'lo'\nout = '/tmp/x'\n");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("did you mean `port`?"), "{}", said(&output));
}

#[test]
fn a_full_disk_stops_the_writing_and_nothing_else() {
    let _alone = alone();
    if !is_root() {
        skipped("capturing from outside needs root here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("small");
    std::fs::create_dir(&out).expect("room");
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "none"]).arg(&out).status();
    if !mount.is_ok_and(|status| status.success()) {
        skipped("no tmpfs can be mounted here");
        return;
    }
    let _unmount = Unmount(&out);
    let port = free_port();
    let metrics = format!("127.0.0.1:{}", free_port());
    let child = start(record(port, &out).args(["--metrics", &metrics, "--quota", "64MiB"]), &out);
    let filler = out.join("filler");
    // All but a page: neither a flight nor its line finds room.
    let full = std::fs::File::create(&filler).expect("a file").write_all(&vec![7; 1 << 20]);
    assert!(full.is_err(), "512 KiB are not a mebibyte");
    traffic(port, &folder.path().join("demo"), 5);
    let scraped = scrape(&metrics);
    assert!(scraped.contains("ring_capture_disk_full 1"), "{scraped}");
    std::fs::remove_file(&filler).expect("our own");
    // It rests up to eight seconds by now; then what comes is written again.
    let lines = out.join("flights.jsonl");
    let mut rounds = 0;
    wait_until("a flight", || {
        rounds += 1;
        traffic(port, &folder.path().join(format!("demo{rounds}")), 5);
        std::fs::metadata(&lines).is_ok_and(|file| file.len() > 0)
    });
    let output = stop(child);
    let said = said(&output);
    assert_eq!(said.matches("the disk is full").count(), 1, "one line, not a loop: {said}");
    let names = std::fs::read_dir(&out).expect("a folder").flatten();
    let partial = names.filter(|entry| entry.file_name().to_string_lossy().ends_with(".partial"));
    assert_eq!(partial.count(), 0, "nothing half done stays");
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the recorder serves metrics");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
