//! Real handshakes cut at every byte give the same report: those that rustls makes here and now, and those
//! of the corpora (which need `POPKIT_CORPORA`).

#![cfg(all(feature = "passive", feature = "tokio"))]

mod common;
#[path = "common/rustls_flights.rs"]
mod rustls_flights;

use std::{collections::BTreeMap, fs, io::Write as _, path::PathBuf};

use common::{
    capture,
    wire::{From, MS, Play},
};
use rustls::version::{TLS12, TLS13};
use rustls_flights::{Kind, flights};
use tls_probe::{
    Config, LinkType, Outcome, Report, Side,
    connection::{Connection, Segment},
    link::decode,
};

/// A segment with its bytes, so that it can be cut.
struct Sent {
    at_ns: u64,
    side: Side,
    sequence: u32,
    acknowledgement: Option<u32>,
    flags: [bool; 3],
    payload: Vec<u8>,
    length: usize,
    stamp: [u16; 3],
}

impl Sent {
    fn part(&self, from: usize, to: usize) -> Segment<'_> {
        let [syn, fin, rst] = self.flags;
        let last = to == self.payload.len();
        Segment {
            sequence: self.sequence.wrapping_add(from as u32),
            acknowledgement: self.acknowledgement,
            syn: syn && from == 0,
            fin: fin && last,
            rst: rst && last,
            payload: &self.payload[from..to],
            length: if last { self.length - from } else { to - from },
            stamp: self.stamp,
        }
    }
}

/// The report of a connection of which every segment is cut into parts of `size` bytes; with `first`, only
/// the first cut is made.
fn cut(sent: &[Sent], size: usize, first: bool) -> Report {
    let mut connection = Connection::new(&Config::default());
    for segment in sent {
        let (mut from, whole) = (0, segment.payload.len());
        loop {
            let to = if first && from > 0 { whole } else { whole.min(from + size) };
            connection.segment(segment.at_ns, segment.side, &segment.part(from, to));
            from = to;
            if from == whole || connection.handshake().outcome().is_some() {
                break;
            }
        }
        if connection.handshake().outcome().is_some() {
            break;
        }
    }
    connection.into_handshake().report(None, None)
}

/// What does not depend on how the stream was cut into packets.
fn gist(report: &Report) -> String {
    let Report { server_name, version, cipher, alpn, outcome, verdict, phases, idle, .. } = report;
    let messages = (report.client_messages, report.server_messages);
    let marks = (report.resumed, report.retried, report.alert, report.missing_bytes, report.rtt);
    let prints = (&report.ja3, &report.ja4, report.plaintext);
    format!(
        "{server_name:?} {version:?} {cipher:?} {alpn:?} {outcome:?} {verdict:?} {phases:?} {idle:?} \
         {messages:?} {marks:?} {prints:?}"
    )
}

/// A first cut at every byte of the longest segment (at every so manieth where the segments are very
/// many), then parts of a few sizes.
fn same_however_cut(sent: &[Sent], note: &str) -> Report {
    let longest = sent.iter().map(|segment| segment.payload.len()).max().unwrap_or(0);
    let whole = cut(sent, usize::MAX, false);
    let want = gist(&whole);
    for at in (1..longest).step_by(1 + sent.len() / 60) {
        assert_eq!(gist(&cut(sent, at, true)), want, "{note}: cut at {at}");
    }
    for size in [1, 2, 5, 17] {
        assert_eq!(gist(&cut(sent, size, false)), want, "{note}: in parts of {size}");
    }
    whole
}

