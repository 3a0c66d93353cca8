//! What happened, for a person; and whether it is all that should have.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anomaly::Event;
use anyhow::{Context, Result, ensure};
use ring_capture::pcapng::{Interface, Section, Writer};
use ring_capture::{History, LinkType, Ring, Window};

use super::capture::INTERFACE;
use super::flights::Flights;
use super::networks::{LAGGING, NETWORKS};
use crate::draw;
use crate::flight::CaptureCounts;
use crate::names::NameStats;

/// Handshakes as the server saw them.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// Established, by the name of the client's network.
    pub established: BTreeMap<String, u64>,
    /// Not established.
    pub failed: u64,
    /// Established, but slow.
    pub slow: u64,
}

/// Messages about slow handshakes, on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logs {
    /// Sent to the log.
    pub sent: u64,
    /// Lines that the file sink wrote.
    pub to_file: u64,
    /// Taken by the trigger.
    pub to_trigger: u64,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Summary {
    /// The folder.
    pub out: PathBuf,
    /// Whether somebody ended it early.
    pub interrupted: bool,
    /// Handshakes.
    pub handshakes: Handshakes,
    /// Packets seen and dropped.
    pub packets: CaptureCounts,
    /// Packets that went into the ring.
    pub packets_kept: u64,
    /// How far back the ring reached at the end.
    pub history: Option<History>,
    /// Memory of the ring.
    pub ring_bytes: usize,
    /// Messages.
    pub logs: Logs,
    /// Recordings.
    pub flights: Flights,
    /// Alerts.
    pub events: Vec<Event>,
    /// Series watched for change.
    pub series: usize,
    /// Names.
    pub names: NameStats,
}

impl Summary {
    /// Whether the whole story happened.
    ///
    /// # Errors
    ///
    /// The first step that did not. A demo that somebody ended early is not judged.
    pub(super) fn check(&self) -> Result<()> {
        if self.interrupted {
            return Ok(());
        }
        let established = &self.handshakes.established;
        for network in NETWORKS {
            ensure!(
                established.contains_key(network.name),
                "step 1, handshakes: none from {}",
                network.name
            );
        }
        ensure!(
            self.handshakes.failed == 0,
            "step 1, handshakes: {} failed",
            self.handshakes.failed
        );
        let lost = self.packets.dropped_by_kernel + self.packets.dropped_by_ring;
        ensure!(self.packets.seen > 0, "step 2, capture: no packets were seen");
        ensure!(lost == 0, "step 2, capture: {lost} packets were lost");
        let Logs { sent, to_file, to_trigger } = self.logs;
        ensure!(sent > 0, "step 3, log: no handshake was slow; try a smaller --slow");
        ensure!(
            to_file == sent && to_trigger == sent,
            "step 3, log: of {sent} messages {to_file} reached the file and {to_trigger} the trigger"
        );
        let flights = &self.flights;
        ensure!(
            flights.begun == to_trigger && flights.written == flights.begun,
            "step 4, flights: {to_trigger} triggers, {} recordings, {} files",
            flights.begun,
            flights.written
        );
        let of_lagging = |(network, _): &&(String, &str)| network == LAGGING.name;
        let verdicts: Vec<&str> =
            flights.verdicts.keys().filter(of_lagging).map(|(_, v)| *v).collect();
        ensure!(
            verdicts == ["client"],
            "step 4, flights: {} was judged {verdicts:?}, and should be \"client\" alone",
            LAGGING.name
        );
        ensure!(self.names.hits > 0, "step 5, names: the cache was never hit");
        let raised: Vec<String> = self.raised().map(|event| event.alert().to_string()).collect();
        ensure!(
            raised.len() == 1,
            "step 6, alert: one was expected, these were raised: {raised:?}"
        );
        let labels = self.raised().next().map(|event| &event.alert().labels);
        let right = |name, value| labels.is_some_and(|labels| labels.value(name) == Some(value));
        ensure!(
            right("network", LAGGING.name) && right("idle", "client"),
            "step 6, alert: about the wrong series: {raised:?}"
        );
        Ok(())
    }

