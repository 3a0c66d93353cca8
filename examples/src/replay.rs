//! `recorder replay FILE`: what the recorder would have kept, had it been there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressStyle};
use ring_capture::file::ReadError;
use ring_capture::{CaptureFile, Config, Quota, Rate, Recorder, RecorderConfig, Ring, Tap};
use tls_probe::{LinkType, Report, Table};

use crate::flight::{CaptureCounts, CaptureFacts, FlightFolder};
use crate::slow::SlowHandshake;

/// Take the slow handshakes out of a capture file (pcap or pcapng, plain, gzip or zstd)
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The capture
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Folder for the flights; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A handshake that takes this long is kept
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub slow: Duration,
    /// Memory of the ring: a flow's packets are there while the ring reaches back to them
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub ring: ByteSize,
}

/// Reads the file as fast as it comes and writes its slow handshakes.
///
/// # Errors
///
/// When the file cannot be read at all or a flight cannot be written. A file that ends in the
/// middle is read as far as it goes.
pub fn run(args: &Args) -> Result<()> {
    let mut file =
        CaptureFile::open(&args.file).with_context(|| args.file.display().to_string())?;
    let mut meter = Meter::new(&file);
    let (ring, mut producers) = Ring::new(&Config::default().bytes(args.ring.as_u64() as usize))
        .with_context(|| format!("cannot make a ring of {}", args.ring))?;
    let mut replay = Replay {
        tap: Tap::new(producers.remove(0)),
        table: Table::new(tls_probe::Config::default()),
        recorder: Recorder::new(limits()),
        flights: FlightFolder::open(&args.out, Quota::default(), CaptureFacts::default())?,
        ring,
        slow: args.slow,
        counts: CaptureCounts::default(),
        handshakes: 0,
        verdicts: BTreeMap::new(),
    };
    loop {
        match file.next() {
            Ok(Some(frame)) => replay.frame(&frame)?,
            Ok(None) => break,
            Err(error @ ReadError::Truncated { .. }) => {
                eprintln!("recorder: {}: {error}", args.file.display());
                break;
            }
            Err(error) => return Err(error).with_context(|| args.file.display().to_string()),
        }
        meter.show(&file);
    }
    replay.finish()?;
    meter.bar.finish_and_clear();

    let flights: u64 = replay.verdicts.values().sum();
    println!("Packets     {}", file.packets_read());
    println!("Handshakes  {}, {flights} slow", replay.handshakes);
    for (verdict, count) in &replay.verdicts {
        println!("            {count:>5} × {verdict}");
    }
    println!("Files       {flights} flights in {}", args.out.display());
    Ok(())
}

struct Replay {
    tap: Tap,
    table: Table,
    recorder: Recorder,
    flights: FlightFolder,
    ring: Ring,
    slow: Duration,
    counts: CaptureCounts,
    handshakes: u64,
    verdicts: BTreeMap<&'static str, u64>,
}

impl Replay {
    fn frame(&mut self, frame: &ring_capture::Frame<'_>) -> Result<()> {
        self.counts.seen += 1;
        if self.tap.push(frame).is_err() {
            self.counts.dropped_by_ring += 1;
        }
        if let Some(link) = LinkType::of(frame.link.number().into()) {
            self.table.packet(frame.timestamp_ns, link, frame.bytes, frame.original_len);
        }
        self.take_reports();
        let due = self.recorder.next_at_ns().is_some_and(|at_ns| at_ns <= frame.timestamp_ns);
        if due || self.counts.seen.is_multiple_of(FOLLOW_EVERY) {
            self.recorder.handle_timeout(frame.timestamp_ns, &self.ring);
        }
        self.write_complete()
    }

    fn finish(&mut self) -> Result<()> {
        self.table.finish();
        self.take_reports();
        self.recorder.finish(u64::MAX, &self.ring);
        self.write_complete()
    }

    fn take_reports(&mut self) {
        while let Some(report) = self.table.poll_report() {
            self.handshakes += 1;
            if let Some(slow) = self.slow(&report)
                && let Err(reason) = self.recorder.trigger(slow.trigger())
            {
                tracing::warn!(%reason, client = %slow.client, "not recorded");
            }
        }
    }

    fn slow(&self, report: &Report) -> Option<SlowHandshake> {
        SlowHandshake::of(report).filter(|handshake| handshake.total >= self.slow)
    }

    fn write_complete(&mut self) -> Result<()> {
        while let Some(recording) = self.recorder.poll_recording() {
            let flight = self.flights.write(&recording, self.counts, |ip| ip.to_string())?;
            if let Some(flight) = flight {
                *self.verdicts.entry(flight.report.verdict.label()).or_default() += 1;
            }
        }
        Ok(())
    }
}

/// A file has no rate: everything slow in it is wanted.
fn limits() -> RecorderConfig {
    let rate = Rate { per_second: 1e9, burst: u32::MAX };
    RecorderConfig::default().per_kind(rate).per_network(rate).max_active(1 << 16)
}

/// Packets between two looks at the flows being recorded: far fewer than any ring holds.
const FOLLOW_EVERY: u64 = 256;

/// Progress by bytes of the file itself, which compressed ones have as well.
struct Meter {
    bar: ProgressBar,
    said: u64,
}

impl Meter {
    fn new(file: &CaptureFile<File>) -> Self {
        let template = "{bar:28.cyan/dim} {bytes} of {total_bytes}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("a template");
        let length = file.size().unwrap_or_default();
        Self { bar: ProgressBar::new(length).with_style(style), said: 0 }
    }

    fn show(&mut self, file: &CaptureFile<File>) {
        let packets = file.packets_read();
        if !packets.is_multiple_of(10_000) {
            return;
        }
        let read = file.bytes_read();
        self.bar.set_position(read);
        let tenth = read * 10 / self.bar.length().unwrap_or_default().max(1);
        if !io::stderr().is_terminal() && tenth > self.said {
            self.said = tenth;
            eprintln!("{} % read, {packets} packets", tenth * 10);
        }
    }
}
