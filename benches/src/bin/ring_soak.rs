//! A ring at full speed for a minute with fifty triggers a second: is every recording what the sender
//! says it sent, and does memory stay where it was? Prints a table for `benches/RESULTS.md`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use popkit_benches::soak::{Outcome, Schedule, Soak};

/// Push packets at full speed while triggers fire, and compare every recording with what was sent
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Threads that push
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    producers: u32,
    /// Bytes of the ring, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(8..=65_536))]
    ring: u32,
    /// Flows, as a power of two
    #[arg(long, value_name = "BITS", default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=20))]
    flow_bits: u32,
    /// Triggers a second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    triggers: u32,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let soak = Soak {
        schedule: Schedule::new(args.producers, args.flow_bits),
        ring_bytes: (args.ring as usize) << 20,
        lasting: Duration::from_secs(args.seconds),
        trigger_every: Duration::from_secs(1) / args.triggers,
    };
    let outcome = soak.run()?;
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        table(&args, &outcome);
    }
    for flaw in &outcome.flaws {
        eprintln!("ring_soak: {flaw}");
    }
    let sound = outcome.unsound == 0 && outcome.identical > 0;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(args: &Args, outcome: &Outcome) {
    let row = |name: &str, value: String| println!("| {name} | {value} |");
    let per_second = outcome.packets as f64 / args.seconds as f64;
    row("", format!("{} s, {} producers, {} MiB", args.seconds, args.producers, args.ring));
    println!("|---|---|");
    row(
        "packets pushed",
        format!("{} ({:.2} million a second)", outcome.packets, per_second / 1e6),
    );
    let rate = outcome.bytes as f64 / args.seconds as f64;
    row(
        "bytes pushed",
        format!("{:.1} GB ({:.2} GB a second)", outcome.bytes as f64 / 1e9, rate / 1e9),
    );
    row("packets dropped", outcome.dropped.to_string());
    row("triggers fired", outcome.triggers.to_string());
    row("refused, their flow just recorded", outcome.refused.to_string());
    row("lengthening a recording under way", outcome.joined.to_string());
    row("recordings", outcome.recordings.to_string());
    row("identical to what was sent", outcome.identical.to_string());
    row("saying that they may not be whole", outcome.incomplete.to_string());
    row("torn, out of order, or missing unsaid", outcome.unsound.to_string());
    row("packets compared byte for byte", outcome.verified_packets.to_string());
    let samples = outcome
        .resident
        .iter()
        .map(|(at, bytes)| format!("{:.1} MiB at {at} s", *bytes as f64 / f64::from(1 << 20)));
    row("memory", samples.collect::<Vec<_>>().join(", "));
}
