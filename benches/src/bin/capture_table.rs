//! The runs of `peers/capture.sh`, one JSON object a line on standard input, as medians in a table.

use std::io::{self, Read};

use anyhow::{Context, Result};
use popkit_benches::clock::median_and_spread;
use serde::Deserialize;

/// One program in one round.
#[derive(Debug, Deserialize)]
struct Run {
    program: String,
    size: u32,
    rate: u32,
    /// Packets that arrived at the interface.
    arrived: u64,
    /// Packets a second that were sent.
    achieved: f64,
    /// CPU time of all threads, user and system, while they arrived.
    cpu_ns: u64,
    /// As the program itself reports.
    dropped: u64,
}

fn main() -> Result<()> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let runs = input
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a run: {line}")))
        .collect::<Result<Vec<Run>>>()?;
    let mut settings: Vec<(u32, u32)> = runs.iter().map(|run| (run.size, run.rate)).collect();
    settings.sort_unstable();
    settings.dedup();
    let mut programs: Vec<&str> = Vec::new();
    for run in &runs {
        if !programs.contains(&run.program.as_str()) {
            programs.push(&run.program);
        }
    }
    println!(
        "| frame | wanted | program | sent | CPU ns a packet | spread | tcpdump ÷ it | dropped |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (size, rate) in settings {
        let of = |program: &str| -> Vec<&Run> {
            let same = |run: &&Run| (run.size, run.rate, &*run.program) == (size, rate, program);
            runs.iter().filter(same).collect()
        };
        let tcpdump = cpu_ns_a_packet(&of("tcpdump")).0;
        for program in programs.iter().filter(|program| !of(program).is_empty()) {
            let these = of(program);
            let (cpu_ns, spread) = cpu_ns_a_packet(&these);
            let (achieved, _) = middle(&these, |run| run.achieved);
            let dropped: u64 = these.iter().map(|run| run.dropped).sum();
            let arrived: u64 = these.iter().map(|run| run.arrived).sum();
            println!(
                "| {size} B | {} kpps | {program} | {:.1} kpps | {cpu_ns:.0} | {:.0} % | {:.2} | {dropped} of {arrived} |",
                rate / 1000,
                achieved / 1e3,
                spread * 100.0,
                tcpdump / cpu_ns,
            );
        }
    }
    Ok(())
}

fn cpu_ns_a_packet(runs: &[&Run]) -> (f64, f64) {
    middle(runs, |run| run.cpu_ns as f64 / run.arrived.max(1) as f64)
}

/// Median and spread; not a number of no runs.
fn middle(runs: &[&Run], value: impl Fn(&Run) -> f64) -> (f64, f64) {
    if runs.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    median_and_spread(&mut runs.iter().map(|run| value(run)).collect::<Vec<_>>())
}
