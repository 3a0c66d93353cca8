//! Beside the programs people have: they send to us, we send to them, and they die meanwhile.

mod common;
mod relay_common;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::peer;
use relay_common::{Daemon, Relay, all_there, free_port, rsyslogd, send_lines, syslog_ng, until};

const COUNT: u64 = 2_000;

fn to_file(path: &Path) -> String {
    format!("all=file:{}", path.display())
}

/// A relay that listens on TCP and RELP and writes to `all.jsonl`.
fn receiver(folder: &Path) -> Relay {
    let to = to_file(&folder.join("all.jsonl"));
    Relay::start(folder, &["--tcp", "127.0.0.1:0", "--relp", "127.0.0.1:0", "--to", &to])
}

#[test]
fn logger_over_every_transport() {
    let Some(_) = peer("logger") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("log");
    let to = to_file(&folder.path().join("all.jsonl"));
    let relay = Relay::start(
        folder.path(),
        &[
            "--udp",
            "127.0.0.1:0",
            "--tcp",
            "127.0.0.1:0",
            "--to",
            &to,
            "--unix",
            &socket.display().to_string(),
        ],
    );
    let port = |transport| relay.address(transport).port().to_string();
    let local = socket.display().to_string();
    let (udp, tcp) = (port("udp"), port("tcp"));
    for (number, args) in [
        &["-n", "127.0.0.1", "-d", "-P", &udp][..],
        &["-n", "127.0.0.1", "-d", "-P", &udp, "--rfc3164"],
        &["-n", "127.0.0.1", "-T", "-P", &tcp],
        &["-n", "127.0.0.1", "-T", "-P", &tcp, "--octet-count", "--rfc5424"],
        &["-n", "127.0.0.1", "-T", "-P", &tcp, "--rfc3164"],
        &["-u", &local],
    ]
    .into_iter()
    .enumerate()
    {
        let status = Command::new("logger")
            .args(args)
            .args(["-p", "auth.crit", "-t", "tag", &format!("number={number}.")])
            .status();
        assert!(status.expect("it runs").success(), "{args:?}");
    }
    until("all six", || all_there(&folder.path().join("all.jsonl"), 6));
    relay.stop();
    for line in common::json_lines(&folder.path().join("all.jsonl")) {
        assert_eq!((&line["facility"], &line["severity"]), (&"auth".into(), &"crit".into()));
        assert_eq!(line["appname"], "tag", "{line}");
        assert!(line["error"].is_null(), "{line}");
    }
}

