//! `relay spool`: what a spool holds, looked at without changing it, also under a running relay.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use clap::ValueEnum;
use log_pipeline::net::{Format, Sources};
use log_pipeline::wal::{Disk, Inspection, inspect, records};

use super::words;

/// What the options cannot say in a line each.
pub const AFTER_HELP: &str = "\
Nothing is changed, and a relay may be running on the spool.

A line each for segments, sinks and what was set aside as damaged:
  segment 0000000000000001.wal  records 1 to 5000  1.2 MiB  epoch 3
  sink    archive               next 4711  290 behind
  damaged 0000000000000001-0000000000000040.bad  4.0 KiB

Examples:
  relay spool /var/spool/relay
  relay spool /var/spool/relay --verify || echo damaged
  relay spool /var/spool/relay --export raw --from 4711 > rest.log";

/// Show, verify or export what a spool holds
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    pub spool: PathBuf,
    /// Read every record and check it; the exit status is 1 when something is damaged
    #[arg(long, conflicts_with = "export")]
    pub verify: bool,
    /// Write the messages to standard output, a line each: as the sinks do, or as they came
    #[arg(long, value_name = "FORMAT")]
    pub export: Option<Export>,
    /// Begin with the message of this number
    #[arg(long, value_name = "SEQ", requires = "export", default_value_t = 0)]
    pub from: u64,
    /// First part of each message's key, as the relay had it; this machine's name by default
    #[arg(long, value_name = "NAME", requires = "export")]
    pub node: Option<String>,
    /// Write one JSON object instead of lines for people
    #[arg(long, conflicts_with = "export")]
    pub json: bool,
}

/// The form of an exported message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// The object a JSON sink writes, with number, peer and time of arrival.
    Json,
    /// The message as it came; line feeds in it become spaces.
    Raw,
}

/// Shows, verifies or exports.
///
/// # Errors
///
/// When the spool cannot be read or standard output cannot be written, and when `--verify` finds
/// damage.
pub fn run(args: &Args) -> Result<()> {
    let open = || {
        Disk::read_only(&args.spool)
            .with_context(|| format!("cannot read the spool {}", args.spool.display()))
    };
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(format) = args.export {
        return match export(args, format, open()?, &mut out) {
            Err(error) if is_broken_pipe(&error) => Ok(()),
            done => done,
        };
    }
    let found = inspect(&open()?, args.verify).context("reading the spool")?;
    let written = if args.json { json(&found, &mut out) } else { lines(&found, &mut out) };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        done => done.context("writing")?,
    }
    let damaged = found.damaged_bytes();
    if args.verify && damaged > 0 {
        anyhow::bail!("{} of the segments are damaged", ByteSize(damaged));
    }
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn export(args: &Args, format: Export, disk: Disk, out: &mut impl Write) -> Result<()> {
    let node = args.node.clone().unwrap_or_else(words::host_name);
    let format = match format {
        Export::Json => Format::Json,
        Export::Raw => Format::Raw,
    };
    let mut all = records(disk, args.from).context("reading the spool")?;
    let mut line = Vec::new();
    for record in &mut all {
        line.clear();
        let record = record.context("reading the spool")?;
        if format.write_record(&record, &Sources::default(), &node, &mut line) {
            if format == Format::Raw {
                line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    out.flush()?;
    if all.damaged_bytes() > 0 {
        tracing::warn!(bytes = all.damaged_bytes(), "damaged, and passed over");
    }
    Ok(())
}

fn lines(found: &Inspection, out: &mut impl Write) -> io::Result<()> {
    for segment in &found.segments {
        let (first, last) = (segment.base, (segment.base + segment.records).saturating_sub(1));
        let what = match segment.records {
            0 => "no records".to_owned(),
            _ => format!("records {first} to {last}"),
        };
        write!(out, "segment {}  {what}  {}", segment.file, ByteSize(segment.bytes))?;
        match segment.epoch {
            Some(epoch) => write!(out, "  epoch {epoch}")?,
            None => write!(out, "  no header")?,
        }
        if segment.unfinished_bytes > 0 {
            write!(out, "  {} being written", ByteSize(segment.unfinished_bytes))?;
        }
        for damage in &segment.damage {
            write!(out, "  damaged at {} to {}", damage.start, damage.end)?;
        }
        writeln!(out)?;
    }
    for cursor in &found.cursors {
        let next = cursor.seq.map_or("lost, begins anew".to_owned(), |seq| format!("next {seq}"));
        writeln!(out, "sink    {:20}  {next}  {} behind", cursor.name, cursor.lag_records)?;
    }
    for (name, bytes) in &found.set_aside {
        writeln!(out, "damaged {name}  {}", ByteSize(*bytes))?;
    }
    Ok(())
}

fn json(found: &Inspection, out: &mut impl Write) -> io::Result<()> {
    let segments = found.segments.iter().map(|segment| {
        serde_json::json!({
            "file": segment.file,
            "epoch": segment.epoch,
            "base": segment.base,
            "bytes": segment.bytes,
            "records": segment.records,
            "payload_bytes": segment.payload_bytes,
            "first_received_ns": segment.received_ns.map(|(first, _)| first),
            "last_received_ns": segment.received_ns.map(|(_, last)| last),
            "damage": segment.damage.iter().map(|d| [d.start, d.end]).collect::<Vec<_>>(),
            "unfinished_bytes": segment.unfinished_bytes,
        })
    });
    let sinks = found.cursors.iter().map(|cursor| {
        serde_json::json!({
            "name": cursor.name, "next_seq": cursor.seq, "lag_records": cursor.lag_records,
        })
    });
    let set_aside = found.set_aside.iter();
    let object = serde_json::json!({
        "next_seq": found.next_seq,
        "damaged_bytes": found.damaged_bytes(),
        "segments": segments.collect::<Vec<_>>(),
        "sinks": sinks.collect::<Vec<_>>(),
        "set_aside": set_aside
            .map(|(file, bytes)| serde_json::json!({"file": file, "bytes": bytes}))
            .collect::<Vec<_>>(),
    });
    writeln!(out, "{object}")
}
