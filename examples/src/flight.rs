//! A recording becomes a flight: one pcapng file with the verdict, one line in `flights.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use ring_capture::pcapng::{Interface, Section, Statistics, Writer};
use ring_capture::{Quota, RecordedPacket, Recording, Store, StoreError, StoreStats};
use serde::Serialize;
use tls_probe::{Config, LinkType, Report, Table, What};

/// Where flights go.
#[derive(Debug)]
pub struct FlightFolder {
    store: Store,
    lines: File,
    /// `flights.jsonl` begins anew at this length; what was there is kept once, as `flights.1.jsonl`.
    max_lines_bytes: u64,
    capture: CaptureFacts,
}

/// What every file says of the capture it comes from.
#[derive(Clone, Debug, Default)]
pub struct CaptureFacts {
    /// The interface's name.
    pub interface: String,
    /// The filter in use, as text.
    pub filter: Option<String>,
    /// The server's port, where there is but one.
    pub server_port: Option<u16>,
    /// When the capture began: Unix nanoseconds.
    pub since_ns: u64,
}

/// Counts of the capture at the moment a flight is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaptureCounts {
    /// Packets seen.
    pub seen: u64,
    /// Packets the kernel dropped.
    pub dropped_by_kernel: u64,
    /// Packets the ring dropped.
    pub dropped_by_ring: u64,
}

/// A flight on disk.
#[derive(Debug)]
pub struct Flight {
    /// The file.
    pub path: PathBuf,
    /// What the packets in it say.
    pub report: Report,
    /// How many there are.
    pub packets: usize,
    /// Its line in `flights.jsonl`, without the line's end.
    pub line: String,
}

/// The line in `flights.jsonl`: the probe's object and three fields more.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    report: &'a Report,
    file: &'a str,
    packets: usize,
    trigger: &'a str,
}

impl FlightFolder {
    /// Opens the folder, making it if need be.
    ///
    /// # Errors
    ///
    /// When it cannot be made or written to.
    pub fn open(folder: &Path, quota: Quota, capture: CaptureFacts) -> Result<Self> {
        // Both files of lines are part of what the folder may hold.
        let max_lines_bytes = match quota.max_bytes {
            0 => u64::MAX,
            bytes => (bytes / 32).clamp(LEAST_LINES_BYTES, MOST_LINES_BYTES),
        };
        let lines_bytes = max_lines_bytes.saturating_mul(2);
        let files = Quota { max_bytes: quota.max_bytes.saturating_sub(lines_bytes), ..quota };
        let files = if quota.max_bytes == 0 { quota } else { files };
        let store = Store::open(folder, files, is_flight)
            .with_context(|| format!("cannot use the folder {}", folder.display()))?;
        let path = folder.join("flights.jsonl");
        let lines = OpenOptions::new().create(true).append(true).open(&path);
        let lines = lines.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { store, lines, max_lines_bytes, capture })
    }

    /// What was written, and what the folder holds.
    pub fn stats(&self) -> StoreStats {
        self.store.stats()
    }

    /// Begins `flights.jsonl` anew when it is long.
    fn rotate_lines(&mut self) -> io::Result<()> {
        if self.lines.metadata()?.len() < self.max_lines_bytes {
            return Ok(());
        }
        let [path, older] =
            ["flights.jsonl", "flights.1.jsonl"].map(|n| self.store.folder().join(n));
        std::fs::rename(&path, older)?;
        self.lines = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(())
    }

    /// Judges a recording and writes it. `name_of` names addresses for the file's readers.
    ///
    /// `None`, and nothing written, when there is no handshake among its packets: the ring no longer
    /// reached back to them, or the trigger was about something else.
    ///
    /// # Errors
    ///
    /// What the disk says; that it is full is a [`StoreError`] in the chain.
    pub fn write(
        &mut self,
        recording: &Recording,
        counts: CaptureCounts,
        name_of: impl Fn(IpAddr) -> String,
    ) -> Result<Option<Flight>> {
        let flow = recording.trigger.flow;
        let Some(report) = judge(&recording.packets, self.capture.server_port) else {
            let packets = recording.packets.len();
            tracing::warn!(%flow, packets, "no handshake among the packets of a flow: not written");
            return Ok(None);
        };
        let name = file_name(&report);
        let Self { store, capture, .. } = self;
        let shown = store.folder().join(&name);
        let path = store
            .write(SystemTime::now(), &name, |out| {
                pcapng(out, capture, recording, &report, counts, name_of)
            })
            .with_context(|| format!("cannot write {}", shown.display()))?;
        let packets = recording.packets.len();
        let line =
            Line { report: &report, file: &name, packets, trigger: &recording.trigger.reason };
        let line = serde_json::to_string(&line)?;
        self.rotate_lines().context("cannot begin flights.jsonl anew")?;
        append_line(&mut self.lines, &line).context("cannot write flights.jsonl")?;
        Ok(Some(Flight { path, report, packets, line }))
    }
}

