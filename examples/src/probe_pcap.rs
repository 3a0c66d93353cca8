//! `probe pcap`: every handshake in a capture file.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use ring_capture::CaptureFile;
use ring_capture::file::ReadError;
use tls_probe::{Config, LinkType, Report, Table};

/// Handshakes of a capture file (pcap or pcapng, plain, gzip or zstd): one object each on standard output
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The captures, one after the other
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Look at connections to this port only, and tell of those without a hello too
    #[arg(long = "server-port", value_name = "N")]
    pub server_ports: Vec<u16>,
    /// Which end the capture was made beside
    #[arg(long, value_name = "END", default_value = "server")]
    pub vantage: Vantage,
    /// Tell only of handshakes that took this long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub slow: Option<Duration>,
    /// A handshake not over so long after its first packet has timed out
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
}

/// Which end a capture was made beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Vantage {
    /// The client's
    Client,
    /// The server's
    Server,
    /// Whichever answers sooner in the TCP handshake
    Auto,
}

impl From<Vantage> for tls_probe::Vantage {
    fn from(vantage: Vantage) -> Self {
        match vantage {
            Vantage::Client => Self::Client,
            Vantage::Server => Self::Server,
            Vantage::Auto => Self::Auto,
        }
    }
}

/// Reads the files and prints what is in them. A file that ends in the middle is read as far as it goes.
///
/// # Errors
///
/// When a file cannot be read at all, or standard output is closed for another reason than having had enough.
pub fn run(args: &Args) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for path in &args.files {
        match handshakes(path, args, &mut out) {
            Err(error) if is_closed(&error) => return Ok(()),
            done => done?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn handshakes(path: &PathBuf, args: &Args, out: &mut impl io::Write) -> Result<()> {
    let shown = || path.display().to_string();
    let mut file: CaptureFile<File> = CaptureFile::open(path).with_context(shown)?;
    let config = Config::default()
        .server_ports(args.server_ports.iter().copied())
        .vantage(args.vantage.into())
        .handshake_timeout(args.timeout);
    let mut table = Table::new(config);
    let mut ended_early = None;
    loop {
        match file.next() {
            Ok(Some(frame)) => {
                if let Some(link) = LinkType::of(frame.link.number().into()) {
                    table.packet(frame.timestamp_ns, link, frame.bytes, frame.original_len);
                }
            }
            Ok(None) => break,
            Err(error) => {
                ended_early = Some(error);
                break;
            }
        }
        print(&mut table, args, out)?;
    }
    table.finish();
    print(&mut table, args, out)?;
    match ended_early {
        None => Ok(()),
        Some(ReadError::Truncated { .. }) => {
            tracing::warn!(file = %path.display(), "the capture ends in the middle of a packet");
            Ok(())
        }
        Some(error) => Err(error).with_context(shown),
    }
}

fn print(table: &mut Table, args: &Args, out: &mut impl io::Write) -> Result<()> {
    while let Some(report) = table.poll_report() {
        let wanted = |report: &Report| args.slow.is_none_or(|slow| report.phases.total >= slow);
        if wanted(&report) {
            serde_json::to_writer(&mut *out, &report)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// Whoever reads has had enough: `| head` is no error.
fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
