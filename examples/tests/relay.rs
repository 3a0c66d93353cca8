//! The binary as its users see it: options, signals, metrics, privileges.

mod common;
mod relay_common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use common::{is_root, run, said, skipped};
use relay_common::{RELAY, Relay, free_port, numbers, send_lines, signal, until};

#[test]
fn a_wrong_command_line_is_exit_2_and_says_what_would_be_right() {
    let base = ["--tcp", "127.0.0.1:0", "--spool", "/nowhere", "--to", "a=file:x"];
    for (args, says) in [
        (&[][..], "--spool"),
        (&["--to", "b"], "NAME=URL"),
        (&["--to", "A=file:x"], "a-z"),
        (&["--to", "b=ftp://x"], "relp://"),
        (&["--to", "b=tcp://host"], "HOST:PORT"),
        (&["--to", "b=file:x?rotate=often"], "100MiB"),
        (&["--to", "b=relp://h:1?size=3"], "window"),
        (&["--to", "a=file:y"], "two sinks"),
        (&["--route", "severity -> a"], "expected `=`"),
        (&["--route", "all -> c"], "no --to names"),
        (&["--tls", "127.0.0.1:0"], "--cert"),
        (&["--udp", "localhost"], "a port of 127.0.0.1"),
        (&["--zone", "Berlin"], "+01:00"),
        (&["--allow", "10.0.0.0/99"], "prefix"),
        (&["--unix-mode", "999"], "octal"),
    ] {
        let given =
            if args.is_empty() { vec!["--tcp", "127.0.0.1:0"] } else { [&base[..], args].concat() };
        let output = run(Command::new(RELAY).args(given));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(says), "{args:?}: {}", said(&output));
    }
    let output = run(Command::new(RELAY).args(["--spool", "/nowhere", "--to", "a=file:x"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("nothing to listen on"), "{}", said(&output));
}

#[test]
fn what_cannot_be_opened_is_exit_1_with_cause_and_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool").display().to_string();
    let to = format!("a=file:{}", folder.path().join("all").display());
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = busy.local_addr().expect("bound").to_string();
    let missing = format!("a=file:{}/no/such/folder", folder.path().display());
    let _holder = Relay::start(folder.path(), &["--tcp", "127.0.0.1:0", "--to", &to]);
    let other = folder.path().join("other").display().to_string();
    for (args, says) in [
        (["--tcp", "127.0.0.1:0", "--spool", &spool, "--to", &to], "another relay uses this spool"),
        (["--tcp", "127.0.0.1:0", "--spool", &other, "--to", &missing], "make its folder first"),
        (["--tcp", "192.0.2.1:5140", "--spool", &other, "--to", &to], "choose an address"),
        (
            ["--tcp", "127.0.0.1:0", "--spool", "/proc/x", "--to", &to],
            "cannot use the spool /proc/x",
        ),
    ] {
        let output = run(Command::new(RELAY).args(args));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", said(&output));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("relay: ")).collect();
        assert!(matches!(lines[..], [line] if line.contains(says)), "{text}");
    }
    drop(busy);
}

#[test]
fn hang_up_opens_files_again_and_the_end_drains() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, aside) = (folder.path().join("all.jsonl"), folder.path().join("aside"));
    let to = format!("all=file:{}", file.display());
    let relay = Relay::start(folder.path(), &["--tcp", "127.0.0.1:0", "--to", &to]);
    let port = relay.address("tcp").port();
    send_lines(port, 0..10);
    until("ten lines", || numbers(&file).len() == 10);
    std::fs::rename(&file, &aside).expect("our own file");
    signal(&relay.child, libc::SIGHUP);
    // The signal may come after what follows it.
    let mut next = 10;
    until("a new file", || {
        send_lines(port, next..next + 1);
        next += 1;
        file.exists()
    });
    send_lines(port, next..next + 1000);
    relay.stop();
    let mut all = [numbers(&aside), numbers(&file)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..next + 1000).collect::<Vec<_>>());
}

#[test]
fn metrics_and_the_service_manager_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let notify = folder.path().join("notify");
    let manager = UnixDatagram::bind(&notify).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let metrics = format!("127.0.0.1:{}", free_port());
    let dead = free_port();
    let mut child = Command::new(RELAY)
        .args(["--tcp", "127.0.0.1:0", "--metrics", &metrics, "--drain", "100ms", "--spool"])
        .arg(folder.path().join("spool"))
        .args(["--to", &format!("up=tcp://127.0.0.1:{dead}")])
        .env("NOTIFY_SOCKET", &notify)
        .spawn()
        .expect("it starts");
    let mut said = [0; 64];
    let mut hear =
        || manager.recv(&mut said).map(|n| String::from_utf8_lossy(&said[..n]).into_owned());
    assert_eq!(hear().expect("in time"), "READY=1");
    let mut text = String::new();
    until("a page of metrics", || {
        text.clear();
        let Ok(mut stream) = TcpStream::connect(&metrics) else { return false };
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let _ = stream.read_to_string(&mut text);
        text.contains("log_pipeline_lag_seconds")
    });
    for line in [
        "log_pipeline_lag_seconds{sink=\"up\"}",
        "log_pipeline_dropped_messages_total{reason=\"kernel\"} 0",
        "log_pipeline_sink_healthy{sink=\"up\"} 1",
        "# HELP log_pipeline_appended_messages_total",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    signal(&child, libc::SIGTERM);
    assert_eq!(hear().expect("in time"), "STOPPING=1");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn privileges_are_gone_once_the_sockets_are_open() {
    if !is_root() {
        return skipped("changing the user needs root");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    std::fs::create_dir(&spool).expect("a folder");
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everybody).expect("our own");
    std::os::unix::fs::chown(&spool, Some(65534), Some(65534)).expect("we are root");
    let binary = folder.path().join("relay");
    std::fs::copy(RELAY, &binary).expect("room");
    let file = folder.path().join("all.jsonl");
    let to = format!("all=file:{}", file.display());
    // Only root may listen below 1024.
    let socket = folder.path().join("log").display().to_string();
    let args = ["--unix", &socket, "--tcp", "127.0.0.1:0", "--to", &to, "--user", "nobody"];
    let relay = Relay::start(folder.path(), &args);
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", relay.child.id())).expect("it runs");
    for line in [
        "Uid:\t65534\t65534\t65534\t65534",
        "CapEff:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.contains(line), "{line} in {status}");
    }
    for task in std::fs::read_dir(format!("/proc/{}/task", relay.child.id())).expect("it runs") {
        let status = std::fs::read_to_string(task.expect("a thread").path().join("status"))
            .expect("it runs");
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    }
    send_lines(relay.address("tcp").port(), 0..10);
    until("ten lines", || numbers(&file).len() == 10);
    assert_eq!(std::fs::metadata(&file).expect("it is there").uid(), 65534);
    relay.stop();
    let output = run(Command::new(RELAY)
        .args(["--tcp", "127.0.0.1:0", "--to", &to, "--spool"])
        .arg(&spool)
        .args(["--user", "no such user"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no user is called"), "{}", said(&output));
}
