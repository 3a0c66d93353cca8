//! Captures of real handshakes, against what tshark reads in them. Needs `POPKIT_CORPORA`.

#![cfg(feature = "passive")]

mod common;

use std::io::Write as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use common::capture;
use tls_probe::{Config, LinkType, Report, Table};

/// What a line of `expected.tsv` says of one handshake, its lines gathered by stream.
#[derive(Debug, Default)]
struct Stream {
    first_ns: u64,
    server_name: String,
    version: String,
    cipher: String,
    types: BTreeSet<u8>,
    ja3: String,
    server_hello: bool,
}

/// Streams on which we differ, each for a reason that was looked at.
const REVIEWED: &[&str] = &[
    // tshark lists no version for SSL 2.0 (whose message 2 is the ClientMasterKey, no ServerHello).
    "ssl-v2.pcap stream 0: version 0x0002 for ",
    // The Certificate comes in some four hundred records; tshark does not list it.
    "tls-fragmented-handshake.pcap stream 0: messages {1, 2, 11, 12, 14} for {1, 2, 12, 14}",
];

#[test]
fn handshakes_read_as_tshark_reads_them() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return;
    };
    let folder = PathBuf::from(corpora).join("tls");
    let (mut agree, mut reviewed) = (0, 0);
    let mut differ = Vec::new();
    for (file, streams) in expected(&folder) {
        let reports = replay(&folder.join(&file));
        for (stream, want) in streams {
            let near = |report: &&Report| starts_at(report, want.first_ns);
            let said = match reports.iter().find(near) {
                Some(report) => compare(report, &want),
                None => vec!["no report".to_owned()],
            };
            let said = format!("{file} stream {stream}: {}", said.join(", "));
            if said.ends_with(": ") {
                agree += 1;
            } else if REVIEWED.contains(&said.as_str()) {
                reviewed += 1;
            } else {
                differ.push(said);
            }
        }
    }
    println!("{agree} streams agree, {reviewed} differ as reviewed, {} differ", differ.len());
    assert!(agree > 0, "the corpora hold no streams");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// A report belongs to a stream if the hello tshark saw first lies on its timeline.
fn starts_at(report: &Report, first_ns: u64) -> bool {
    report.timeline.events().iter().any(|event| event.bytes > 0 && event.at_ns == first_ns)
}

fn compare(report: &Report, want: &Stream) -> Vec<String> {
    let mut out = Vec::new();
    let mut same = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            out.push(format!("{what} {ours} for {theirs}"));
        }
    };
    #[cfg(feature = "fingerprint")]
    same("JA3", report.ja3.clone().unwrap_or_default(), want.ja3.clone());
    same("name", report.server_name.clone().unwrap_or_default(), want.server_name.clone());
    if want.server_hello {
        let hex = |number: Option<u16>| number.map(|n| format!("{n:#06x}")).unwrap_or_default();
        same("version", hex(report.version.map(|v| v.0)), want.version.clone());
        same("cipher", hex(report.cipher.map(|c| c.0)), want.cipher.clone());
    }
    let ours: BTreeSet<u8> =
        report.client_messages.iter().chain(report.server_messages.iter()).collect();
    same("messages", format!("{ours:?}"), format!("{:?}", want.types));
    out
}

fn replay(file: &Path) -> Vec<Report> {
    let mut table = Table::new(Config::default());
    for packet in capture::packets(&fs::read(file).unwrap()) {
        let link = LinkType::of(packet.link).expect("a link type we know");
        table.packet(packet.at_ns, link, &packet.bytes, packet.original_len);
    }
    table.finish();
    std::iter::from_fn(|| table.poll_report()).collect()
}

fn expected(folder: &Path) -> BTreeMap<String, BTreeMap<u32, Stream>> {
    let mut out = BTreeMap::<String, BTreeMap<u32, Stream>>::new();
    for line in fs::read_to_string(folder.join("expected.tsv")).unwrap().lines().skip(1) {
        let field: Vec<&str> = line.split('\t').collect();
        let (seconds, fraction) = field[2].split_once('.').unwrap();
        let at_ns =
            seconds.parse::<u64>().unwrap() * 1_000_000_000 + fraction.parse::<u64>().unwrap();
        let stream = out.entry(field[0].to_owned()).or_default();
        let stream = stream.entry(field[3].parse().unwrap()).or_default();
        if stream.first_ns == 0 {
            stream.first_ns = at_ns;
        }
        let types: Vec<u8> = field[4].split(',').map(|kind| kind.parse().unwrap()).collect();
        if types[0] == 1 && stream.server_name.is_empty() {
            field[5].clone_into(&mut stream.server_name);
        }
        if types[0] == 1 && stream.ja3.is_empty() {
            field[9].clone_into(&mut stream.ja3);
        }
        if types[0] == 2 {
            stream.server_hello = true;
            let chosen = if field[7].is_empty() { field[6] } else { field[7] };
            chosen.clone_into(&mut stream.version);
            field[8].clone_into(&mut stream.cipher);
        }
        stream.types.extend(types);
    }
    out
}

#[test]
fn names_and_ja4_of_the_fingerprint_captures_agree() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return;
    };
    let folder = PathBuf::from(corpora).join("tls");
    let expected = fs::read_to_string(folder.join("ja4-expected.tsv")).unwrap();
    let mut seen = 0;
    for line in expected.lines().skip(1) {
        let field: Vec<&str> = line.split('\t').collect();
        let client = format!("{}:{}", field[2], field[3]);
        let server_name = Some(field[6]).filter(|name| !name.is_empty());
        let of_client = |report: &&Report| {
            let client_ends = report.client.map(|c| format!("{}:{}", c.ip(), c.port()));
            client_ends.as_deref() == Some(client.as_str())
        };
        let reports = replay(&folder.join(field[0]));
        let report = reports.iter().find(of_client).expect("a report of each stream");
        assert_eq!(report.server_name.as_deref(), server_name, "{line}");
        #[cfg(feature = "fingerprint")]
        assert_eq!(report.ja4.as_deref(), Some(field[7]), "{line}");
        seen += 1;
    }
    assert!(seen > 0, "the corpora hold no streams");
}