#[test]
fn handshakes_of_rustls() {
    for (version, kind) in [
        (&TLS12, Kind::Full),
        (&TLS12, Kind::ClientCertificate),
        (&TLS12, Kind::Resumed),
        (&TLS13, Kind::Full),
        (&TLS13, Kind::ClientCertificate),
        (&TLS13, Kind::Resumed),
        (&TLS13, Kind::Retried),
    ] {
        let note = format!("{version:?} {kind:?}");
        let mut sequences = [1000_u32, u32::MAX - 1500];
        let mut sent = Vec::new();
        for (number, bytes) in flights(version, kind).into_iter().enumerate() {
            let side = if number % 2 == 0 { Side::Client } else { Side::Server };
            let sequence = sequences[side as usize];
            sequences[side as usize] = sequence.wrapping_add(bytes.len() as u32);
            let acknowledgement = Some(sequences[side.other() as usize]);
            let at_ns = (number as u64 + 1) * 30 * MS;
            let length = bytes.len();
            let (flags, stamp) = ([false; 3], [1, number as u16, 0]);
            let payload = bytes;
            sent.push(Sent {
                at_ns,
                side,
                sequence,
                acknowledgement,
                flags,
                payload,
                length,
                stamp,
            });
        }
        let report = same_however_cut(&sent, &note);
        assert_eq!(report.outcome, Outcome::Established, "{note} {report:#?}");
        assert_eq!(report.resumed, kind == Kind::Resumed, "{note}");
        assert_eq!(report.retried, kind == Kind::Retried, "{note}");
        assert_eq!(report.server_name.as_deref(), Some("edge.test"), "{note}");
    }
}

#[test]
fn handshakes_of_the_corpora() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return;
    };
    let folder = PathBuf::from(corpora).join("tls");
    let mut handshakes = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of captures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|kind| kind == "pcap") {
            let connections = connections(&fs::read(&path).expect("a capture"));
            handshakes.extend(connections.into_iter().map(|sent| (path.clone(), sent)));
        }
    }
    let established = |(path, sent): &&(PathBuf, Vec<Sent>)| {
        let report = same_however_cut(sent, &path.display().to_string());
        report.outcome == Outcome::Established
    };
    let compared = handshakes.iter().filter(established).count();
    assert!(compared > 30, "{compared} handshakes were compared");
}

/// The segments of each connection that begins with a SYN, up to the end of its handshake.
fn connections(file: &[u8]) -> Vec<Vec<Sent>> {
    let mut out: BTreeMap<_, Vec<Sent>> = BTreeMap::new();
    let mut over: BTreeMap<_, Connection> = BTreeMap::new();
    for packet in capture::packets(file) {
        let link = LinkType::of(packet.link).expect("a link type we know");
        let Some(frame) = decode(link, &packet.bytes, packet.original_len) else { continue };
        let (source, destination, segment) = (frame.source, frame.destination, frame.segment);
        let begins = segment.syn && segment.acknowledgement.is_none();
        let side = if begins || out.contains_key(&(source, destination)) {
            Side::Client
        } else if out.contains_key(&(destination, source)) {
            Side::Server
        } else {
            continue;
        };
        let ends = if side == Side::Client { (source, destination) } else { (destination, source) };
        let followed = over.entry(ends).or_insert_with(|| Connection::new(&Config::default()));
        if followed.handshake().outcome().is_some() {
            continue;
        }
        followed.segment(packet.at_ns, side, &segment);
        out.entry(ends).or_default().push(Sent {
            at_ns: packet.at_ns,
            side,
            sequence: segment.sequence,
            acknowledgement: segment.acknowledgement,
            flags: [segment.syn, segment.fin, segment.rst],
            payload: segment.payload.to_vec(),
            length: segment.length,
            stamp: segment.stamp,
        });
    }
    out.into_values().collect()
}

/// The same through frames and a table: what the fuzzer's seeds are, too.
#[test]
fn the_table_reads_rustls_as_the_connection_does() {
    let mut play = Play::connected(Config::default(), 10 * MS);
    for (number, bytes) in flights(&TLS13, Kind::Full).iter().enumerate() {
        let from = if number % 2 == 0 { From::C } else { From::S };
        for part in bytes.chunks(1_400) {
            play.data((20 + 10 * number as u64) * MS, from, part);
        }
    }
    play.table.finish();
    assert_eq!(play.report().outcome, Outcome::Established);
}