    fn raised(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| matches!(event, Event::Raised(_)))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let established: u64 = self.handshakes.established.values().sum();
        let flights = &self.flights;
        if self.interrupted {
            writeln!(f, "\nEnded early; every file is complete.")?;
        }
        writeln!(
            f,
            "\nHandshakes  {established} from {} networks, {} slow",
            self.handshakes.established.len(),
            self.handshakes.slow
        )?;
        let CaptureCounts { seen, dropped_by_kernel, dropped_by_ring } = self.packets;
        writeln!(
            f,
            "Packets     {seen} seen, {} kept, {dropped_by_kernel} dropped by the kernel, {dropped_by_ring} by the ring",
            self.packets_kept
        )?;
        if let Some(history) = self.history {
            let (span, mebibytes) = (history.span().as_secs_f64(), self.ring_bytes >> 20);
            writeln!(f, "Ring        {mebibytes} MiB, reaching back {span:.1} s")?;
        }
        let Logs { sent, to_file, to_trigger } = self.logs;
        writeln!(
            f,
            "Log         {sent} messages, {to_file} to the file, {to_trigger} to the trigger"
        )?;
        let NameStats { misses, hits } = self.names;
        writeln!(f, "Names       {} lookups, {hits} from the cache", misses + hits)?;
        writeln!(
            f,
            "Flights     {} files, {} packets, {} KiB of all that crossed the wire",
            flights.written,
            flights.packets,
            flights.bytes >> 10
        )?;
        for ((network, verdict), count) in &flights.verdicts {
            writeln!(f, "            {count:>5} × {verdict:<8} {network}")?;
        }
        writeln!(f, "Watched     {} series", self.series)?;
        for event in &self.events {
            alert(f, event)?;
        }
        if let Some(flight) = &flights.slowest {
            let report = &flight.report;
            let (client, server) = (report.client, report.server);
            let end = |address: Option<std::net::SocketAddr>| {
                address.map_or_else(String::new, |a| a.to_string())
            };
            writeln!(
                f,
                "\nThe slowest: {} (client, left) and {} (server, right)\n",
                end(client),
                end(server)
            )?;
            f.write_str(&draw::timeline(report))?;
            writeln!(f, "\n  verdict {}: {}", report.verdict.label(), report.because)?;
            writeln!(f, "  {}", link(&flight.path))?;
        }
        writeln!(f, "\nFiles")?;
        for (name, what) in FILES {
            let path = self.out.join(name);
            if path.exists() {
                writeln!(f, "  {}  {what}", link(&path))?;
            }
        }
        Ok(())
    }
}

/// An alert in words for somebody who has not read the manual.
fn alert(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    let (kind, alert) = match event {
        Event::Raised(alert) => ("Alert", alert),
        other => ("Cleared", other.alert()),
    };
    let label = |name| alert.labels.value(name).unwrap_or("?");
    let millis = |seconds: f64| draw::millis(Duration::from_secs_f64(seconds.max(0.0)));
    let signal = &alert.signal;
    let onset =
        jiff::Timestamp::from_nanosecond(signal.onset.as_nanos().into()).unwrap_or_default();
    writeln!(
        f,
        "{kind:<11} {} idle time of {}: {} since {}, {} was expected and at most {} would have been usual",
        label("idle"),
        label("network"),
        millis(signal.seen),
        onset.strftime("%H:%M:%S%.1f UTC"),
        millis(signal.expected),
        millis(signal.upper),
    )
}

/// A path that a terminal makes clickable (OSC 8); elsewhere just a path.
fn link(path: &Path) -> String {
    match path.canonicalize() {
        Ok(full) if std::io::stdout().is_terminal() => {
            format!("\x1b]8;;file://{}\x1b\\{}\x1b]8;;\x1b\\", full.display(), path.display())
        }
        _ => path.display().to_string(),
    }
}

/// Writes everything still in the ring to one file.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn save_ring(ring: &Ring, path: &Path) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let section = Section { application: "popkit recorder demo".into(), ..Section::default() };
        let mut file = Writer::new(BufWriter::new(File::create(path)?), &section)?;
        let interface =
            Interface { name: INTERFACE.into(), link: LinkType::Ethernet, ..Interface::default() };
        let interface = file.interface(&interface)?;
        let mut scan = ring.scan(&Window::ALL, |_| true);
        while let Some(record) = scan.next() {
            let meta = record.meta;
            file.packet(
                interface,
                meta.timestamp_ns,
                meta.original_len,
                meta.direction,
                record.bytes,
                None,
            )?;
        }
        file.finish()?.into_inner()?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

const FILES: [(&str, &str); 4] = [
    ("flights.jsonl", "one line for each flight, verdict and phases"),
    ("slow.jsonl", "the log of slow handshakes, by the file sink"),
    ("alerts.jsonl", "alerts raised and cleared"),
    ("spool", "the durable buffer between the log and its sinks"),
];
