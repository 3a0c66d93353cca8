//! The instants of handshakes worked out of what tshark shows of a capture, to compare ours with.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use tls_probe::{Config, LinkType, Outcome, ProtocolVersion, Report, Table};

use super::capture;

/// A frame of one connection as tshark shows it.
#[derive(Debug)]
struct Row {
    at_ns: u64,
    from_client: bool,
    syn: bool,
    length: u32,
    messages: Vec<u8>,
    records: Vec<u8>,
}

/// The instants between the phases, worked out of tshark's fields.
#[derive(Debug)]
struct Instants {
    syn: Option<u64>,
    ack: Option<u64>,
    hello: u64,
    flight: u64,
    finished: u64,
}

impl Instants {
    fn of(rows: &[Row], tls13: bool) -> Option<Self> {
        let client = |row: &&Row| row.from_client;
        let syn = rows.iter().find(|row| row.syn && row.from_client).map(|row| row.at_ns);
        let answer = rows.iter().position(|row| row.syn && !row.from_client);
        let bare = |row: &&Row| row.from_client && !row.syn && row.length == 0;
        let ack = answer.and_then(|at| rows[at..].iter().find(bare)).map(|row| row.at_ns);
        let hello = rows.iter().filter(client).find(|row| row.messages.contains(&1))?.at_ns;
        // Not a HelloRetryRequest, after which the client says hello again.
        let again = |at: usize| rows[at..].iter().any(|r| r.from_client && r.messages.contains(&1));
        let chose = |at: &usize| !rows[*at].from_client && rows[*at].messages.contains(&2);
        let chose = (0..rows.len()).filter(chose).find(|at| !again(*at))?;
        let after =
            chose + rows[chose..].iter().position(|row| row.from_client && row.length > 0)?;
        let server = |row: &&Row| !row.from_client && row.length > 0;
        let flight = rows[..after].iter().rfind(server)?.at_ns;
        let mut encrypted = false;
        let finished = rows[after..].iter().filter(client).find(|row| {
            row.records.iter().any(|kind| {
                let finished = if tls13 { *kind == 23 } else { encrypted && *kind == 22 };
                encrypted |= *kind == 20;
                finished
            })
        })?;
        Some(Self { syn, ack, hello, flight, finished: finished.at_ns })
    }
}

fn tshark(file: &Path) -> Vec<Vec<Row>> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-d", "tcp.port==443,tls", "-r"]).arg(file);
    tshark.args(["-Y", "tcp", "-T", "fields", "-E", "separator=|"]);
    for field in [
        "tcp.stream",
        "frame.time_epoch",
        "tcp.srcport",
        "tcp.flags.syn",
        "tcp.flags.ack",
        "tcp.len",
        "tls.handshake.type",
        "tls.record.content_type",
        "tls.record.opaque_type",
    ] {
        tshark.args(["-e", field]);
    }
    let said = tshark.output().expect("tshark runs");
    let text = String::from_utf8(said.stdout).expect("fields are text");
    let mut streams = BTreeMap::<u32, (String, Vec<Row>)>::new();
    for line in text.lines() {
        let field: Vec<&str> = line.split('|').collect();
        let is = |at: usize| matches!(field[at], "1" | "True");
        let numbers = |at: usize| field[at].split(',').filter_map(|n| n.parse::<u8>().ok());
        let (seconds, fraction) = field[1].split_once('.').expect("a fraction");
        let at_ns = seconds.parse::<u64>().expect("seconds") * 1_000_000_000
            + fraction.parse::<u64>().expect("nanoseconds");
        let stream = streams.entry(field[0].parse().expect("a number")).or_default();
        if is(3) && !is(4) {
            field[2].clone_into(&mut stream.0);
        }
        stream.1.push(Row {
            at_ns,
            from_client: stream.0 == field[2],
            syn: is(3),
            length: field[5].parse().expect("a length"),
            messages: numbers(6).collect(),
            records: numbers(7).chain(numbers(8)).collect(),
        });
    }
    streams.into_values().map(|(_, rows)| rows).collect()
}

pub(crate) fn reports(file: &Path, config: &Config) -> Vec<Report> {
    let mut table = Table::new(config.clone());
    for packet in capture::packets(&fs::read(file).expect("a capture")) {
        let Some(link) = LinkType::of(packet.link) else { continue };
        table.packet(packet.at_ns, link, &packet.bytes, packet.original_len);
    }
    table.finish();
    std::iter::from_fn(|| table.poll_report()).collect()
}

/// Compares every established handshake of a file that tshark dissects as one; says how many there were.
pub(crate) fn compare(file: &Path, config: &Config) -> usize {
    let streams = tshark(file);
    let mut compared = 0;
    for report in reports(file, config) {
        let spoken_before = report.plaintext.is_some() || report.early_data;
        if report.outcome != Outcome::Established || spoken_before {
            continue;
        }
        let tls13 = report.version.is_some_and(ProtocolVersion::is_tls13);
        let ours = |rows: &&Vec<Row>| rows[0].at_ns == report.start_ns;
        let stream = streams.iter().find(ours).and_then(|rows| Instants::of(rows, tls13));
        let Some(theirs) = stream else { continue };
        let phases = report.phases;
        let start = theirs.syn.unwrap_or(report.start_ns);
        let tcp = theirs.ack.unwrap_or(start);
        let near = |what: &str, ours: Option<Duration>, from: u64, to: u64| {
            let want = Duration::from_nanos(to - from);
            let off = ours.map(|ours| ours.abs_diff(want));
            assert!(
                off.is_some_and(|off| off <= Duration::from_micros(1)),
                "{}: {what} {ours:?} for {want:?}: {theirs:?} {report:#?}",
                file.display()
            );
        };
        if theirs.syn.is_some() && theirs.ack.is_some() {
            near("tcp", phases.tcp, start, tcp);
        }
        near("client_hello", phases.client_hello, tcp, theirs.hello);
        near("server_flight", phases.server_flight, theirs.hello, theirs.flight);
        near("client_flight", phases.client_flight, theirs.flight, theirs.finished);
        if tls13 || report.resumed {
            near("total", Some(phases.total), start, theirs.finished);
        }
        compared += 1;
    }
    compared
}
