//! Progress while the demo runs: a bar on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::capture::Progress;

/// Counts of what has happened so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Handshakes.
    pub handshakes: AtomicU64,
    /// Of them, slow ones.
    pub slow: AtomicU64,
    /// Alerts raised or cleared.
    pub alerts: AtomicU64,
}

/// The bar.
#[derive(Debug)]
pub(super) struct Bar {
    drawn: ProgressBar,
    begin: Instant,
    duration: Duration,
}

impl Bar {
    /// Starts one that is full after `duration`.
    pub(super) fn new(duration: Duration) -> Self {
        let style = ProgressStyle::with_template("{bar:28.cyan/dim} {msg}").expect("a template");
        let drawn = ProgressBar::new(duration.as_millis() as u64).with_style(style);
        Self { drawn, begin: Instant::now(), duration }
    }

    /// Follows the counts until `stop` says so.
    pub(super) async fn follow(&self, tally: &Tally, progress: &Progress, stop: impl Fn() -> bool) {
        let plain = !std::io::stderr().is_terminal();
        let mut said = Duration::ZERO;
        while !stop() {
            let elapsed = self.begin.elapsed();
            let message = format!(
                "{:>4.1} s  {} handshakes, {} slow, {} packets in the ring, {} alerts",
                elapsed.as_secs_f64(),
                tally.handshakes.load(Ordering::Relaxed),
                tally.slow.load(Ordering::Relaxed),
                progress.kept(),
                tally.alerts.load(Ordering::Relaxed),
            );
            if plain && elapsed >= said + PLAIN_EVERY && elapsed < self.duration {
                eprintln!("{message}");
                said = elapsed;
            }
            self.drawn.set_position(elapsed.as_millis() as u64);
            self.drawn.set_message(message);
            tokio::time::sleep(TICK).await;
        }
    }

    /// Clears it.
    pub(super) fn finish(&self) {
        self.drawn.finish_and_clear();
    }
}

const TICK: Duration = Duration::from_millis(100);
const PLAIN_EVERY: Duration = Duration::from_secs(5);
