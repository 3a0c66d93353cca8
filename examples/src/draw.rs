//! A handshake drawn for a terminal: who spoke, who was silent, for how long.

use std::fmt::Write;
use std::time::Duration;

use tls_probe::{Event, Report, Side};

/// Draws the timeline of a handshake: the client on the left, the server on the right, a bar for
/// each silence that is worth one, as long as the silence is of the whole.
pub fn timeline(report: &Report) -> String {
    let mut out = String::new();
    let mut before: Option<&Event> = None;
    for event in report.timeline.events() {
        if let Some(before) = before {
            silence(&mut out, report, event.at_ns.saturating_sub(before.at_ns), event.side);
        }
        let at = Duration::from_nanos(event.at_ns.saturating_sub(report.start_ns));
        let label = label(event);
        let arrow = match event.side {
            Side::Client => {
                format!("{label} {}▶", "─".repeat(WIDTH.saturating_sub(label.chars().count() + 2)))
            }
            Side::Server => {
                format!("◀{} {label}", "─".repeat(WIDTH.saturating_sub(label.chars().count() + 2)))
            }
        };
        writeln!(out, "  {:>11}  │{arrow}│", millis(at)).expect("writing to a string");
        before = Some(event);
    }
    out
}

fn label(event: &Event) -> String {
    let resent = if event.resent { ", resent" } else { "" };
    match event.bytes {
        0 => format!("{}{resent}", event.what),
        bytes => format!("{} ({bytes} B{resent})", event.what),
    }
}

/// A silence of a twentieth of the handshake or more gets a bar.
fn silence(out: &mut String, report: &Report, gap_ns: u64, ended_by: Side) {
    let total_ns = report.phases.total.as_nanos().max(1) as u64;
    if gap_ns < total_ns / 20 {
        return;
    }
    let length =
        (gap_ns as u128 * BAR as u128 / u128::from(total_ns)).clamp(1, BAR as u128) as usize;
    let who = ended_by.label();
    let words = format!("{who} silent {}", millis(Duration::from_nanos(gap_ns)));
    let bar = "█".repeat(length);
    writeln!(out, "  {:>11}  │ {bar:<BAR$}  {words:<WORDS$}│", "").expect("writing to a string");
}

/// Milliseconds, as precise as they are short.
pub fn millis(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.2} ms"),
        _ if ms < 1_000.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

const WIDTH: usize = 58;
const BAR: usize = 30;
const WORDS: usize = WIDTH - BAR - 3;
