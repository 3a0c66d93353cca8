//! `recorder demo`: the whole story with real packets, real TLS and real files, in one process.

pub mod networks;
mod lagging;
mod namespace;
mod traffic;
pub mod capture;
mod flights;
mod bar;
mod observer;
mod summary;
mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ring_capture::{Config, Ring, Tap};

use capture::{Mode, Progress, Source};
use story::Story;

/// Watch the story happen: slow handshakes, the flows behind them, one alert
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder for everything the demo writes; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "popkit-demo")]
    pub out: PathBuf,
    /// How long clients come (a replay lasts as long as its capture)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=600))]
    pub seconds: u64,
    /// A handshake that takes this long is logged, and its packets are kept
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub slow: Duration,
    /// Handshakes a second, over all client networks
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(60..=1000))]
    pub rate: u32,
    /// Port of the demo's TLS server on 127.0.0.1; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// How to come by packets
    #[arg(long, value_enum, default_value_t)]
    pub capture: Mode,
    /// Also write all packets still in the ring at the end to this file (pcapng)
    #[arg(long, value_name = "FILE")]
    pub save_ring: Option<PathBuf>,
}

/// Runs the demo to its end. Must be called before any thread is started.
///
/// # Errors
///
/// When a step of the story did not happen; the error says which.
pub fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let source = Source::find(args.capture)?;
    println!("{}", source.describe());
    let (ring, mut producers) = Ring::new(&Config::default().bytes(RING_BYTES))?;
    let tap = Tap::new(producers.remove(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let story = Story::new(args, source, ring.clone(), Arc::new(Progress::default())).await?;
        story.tell(tap).await
    })?;
    drop(runtime);
    if let Some(path) = &args.save_ring {
        summary::save_ring(&ring, path)?;
    }
    print!("{outcome}");
    outcome.check()
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Twenty seconds of 200 handshakes are about 30 MB.
const RING_BYTES: usize = 64 << 20;
