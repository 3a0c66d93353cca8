//! The parts of the demo, started in order and ended in order.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::Sender;
use log_pipeline::cursor::Start;
use log_pipeline::net::{Config as LogConfig, Pipeline, Subscription, TcpConfig};
use log_pipeline::wal::Sync;
use ring_capture::{Quota, Ring, Tap};
use ring_capture::{Trigger, filter::Filter};
use tls_probe::Report;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::bar::Bar;
use super::capture::{self, INTERFACE, Progress, Source};
use super::flights;
use super::observer::Observer;
use super::summary::{Logs, Summary};
use super::traffic::{self, Plan, Tls};
use super::{Args, loopback, networks};
use crate::flight::{CaptureFacts, FlightFolder};
use crate::names::ClientNames;
use crate::slow::{NotSlow, trigger_of};

/// Everything but the traffic, ready to go.
pub(super) struct Story {
    args: Args,
    source: Source,
    ring: Ring,
    progress: Arc<Progress>,
    names: Arc<ClientNames>,
    pipeline: Pipeline,
    trigger: Subscription,
    syslog: TcpStream,
    listener: Option<(TcpListener, Tls)>,
    facts: CaptureFacts,
    duration: Duration,
    rate: u32,
}

impl Story {
    /// Opens files, ports and the log.
    ///
    /// # Errors
    ///
    /// When one of them cannot be had.
    pub(super) async fn new(
        args: &Args,
        mut source: Source,
        ring: Ring,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        let names = ClientNames::from_zone(networks::ZONE_ORIGIN, networks::ZONE)?;
        let (listener, port, since_ns, duration, rate) = match &mut source {
            Source::Socket { socket, .. } => {
                let address = loopback(args.port);
                let listener = TcpListener::bind(address).await;
                let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
                let port = listener.local_addr()?.port();
                socket.set_filter(&Filter::parse(&format!("tcp port {port}"))?)?;
                (
                    Some((listener, Tls::new()?)),
                    port,
                    capture::unix_ns(),
                    Duration::from_secs(args.seconds),
                    args.rate,
                )
            }
            Source::Replay { .. } => {
                let (duration, port, since_ns) = capture::recorded_facts()?;
                (None, port, since_ns, duration, capture::RECORDED_RATE)
            }
        };
        let spool = args.out.join("spool");
        let pipeline = Pipeline::open(LogConfig::new(&spool).sync(Sync::Durable))
            .with_context(|| format!("cannot open the log in {}", spool.display()))?;
        pipeline.sink_file("file", args.out.join("slow.jsonl"), Start::Oldest)?;
        let trigger = pipeline.subscribe("trigger", Start::Oldest)?;
        let logging = pipeline.listen_tcp(loopback(0), TcpConfig::default()).await?;
        let syslog =
            TcpStream::connect(logging).await.context("connecting to our own syslog port")?;
        let filter = Some(format!("tcp port {port}"));
        let facts =
            CaptureFacts { interface: INTERFACE.into(), filter, server_port: Some(port), since_ns };
        Ok(Self {
            args: args.clone(),
            source,
            ring,
            progress,
            names: Arc::new(names),
            pipeline,
            trigger,
            syslog,
            listener,
            facts,
            duration,
            rate,
        })
    }