fn pcapng(
    out: impl Write,
    capture: &CaptureFacts,
    recording: &Recording,
    report: &Report,
    counts: CaptureCounts,
    name_of: impl Fn(IpAddr) -> String,
) -> io::Result<()> {
    let reasons = std::iter::once(&recording.trigger.reason).chain(&recording.further_reasons);
    let reasons: Vec<&str> = reasons.map(String::as_str).collect();
    let mut comment = format!(
        "verdict: {}: {}\ntrigger: {}",
        report.verdict.label(),
        report.because,
        reasons.join("; ")
    );
    if recording.incomplete {
        comment.push_str("\nincomplete: packets may have been overwritten before they were read");
    }
    if recording.truncated {
        comment.push_str("\ntruncated: later packets were left out at the limit of bytes");
    }
    for (name, value) in &recording.trigger.attributes {
        comment.extend(["\n", name, ": ", value]);
    }
    let section = Section {
        application: concat!("popkit recorder ", env!("CARGO_PKG_VERSION")).to_owned(),
        os: Some(std::env::consts::OS.to_owned()),
        comment: Some(comment),
    };
    let mut file = Writer::new(out, &section)?;
    // One description for each interface and kind of frame, in the order they are met.
    let mut interfaces: Vec<(u16, ring_capture::LinkType, u64)> = Vec::new();
    let seen = recording.packets.iter().map(|packet| (packet.interface, packet.link));
    for (number, link) in seen {
        let same = |(n, l, _): &&mut (u16, _, _)| (*n, *l) == (number, link);
        match interfaces.iter_mut().find(same) {
            Some((.., packets)) => *packets += 1,
            None => interfaces.push((number, link, 1)),
        }
    }
    if interfaces.is_empty() {
        interfaces.push((0, ring_capture::LinkType::default(), 0));
    }
    for (index, (number, link, _)) in interfaces.iter().enumerate() {
        let name = match index {
            0 => capture.interface.clone(),
            _ => format!("{}#{number}", capture.interface),
        };
        let (link, filter) = (*link, capture.filter.clone());
        file.interface(&Interface { name, link, snaplen: 0, filter })?;
    }
    let (one, other) = recording.trigger.flow.endpoints();
    let names = [one.ip(), other.ip()].map(|ip| (ip, name_of(ip)));
    let known = names.iter().filter(|(ip, name)| *name != ip.to_string());
    let known: Vec<(IpAddr, &str)> = known.map(|(ip, name)| (*ip, name.as_str())).collect();
    if !known.is_empty() {
        file.names(&known)?;
    }
    let evidence_ns = end_of_longest_silence(report);
    for packet in &recording.packets {
        let is_evidence = Some(packet.timestamp_ns) == evidence_ns;
        let comment =
            is_evidence.then(|| format!("verdict {}: {}", report.verdict.label(), report.because));
        let same = |(n, l, _): &(u16, _, _)| (*n, *l) == (packet.interface, packet.link);
        let interface = interfaces.iter().position(same).unwrap_or_default() as u32;
        file.packet(
            interface,
            packet.timestamp_ns,
            packet.original_len,
            packet.direction,
            &packet.bytes,
            comment.as_deref(),
        )?;
    }
    let last_ns = recording.packets.last().map_or(recording.trigger.at_ns, |p| p.timestamp_ns);
    for (index, (.., delivered)) in (0..).zip(&interfaces) {
        // The counts are the capture's, which does not tell interfaces apart.
        let counts = if index == 0 { counts } else { CaptureCounts::default() };
        let statistics = Statistics {
            at_ns: last_ns,
            since_ns: capture.since_ns,
            received: counts.seen,
            dropped_by_kernel: counts.dropped_by_kernel,
            dropped_by_ring: counts.dropped_by_ring,
            delivered: *delivered,
        };
        file.statistics(index, &statistics)?;
    }
    file.finish().map(drop)
}

/// A line whole or not at all, also on a full disk.
fn append_line(file: &mut File, line: &str) -> Result<(), StoreError> {
    let before = file.metadata()?.len();
    let written = file.write_all(format!("{line}\n").as_bytes());
    written.map_err(|error| {
        // The error that matters is the first one.
        let _ = file.set_len(before);
        match error.kind() {
            io::ErrorKind::StorageFull => StoreError::Full(error),
            _ => error.into(),
        }
    })
}

/// What the packets of one flow say of its handshake.
pub fn judge(packets: &[RecordedPacket], server_port: Option<u16>) -> Option<Report> {
    let mut table = Table::new(Config::default().server_ports(server_port));
    for packet in packets {
        let Some(link) = LinkType::of(packet.link.number().into()) else { continue };
        table.packet(packet.timestamp_ns, link, &packet.bytes, packet.original_len);
    }
    table.finish();
    table.poll_report()
}

/// When the longest silence of the handshake was broken: the packet that tells the story.
pub fn end_of_longest_silence(report: &Report) -> Option<u64> {
    let spoken = report.timeline.events().iter().filter(|event| event.what != What::Ack);
    let times: Vec<u64> = spoken.map(|event| event.at_ns).collect();
    let gaps = times.windows(2).map(|pair| (pair[1] - pair[0].min(pair[1]), pair[1]));
    gaps.max().map(|(_, end_ns)| end_ns)
}

const LEAST_LINES_BYTES: u64 = 64 << 10;
const MOST_LINES_BYTES: u64 = 16 << 20;

/// Whether a file name is one that [`file_name`] makes.
fn is_flight(name: &str) -> bool {
    let (stamp, rest) = name.split_at_checked(20).unwrap_or_default();
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    stamp.chars().map(digits).eq("00000000T000000.000Z".chars())
        && rest.starts_with('-')
        && rest.ends_with(".pcapng")
}

/// Sorts by time in a listing, and tells flights of one instant apart by their client.
fn file_name(report: &Report) -> String {
    let start = i128::from(report.start_ns);
    let start = jiff::Timestamp::from_nanosecond(start).unwrap_or_default();
    let client = report.client.map_or_else(|| "unknown".to_owned(), |client| client.to_string());
    let client: String = client
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    format!("{}-{client}.pcapng", start.strftime("%Y%m%dT%H%M%S.%3fZ"))
}