#[test]
fn rsyslog_sends_lines_counted_frames_and_relp() {
    for (action, transport) in [
        (r#"type="omfwd" protocol="tcp""#, "tcp"),
        (r#"type="omfwd" protocol="tcp" tcp_framing="octet-counted""#, "tcp"),
        (r#"type="omrelp""#, "relp"),
    ] {
        let Some(mut program) = peer("rsyslogd") else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let relay = receiver(folder.path());
        let (port, to) = (free_port(), relay.address(transport).port());
        let conf = format!(
            "module(load=\"imptcp\")\nmodule(load=\"omrelp\")\n\
             input(type=\"imptcp\" port=\"{port}\" address=\"127.0.0.1\")\n\
             action({action} target=\"127.0.0.1\" port=\"{to}\" \
             template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\")\n"
        );
        let _sender = rsyslogd(&mut program, &folder.path().join("sender"), &conf, port);
        send_lines(port, 0..COUNT);
        let file = folder.path().join("all.jsonl");
        until(action, || all_there(&file, COUNT));
        relay.stop();
        assert_eq!(relay_common::numbers(&file).len() as u64, COUNT, "each once");
    }
}

#[test]
fn syslog_ng_sends_lines_and_counted_frames() {
    for driver in [
        "network(\"127.0.0.1\" port(@) transport(tcp) flags(syslog-protocol))",
        "syslog(\"127.0.0.1\" port(@) transport(tcp))",
    ] {
        let Some(mut program) = syslog_ng("syslog-ng") else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let relay = receiver(folder.path());
        let (port, to) = (free_port(), relay.address("tcp").port().to_string());
        let conf = format!(
            "@version: 3.35\nsource s {{ network(ip(127.0.0.1) port({port}) flags(syslog-protocol)); }};\n\
             destination d {{ {}; }};\nlog {{ source(s); destination(d); }};\n",
            driver.replace('@', &to)
        );
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("ng.conf"), conf).expect("room");
        let child = program
            .args(["-F", "--no-caps", "-f"])
            .arg(path("ng.conf"))
            .arg("-p")
            .arg(path("ng.pid"))
            .arg("-R")
            .arg(path("ng.persist"))
            .arg("-c")
            .arg(path("ng.ctl"))
            .spawn();
        let _sender = Daemon(child.expect("it starts"));
        relay_common::wait_for(port);
        send_lines(port, 0..COUNT);
        until(driver, || all_there(&path("all.jsonl"), COUNT));
        relay.stop();
    }
}

#[test]
fn loggen_sends_on_several_connections() {
    let Some(mut program) = syslog_ng("loggen") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let relay = receiver(folder.path());
    let port = relay.address("tcp").port().to_string();
    let output = program
        .args(["--inet", "--stream", "--rate", "5000", "--number", "1000", "--size", "256"])
        .args(["--active-connections", "3", "127.0.0.1", &port])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", common::said(&output));
    let file = folder.path().join("all.jsonl");
    let lines = || std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
    until("three thousand", || lines() >= 3000);
    relay.stop();
    assert_eq!(lines(), 3000);
}

#[test]
fn rsyslog_takes_our_streams() {
    for options in ["", "?framing=lf"] {
        let Some(mut program) = peer("rsyslogd") else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let (port, file) = (free_port(), folder.path().join("upstream.log"));
        let conf = format!(
            "module(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\")\n\
             action(type=\"omfile\" file=\"{}\" template=\"RSYSLOG_SyslogProtocol23Format\")\n",
            file.display()
        );
        let _upstream = rsyslogd(&mut program, &folder.path().join("upstream"), &conf, port);
        let to = format!("up=tcp://127.0.0.1:{port}{options}");
        let relay = Relay::start(folder.path(), &["--tcp", "127.0.0.1:0", "--to", &to]);
        send_lines(relay.address("tcp").port(), 0..COUNT);
        relay.stop();
        until(options, || all_there(&file, COUNT));
        assert_eq!(relay_common::numbers(&file).len() as u64, COUNT, "each once");
    }
}

#[test]
fn rsyslog_dies_and_comes_back_and_nothing_is_lost_over_relp() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, file) = (free_port(), folder.path().join("upstream.log"));
    // Everything in rsyslog happens before it answers: what it acknowledges it has written.
    let conf = format!(
        "main_queue(queue.type=\"direct\")\nmodule(load=\"imrelp\" ruleset=\"out\")\n\
         input(type=\"imrelp\" port=\"{port}\" address=\"127.0.0.1\")\n\
         ruleset(name=\"out\" queue.type=\"direct\") {{ action(type=\"omfile\" file=\"{}\" \
         template=\"RSYSLOG_SyslogProtocol23Format\" flushOnTXEnd=\"on\" queue.type=\"direct\") }}\n",
        file.display()
    );
    let upstream = || {
        let mut program = peer("rsyslogd")?;
        Some(rsyslogd(&mut program, &folder.path().join("upstream"), &conf, port))
    };
    let Some(mut running) = upstream() else { return };
    let to = format!("up=relp://127.0.0.1:{port}");
    let relay = Relay::start(folder.path(), &["--tcp", "127.0.0.1:0", "--to", &to]);
    let into = relay.address("tcp").port();
    let mut next = 0;
    for _ in 0..5 {
        send_lines(into, next..next + 4 * COUNT);
        next += 4 * COUNT;
        // In the middle of the delivery.
        drop(running);
        send_lines(into, next..next + COUNT);
        next += COUNT;
        running = upstream().expect("it was there before");
    }
    until("everything again", || all_there(&file, next));
    relay.stop();
}

#[test]
fn a_relay_behind_a_relay_dies_and_duplicates_have_the_same_key() {
    let (near, far) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let port = free_port();
    let (listen, file) = (format!("127.0.0.1:{port}"), far.path().join("all.jsonl"));
    let to_far = to_file(&file);
    let upstream = || Relay::start(far.path(), &["--relp", &listen, "--to", &to_far]);
    let mut running = upstream();
    let to = format!("up=relp://{listen}?format=json&window=1000");
    let relay = Relay::start(near.path(), &["--tcp", "127.0.0.1:0", "--to", &to, "--node", "near"]);
    let into = relay.address("tcp").port();
    let mut next = 0;
    for _ in 0..8 {
        send_lines(into, next..next + 4 * COUNT);
        next += 4 * COUNT;
        std::thread::sleep(Duration::from_millis(10));
        running.kill();
        running = upstream();
    }
    until("everything again", || all_there(&file, next));
    relay.stop();
    running.stop();
    let mut keys = HashMap::new();
    for line in common::json_lines(&file) {
        let sent: serde_json::Value = serde_json::from_str(line["message"].as_str().expect("text"))
            .expect("JSON as it was sent");
        let (text, key) = (sent["message"].to_string(), sent["key"].to_string());
        assert!(key.starts_with("\"near/"), "{key}");
        let before = keys.insert(text.clone(), key.clone());
        assert!(before.is_none_or(|before| before == key), "{text}");
    }
    assert_eq!(keys.len() as u64, next);
}
