//! `probe pcap` tells of every handshake in a capture, with tshark's times.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{peer, run, said};
use serde_json::Value;

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

fn asset() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.pcapng.gz")
}

fn handshakes(args: &[&str]) -> Vec<Value> {
    let output = run(Command::new(PROBE).arg("pcap").arg(asset()).args(args));
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
}

#[test]
fn every_handshake_is_one_object() {
    let all = handshakes(&[]);
    assert!(all.len() > 300, "{}", all.len());
    for handshake in &all {
        assert_eq!(handshake["outcome"], "established", "{handshake:#}");
        assert_eq!(handshake["ja3"].as_str().map(str::len), Some(32));
        assert_eq!(handshake["ja4"].as_str().map(str::len), Some(36));
    }
    let slow = handshakes(&["--slow", "200ms"]);
    assert!(!slow.is_empty() && slow.len() < all.len() / 2, "{} of {}", slow.len(), all.len());
    assert!(slow.iter().all(|handshake| handshake["verdict"] == "client"));
    assert!(handshakes(&["--server-port", "1"]).is_empty());
}

#[test]
fn phases_agree_with_tshark_to_a_microsecond() {
    let Some(mut tshark) = peer("tshark") else { return };
    let fields = [
        "tcp.stream",
        "frame.time_epoch",
        "tcp.flags.syn",
        "tcp.flags.ack",
        "tcp.len",
        "tcp.srcport",
        "ip.src",
        "tls.handshake.type",
    ];
    tshark.arg("-r").arg(asset()).args(["-Y", "tcp", "-T", "fields", "-E", "separator=|"]);
    let read = run(tshark.args(fields.iter().flat_map(|field| ["-e", field])));
    assert!(read.status.success(), "{}", said(&read));
    /// Instants of one stream, by tshark's clock.
    #[derive(Debug, Default)]
    struct Stream {
        client: String,
        syn: Option<u64>,
        ack: Option<u64>,
        hello: Option<u64>,
    }
    let mut streams = BTreeMap::<u32, Stream>::new();
    for line in String::from_utf8(read.stdout).expect("text").lines() {
        let field: Vec<&str> = line.split('|').collect();
        let (seconds, fraction) = field[1].split_once('.').expect("a fraction");
        let at_ns = seconds.parse::<u64>().expect("a number") * 1_000_000_000
            + fraction.parse::<u64>().expect("nanoseconds");
        let stream = streams.entry(field[0].parse().expect("a number")).or_default();
        let is = |flag: &str| matches!(flag, "1" | "True");
        match (is(field[2]), is(field[3]), field[4]) {
            (true, false, _) => {
                stream.client = format!("{}:{}", field[6], field[5]);
                stream.syn.get_or_insert(at_ns);
            }
            (false, true, "0") => drop(stream.ack.get_or_insert(at_ns)),
            _ if field[7].split(',').any(|kind| kind == "1") => {
                stream.hello.get_or_insert(at_ns);
            }
            _ => {}
        }
    }
    let mut compared = 0;
    for handshake in handshakes(&[]) {
        let client = handshake["client"].as_str().expect("an address");
        let stream = streams.values().find(|stream| stream.client == client);
        let Some(Stream { syn: Some(syn), ack: Some(ack), hello: Some(hello), .. }) = stream else {
            continue;
        };
        let start = handshake["start_ns"].as_u64().expect("an instant");
        let phase =
            |name: &str| (handshake["phases"][name].as_f64().expect("seconds") * 1e9) as u64;
        for (what, ours, theirs) in [
            ("start", start, *syn),
            ("tcp", start + phase("tcp"), *ack),
            ("client_hello", start + phase("tcp") + phase("client_hello"), *hello),
        ] {
            assert!(ours.abs_diff(theirs) <= 1_000, "{what}: {ours} for {theirs} in {handshake:#}");
        }
        compared += 1;
    }
    assert!(compared > 300, "{compared} handshakes were compared");
}

#[test]
fn a_reader_who_has_had_enough_is_no_error_and_a_missing_file_is_one_line() {
    let output = run(Command::new("sh").arg("-c").arg(format!(
        "{PROBE} pcap {} | head -1 > /dev/null; exit ${{PIPESTATUS:-0}}",
        asset().display()
    )));
    assert!(output.status.success(), "{}", said(&output));
    let output = run(Command::new(PROBE).args(["pcap", "nowhere.pcap"]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{}", said(&output));
}
