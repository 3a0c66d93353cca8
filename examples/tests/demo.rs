//! `recorder demo` tells its story: live, without privileges, and from its own capture.

mod common;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{alone, for_everybody, is_root, json_lines, peer, run, said};
use serde_json::Value;

const LAGGING: &str = "coral.clients.popkit.test";

fn demo(binary: &Path, out: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["demo", "--seconds", "6", "--rate", "120", "--out"]).arg(out);
    command
}

/// The slow handshakes of a finished demo, each with its file.
fn flights(out: &Path) -> Vec<(PathBuf, Value)> {
    let lines = json_lines(&out.join("flights.jsonl"));
    lines.into_iter().map(|line| (out.join(line["file"].as_str().expect("a name")), line)).collect()
}

fn assert_told(output: &Output, out: &Path) {
    assert!(output.status.success(), "{}", said(output));
    let flights = flights(out);
    assert!(!flights.is_empty());
    for (file, line) in &flights {
        assert!(file.exists(), "{}", file.display());
        let lags = line["client"].as_str().is_some_and(|client| client.starts_with("127.10.3."));
        if lags {
            assert_eq!(line["verdict"], "client", "{line}");
            let idle = line["idle"]["client"].as_f64().expect("seconds");
            assert!(idle > 0.25, "{line}");
        }
    }
    let on_disk = std::fs::read_dir(out).expect("the folder").filter_map(Result::ok);
    let names = on_disk.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let (files, partial): (Vec<_>, Vec<_>) =
        names.filter(|n| n.contains(".pcapng")).partition(|n| n.ends_with(".pcapng"));
    assert_eq!(files.len(), flights.len());
    assert!(partial.is_empty(), "{partial:?}");
    let raised: Vec<Value> = json_lines(&out.join("alerts.jsonl"))
        .into_iter()
        .filter(|event| event["event"] == "raised")
        .collect();
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert!(raised[0].to_string().contains(LAGGING), "{raised:?}");
    let logged = json_lines(&out.join("slow.jsonl"));
    assert_eq!(logged.len(), flights.len());
    assert_eq!(logged[0]["protocol"], "rfc5424");
}

#[test]
fn it_happens_with_what_is_permitted_here_and_tshark_agrees() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let output = run(&mut demo(Path::new(common::RECORDER), &out));
    assert_told(&output, &out);

    let (file, line) = flights(&out).into_iter().next().expect("at least one");
    let Some(mut tshark) = peer("tshark") else { return };
    let fields = ["frame.time_epoch", "tcp.stream", "tcp.len", "ip.src", "frame.comment"];
    tshark.arg("-r").arg(&file).args(["-T", "fields", "-E", "separator=|"]);
    let read = run(tshark.args(fields.iter().flat_map(|field| ["-e", field])));
    assert!(read.status.success(), "{}", said(&read));
    let text = String::from_utf8_lossy(&read.stdout).into_owned();
    let packets: Vec<Vec<&str>> = text.lines().map(|l| l.splitn(5, '|').collect()).collect();
    assert_eq!(packets.len() as u64, line["packets"], "{text}");
    assert!(packets.iter().all(|p| p[1] == "0"), "one conversation: {text}");
    let commented: Vec<_> = packets.iter().filter(|p| !p[4].is_empty()).collect();
    assert_eq!(commented.len(), 1, "the verdict stands on one packet: {text}");
    let because = line["because"].as_str().expect("a sentence");
    assert!(commented[0][4].contains(because), "{text}");

    // The gap before the commented packet, by tshark's clock, is the client's idle time but for the
    // moments in which it said its SYN and its ClientHello.
    let seconds = |p: &Vec<&str>| p[0].parse::<f64>().expect("an epoch");
    let spoken = packets.iter().filter(|p| p[2] != "0").collect::<Vec<_>>();
    let at =
        spoken.iter().position(|p| !p[4].is_empty()).expect("the comment is on a packet with data");
    let gap = seconds(spoken[at]) - seconds(spoken[at - 1]);
    let idle = line["idle"]["client"].as_f64().expect("seconds");
    assert!((gap - idle).abs() < 0.05, "tshark sees a gap of {gap} s, we say {idle} s");
    assert!(spoken[at][3].starts_with("127.10.3."), "{text}");

    let Some(mut editcap) = peer("editcap") else { return };
    let read = run(editcap.arg(&file).arg(file.with_extension("copy")));
    assert!(read.status.success() && read.stderr.is_empty(), "{}", said(&read));
    let Some(mut capinfos) = peer("capinfos") else { return };
    let read = run(capinfos.arg(&file));
    assert!(read.status.success(), "{}", said(&read));
    assert!(String::from_utf8_lossy(&read.stdout).contains("verdict: client"), "{}", said(&read));
}

#[test]
fn it_happens_without_privileges() {
    let _alone = alone();
    let (folder, binary) = for_everybody();
    let out = folder.path().join("out");
    let mut command = demo(&binary, &out);
    if is_root() {
        // nobody, nogroup. From root, the new process has no capabilities left.
        command.gid(65_534).uid(65_534);
    }
    let output = run(&mut command);
    assert_told(&output, &out);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{}", text.lines().next().unwrap_or_default());
    assert!(text.contains("namespace of its own") || text.contains("replaying"), "{text}");
}

#[test]
fn it_happens_from_its_own_capture() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let output = run(demo(Path::new(common::RECORDER), &out).args(["--capture", "replay"]));
    assert_told(&output, &out);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("replaying a capture"), "{text}");
}
