//! Looks at every handshake's report: logs the slow ones, watches idle times.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anomaly::Event;
use anyhow::{Context, Result};
use tls_probe::{Outcome, Report};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Args;
use super::bar::Tally;
use super::networks::NETWORKS;
use super::summary::Handshakes;
use crate::idle::IdleWatch;
use crate::names::ClientNames;
use crate::slow::SlowHandshake;

/// The task behind the server: one report after the other.
pub(super) struct Observer {
    slow: Duration,
    names: Arc<ClientNames>,
    watch: IdleWatch,
    syslog: TcpStream,
    alerts: PathBuf,
    /// Counts for the progress bar.
    pub tally: Arc<Tally>,
    handshakes: Handshakes,
    events: Vec<Event>,
}

/// What it saw.
#[derive(Debug)]
pub(super) struct Observed {
    /// Counts.
    pub handshakes: Handshakes,
    /// Alerts raised and cleared.
    pub events: Vec<Event>,
    /// Series watched.
    pub series: usize,
}

impl Observer {
    /// Learns for a bit less than half of `duration`, from `rate` handshakes a second.
    pub(super) fn new(
        args: &Args,
        names: Arc<ClientNames>,
        duration: Duration,
        rate: u32,
        syslog: TcpStream,
    ) -> Self {
        // Long enough that most windows have a handshake of every network.
        let one_of_each = Duration::from_secs(NETWORKS.len() as u64) / rate;
        let window = (duration / 2 / WINDOWS).max(one_of_each * 3 / 2);
        let learning = duration.div_duration_f64(window * 2) * 0.7;
        Self {
            slow: args.slow,
            names,
            watch: IdleWatch::new(window, learning as u32, LEAST_CHANGE),
            syslog,
            alerts: args.out.join("alerts.jsonl"),
            tally: Arc::default(),
            handshakes: Handshakes::default(),
            events: Vec::new(),
        }
    }

    /// Runs until nobody reports any more.
    ///
    /// # Errors
    ///
    /// When the log does not take a message or an alert cannot be written.
    pub(super) async fn run(mut self, mut reports: mpsc::Receiver<Report>) -> Result<Observed> {
        while let Some(report) = reports.recv().await {
            self.observe(&report).await?;
        }
        self.syslog.shutdown().await.context("closing the connection to the log")?;
        Ok(Observed {
            handshakes: self.handshakes,
            events: self.events,
            series: self.watch.series(),
        })
    }

    async fn observe(&mut self, report: &Report) -> Result<()> {
        if report.outcome != Outcome::Established {
            self.handshakes.failed += 1;
            return Ok(());
        }
        let Some(handshake) = SlowHandshake::of(report) else { return Ok(()) };
        let network = self.names.of(handshake.client.ip());
        let count = self.handshakes.established.entry(network.clone()).or_default();
        *count += 1;
        self.tally.handshakes.fetch_add(1, Ordering::Relaxed);
        if handshake.total >= self.slow {
            self.handshakes.slow += 1;
            self.tally.slow.fetch_add(1, Ordering::Relaxed);
            let message = handshake.to_syslog();
            // Octet counting (RFC 6587 §3.4.1).
            let framed = [format!("{} ", message.len()).as_bytes(), &message].concat();
            self.syslog.write_all(&framed).await.context("writing to the log")?;
        }
        let idle = &report.idle;
        self.watch.observe(&network, handshake.end_ns(), idle.client, idle.server);
        while let Some(event) = self.watch.poll_event() {
            self.tally.alerts.fetch_add(1, Ordering::Relaxed);
            self.write_alert(&event)?;
            self.events.push(event);
        }
        Ok(())
    }

    fn write_alert(&self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(&self.alerts);
        let written = file.and_then(|mut file| file.write_all(&line));
        written.with_context(|| format!("cannot write {}", self.alerts.display()))
    }
}

/// Windows in each half of the demo, at most.
const WINDOWS: u32 = 40;
/// A change of idle time that nobody would get up for.
const LEAST_CHANGE: Duration = Duration::from_millis(25);
