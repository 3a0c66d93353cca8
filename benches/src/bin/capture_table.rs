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
    println!("| frame | wanted | program | sent | CPU ns a packet | spread | × first | dropped |");
    println!("|---|---|---|---|---|---|---|---|");
    for (size, rate) in settings {
        let mut first = None;
        for program in &programs {
            let of =
                |run: &&Run| (run.size, run.rate, run.program.as_str()) == (size, rate, program);
            let these: Vec<&Run> = runs.iter().filter(of).collect();
            if these.is_empty() {
                continue;
            }
            let middle = |value: fn(&Run) -> f64| {
                median_and_spread(&mut these.iter().map(|run| value(run)).collect::<Vec<_>>())
            };
            let (cpu, spread) = middle(|run| run.cpu_ns as f64 / run.arrived.max(1) as f64);
            let (achieved, _) = middle(|run| run.achieved);
            let (lost, arrived) = these
                .iter()
                .fold((0, 0), |(lost, all), run| (lost + run.dropped, all + run.arrived));
            let ratio = cpu / *first.get_or_insert(cpu);
            println!(
                "| {size} B | {:.0} kpps | {program} | {:.1} kpps | {cpu:.0} | {:.0} % | {ratio:.2} | {lost} of {arrived} |",
                f64::from(rate) / 1e3,
                achieved / 1e3,
                spread * 100.0,
            );
        }
    }
    Ok(())
}
