//! Sends frames on an interface at a steady rate: each says in its payload which it is, so that a
//! receiver can check it. Prints one line of JSON when done.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use popkit_benches::frames::{LEAST_FRAME_BYTES, Label};
use popkit_benches::wire::{MOST_AT_ONCE, Wire};

/// Send packets whose bytes follow from flow and number, at a steady rate
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The interface to send on (needs CAP_NET_RAW)
    #[arg(long, value_name = "IF")]
    interface: String,
    /// How many packets in all
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    packets: u64,
    /// Bytes of a frame, its Ethernet header included
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(LEAST_FRAME_BYTES as i64..=9014))]
    size: u16,
    /// Packets a second; 0 for as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    rate: u32,
    /// Flows, which take turns
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    flows: u32,
    /// UDP instead of TCP
    #[arg(long)]
    udp: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let wire = Wire::open(&args.interface)
        .with_context(|| format!("cannot send on {}", args.interface))?;
    let len = usize::from(args.size);
    let mut frames = vec![0; len * MOST_AT_ONCE];
    let (mut sent, mut waits) = (0, 0_u64);
    let begin = Instant::now();
    while sent < args.packets {
        let due = due(begin.elapsed(), args.rate).min(args.packets).saturating_sub(sent);
        if due == 0 {
            thread::sleep(BREATH);
            continue;
        }
        let batch = &mut frames[..len * due.min(MOST_AT_ONCE as u64) as usize];
        for (number, frame) in (sent..).zip(batch.chunks_exact_mut(len)) {
            let flow = (number % u64::from(args.flows)) as u32;
            let sequence = (number / u64::from(args.flows)) as u32;
            Label { flow, sequence }.write(!args.udp, frame);
        }
        match wire.send(batch, len) {
            Ok(count) => sent += count as u64,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) && waits < MOST_WAITS => {
                waits += 1;
                thread::sleep(BREATH);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("sending"),
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let line = serde_json::json!({
        "sent": sent,
        "bytes": sent * len as u64,
        "seconds": seconds,
        "rate": (sent as f64 / seconds).round(),
        "wanted": args.rate,
        "waits": waits,
    });
    println!("{line}");
    Ok(())
}

/// Packets that should have gone by now.
fn due(elapsed: Duration, rate: u32) -> u64 {
    if rate == 0 { u64::MAX } else { (elapsed.as_secs_f64() * f64::from(rate)) as u64 }
}

/// Between two batches, and while the kernel has no room.
const BREATH: Duration = Duration::from_micros(100);
/// Ten seconds of them.
const MOST_WAITS: u64 = 100_000;