    /// Lets it happen.
    ///
    /// # Errors
    ///
    /// When a part fails.
    pub(super) async fn tell(self, tap: Tap) -> Result<Summary> {
        let Self { args, source, ring, progress, names, pipeline, trigger, .. } = self;
        let (facts, duration) = (self.facts, self.duration);
        let folder = FlightFolder::open(&args.out, Quota::default(), facts.clone())?;
        let slow_log = args.out.join("slow.jsonl");
        let lines_before = count_lines(&slow_log)?;

        let (slow_to, slow_from) = crossbeam_channel::unbounded();
        let writing = {
            let (ring, progress, names) = (ring.clone(), Arc::clone(&progress), Arc::clone(&names));
            spawn("flights", move || flights::run(&slow_from, folder, &ring, &progress, &names))?
        };
        let triggers = tokio::spawn(pull_triggers(trigger, slow_to, facts.since_ns));
        let (reports, reported) = mpsc::channel(1024);
        let observer = Observer::new(&args, Arc::clone(&names), duration, self.rate, self.syslog);
        let tally = Arc::clone(&observer.tally);
        let observing = tokio::spawn(observer.run(reported));
        let capturing = {
            let (progress, reports) = (Arc::clone(&progress), reports.clone());
            match source {
                Source::Socket { socket, .. } => {
                    spawn("capture", move || capture::run(*socket, tap, &progress))?
                }
                Source::Replay { .. } => {
                    spawn("replay", move || capture::replay(tap, &progress, &reports))?
                }
            }
        };

        let bar = Bar::new(duration);
        let traffic = traffic(self.listener, &args, reports, || capturing.is_finished());
        let early_end = || writing.is_finished();
        let interrupted = tokio::select! {
            done = traffic => { done?; false }
            () = bar.follow(&tally, &progress, early_end) => false,
            signal = interrupt() => { signal?; true }
        };
        bar.finish();
        if interrupted {
            progress.stop();
        }

        // From the source to the files: each part ends when the one before it has. A failed writer
        // is the cause of whatever failed before it.
        let observed = observing.await?;
        let shut = pipeline.shutdown().await.context("ending the log");
        let triggered = triggers.await?;
        let flights = tokio::task::spawn_blocking(move || -> Result<_> {
            // The last recordings still want packets: the capture ends after them.
            let flights = join(writing)?;
            progress.stop();
            join(capturing).map(|()| (flights, progress))
        });
        let (flights, progress) = flights.await??;
        shut?;
        let observed = observed?;
        let logs = Logs {
            sent: observed.handshakes.slow,
            to_trigger: triggered?,
            to_file: count_lines(&slow_log)? - lines_before,
        };
        Ok(Summary {
            out: args.out,
            interrupted,
            handshakes: observed.handshakes,
            packets: progress.counts(),
            packets_kept: progress.kept(),
            history: ring.history(),
            ring_bytes: ring.memory_bytes(),
            logs,
            flights,
            events: observed.events,
            series: observed.series,
            names: names.stats(),
        })
    }
}

/// Runs server and clients, or waits for the replay to end.
async fn traffic(
    listener: Option<(TcpListener, Tls)>,
    args: &Args,
    reports: mpsc::Sender<Report>,
    replayed: impl Fn() -> bool,
) -> Result<()> {
    let Some((listener, tls)) = listener else {
        drop(reports);
        while !replayed() {
            tokio::time::sleep(TICK).await;
        }
        return Ok(());
    };
    let server = listener.local_addr()?;
    // Slow handshakes are the log's affair here, not that of tracing.
    let config = tls_probe::Config::default().slow(Duration::MAX);
    // In a set, so that the server ends with this future, however that ends.
    let mut serving = JoinSet::new();
    serving.spawn(traffic::serve(listener, tls.clone(), config, reports));
    let duration = Duration::from_secs(args.seconds);
    let plan = Plan { rate: args.rate, duration, lag_from: duration / 2 };
    tokio::select! {
        finished = traffic::clients(server, tls, plan) => finished.map(drop),
        Some(ended) = serving.join_next() => ended?,
    }
}

/// Takes slow handshakes out of the log and asks for their flows. Returns how many there were.
async fn pull_triggers(mut log: Subscription, slow: Sender<Trigger>, since_ns: u64) -> Result<u64> {
    let mut taken = 0;
    while let Some(delivery) = log.next().await.context("reading the log")? {
        match trigger_of(&delivery.message()) {
            // An earlier run that was killed may have left messages about packets long gone.
            Ok(trigger) if trigger.at_ns < since_ns => {}
            Ok(trigger) => {
                taken += 1;
                slow.send(trigger).map_err(|_| anyhow!("nobody takes triggers any more"))?;
            }
            Err(NotSlow::NoElement) => {}
            Err(reason) => tracing::warn!(%reason, "a message asks for a recording in vain"),
        }
        log.ack().context("moving the log's cursor")?;
    }
    Ok(taken)
}

async fn interrupt() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<JoinHandle<Result<T>>> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(work).with_context(|| format!("starting the {name} thread"))
}

fn join<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn count_lines(path: &Path) -> Result<u64> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().count() as u64),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

const TICK: Duration = Duration::from_millis(20);
