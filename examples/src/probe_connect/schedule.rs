//! The loop that starts probes when they are due and tells of them when they are over.

use std::future::pending;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tls_probe::net::{Probed, Prober, Target};
use tls_probe::schedule::{Schedule, Timing};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{Args, board::Board, human, serve};

/// What became of all probes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) probes: u64,
    pub(super) failed: u64,
    /// A signal ended it.
    pub(super) stopped: bool,
    /// The first that failed, and why.
    pub(super) first: Option<String>,
}

impl Tally {
    fn count(&mut self, probed: &Probed) {
        self.probes += 1;
        let Some(failure) = probed.failure else { return };
        self.failed += 1;
        let why = probed.certificate.as_ref().filter(|chain| !chain.faults.is_empty());
        let why = why.map_or(probed.report.because.as_str(), |chain| chain.because.as_str());
        self.first.get_or_insert_with(|| format!("{}: {}: {why}", probed.target, failure.label()));
    }
}

pub(super) async fn probe_all(args: &Args, targets: Vec<Target>, prober: Prober) -> Result<Tally> {
    let mut board = None;
    let mut terminate = signal(SignalKind::terminate())?;
    if let Some(address) = args.metrics {
        let shown = board.insert(Arc::new(Board::install()?));
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot serve metrics on {address}"))?;
        tracing::info!(address = %listener.local_addr()?, "serving metrics");
        let (prober, defaults) = (prober.clone(), args.clone());
        tokio::spawn(serve::serve(listener, shown.clone(), prober, defaults));
    }
    let started = Instant::now();
    let now = || started.elapsed().as_nanos() as u64;
    let count = args.count.or(args.every.is_none().then_some(1));
    let timing = Timing { every: args.every, jitter: args.jitter, count };
    let mut schedule = Schedule::new(targets.len(), timing, now(), seed());
    let only_serving = targets.is_empty();
    let mut running = JoinSet::new();
    let mut tally = Tally::default();
    loop {
        let room = || running.len() < usize::from(args.concurrency);
        let mut room = room();
        while room
            && !tally.stopped
            && let Some(index) = schedule.poll(now())
        {
            let (prober, target) = (prober.clone(), targets[index].clone());
            running.spawn(async move { (index, prober.probe(&target).await) });
            room = running.len() < usize::from(args.concurrency);
        }
        let over = tally.stopped || schedule.is_done() && !only_serving;
        if over && running.is_empty() {
            return Ok(tally);
        }
        let due = schedule.poll_timeout().filter(|_| room && !tally.stopped);
        tokio::select! {
            biased;
            Some(done) = running.join_next() => {
                let (index, all) = done.context("a probe broke off")?;
                schedule.finished(index, now());
                for probed in &all {
                    tally.count(probed);
                    if tell(args, probed).is_err() {
                        // Nobody reads any more.
                        tally.stopped = true;
                    }
                }
                if let Some(board) = &board {
                    board.put(&targets[index].to_string(), all);
                }
            }
            () = until(due.map(|at| started + Duration::from_nanos(at))) => {}
            _ = tokio::signal::ctrl_c(), if !tally.stopped => tally.stopped = true,
            _ = terminate.recv(), if !tally.stopped => tally.stopped = true,
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => pending().await,
    }
}

fn tell(args: &Args, probed: &Probed) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if args.draws() {
        write!(out, "{}", human::picture(probed))?;
    } else {
        let line = serde_json::to_string(probed).map_err(io::Error::other)?;
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// Different for each prober.
fn seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64) ^ u64::from(std::process::id()) << 32
}
