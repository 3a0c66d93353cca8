//! `recorder run` keeps the slow handshakes of an interface, all of them and nothing else.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{RECORDER, alone, is_root, json_lines, run, said, skipped};

fn recorder(port: u16, out: &Path, more: &[&str]) -> Child {
    let filter = format!("tcp port {port}");
    let mut command = Command::new(RECORDER);
    command.args(["run", "--interface", "lo", "--filter", &filter, "--out"]).arg(out).args(more);
    command.env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the recorder starts");
    // It is recording once its folder is there: the socket is opened before.
    for _ in 0..100 {
        if out.join("flights.jsonl").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

fn stop(child: Child) -> String {
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    let output = child.wait_with_output().expect("the recorder ends");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `/metrics` says.
fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the recorder serves metrics");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
}

#[test]
fn what_the_demo_recorded_of_itself_the_recorder_recorded_too() {
    let _alone = alone();
    if !is_root() {
        skipped("capturing from outside needs root here");
        return;
    }
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let (ours, theirs) = (folder.path().join("run"), folder.path().join("demo"));
    let metrics = format!("127.0.0.1:{}", free_port());
    let child =
        recorder(port, &ours, &["--metrics", &metrics, "--fanout", "2", "--snaplen", "handshakes"]);
    let mut demo = Command::new(RECORDER);
    demo.args(["demo", "--capture", "socket", "--seconds", "5", "--rate", "60", "--out"]);
    let output = run(demo.arg(&theirs).args(["--port", &port.to_string()]));
    assert!(output.status.success(), "{}", said(&output));
    let scraped = scrape(&metrics);
    let pushed = scraped.lines().find_map(|l| l.strip_prefix("ring_capture_pushed_records_total "));
    let pushed: u64 = pushed.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{scraped}"));
    assert!(pushed > 1_000, "{scraped}");
    let printed = stop(child);
    let clients = |out: &Path| {
        let lines = json_lines(&out.join("flights.jsonl"));
        let mut clients: Vec<String> =
            lines.iter().map(|line| line["client"].to_string()).collect();
        clients.sort();
        clients
    };
    assert_eq!(clients(&ours), clients(&theirs));
    assert_eq!(printed.lines().count(), clients(&ours).len(), "each flight is a line on stdout");
    for line in json_lines(&ours.join("flights.jsonl")) {
        assert!(ours.join(line["file"].as_str().expect("a name")).exists());
    }
}

#[test]
fn a_message_by_syslog_asks_for_a_flow() {
    let _alone = alone();
    if !is_root() {
        skipped("capturing from outside needs root here");
        return;
    }
    let (port, syslog) = (free_port(), free_port());
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let address = format!("127.0.0.1:{syslog}");
    // No handshake is slow enough by itself.
    let child = recorder(port, &out, &["--syslog", &address, "--slow", "1h"]);
    let demo = folder.path().join("demo");
    let output = run(Command::new(RECORDER)
        .args(["demo", "--capture", "socket", "--seconds", "5", "--rate", "60", "--out"])
        .arg(&demo)
        .args(["--port", &port.to_string()]));
    assert!(output.status.success(), "{}", said(&output));
    let wanted = json_lines(&demo.join("flights.jsonl")).remove(0);
    let text = |name: &str| wanted[name].as_str().expect("a string").to_owned();
    let message = format!(
        "<134>1 - edge proxy - - [tls@32473 client=\"{}\" server=\"{}\" start_ns=\"{}\" total=\"{}\"] slow\n",
        text("client"),
        text("server"),
        wanted["start_ns"],
        wanted["phases"]["total"],
    );
    let mut stream = TcpStream::connect(&address).expect("the recorder listens");
    stream.write_all(message.as_bytes()).expect("it takes messages");
    drop(stream);
    let lines = out.join("flights.jsonl");
    for _ in 0..100 {
        if std::fs::metadata(&lines).is_ok_and(|file| file.len() > 0) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    stop(child);
    let flights = json_lines(&lines);
    assert_eq!(flights.len(), 1);
    assert_eq!(flights[0]["client"], wanted["client"]);
    assert_eq!(flights[0]["verdict"], "client");
}

#[test]
fn a_wrong_filter_or_interface_is_one_line() {
    let out = tempfile::tempdir().expect("a folder");
    let bad = ["run", "--interface", "lo", "--filter", "tcp prot 443", "--out"];
    let output = run(Command::new(RECORDER).args(bad).arg(out.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("did you mean `port`?"), "{}", said(&output));
    let bad = ["run", "--interface", "nosuchif0", "--out"];
    let output = run(Command::new(RECORDER).args(bad).arg(out.path()));
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("nosuchif0") || text.contains("CAP_NET_RAW"), "{text}");
}
