//! `recorder run`: all packets of an interface in memory, slow handshakes on disk.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytesize::ByteSize;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log_pipeline::cursor::Start;
use log_pipeline::net::{Config as LogConfig, Limits, Pipeline, Subscription};
use metrics_exporter_prometheus::PrometheusBuilder;
use ring_capture::afpacket::privilege::{self, User};
use ring_capture::afpacket::{KernelStats, LinkState, PacketSocket, Reopening, SocketConfig};
use ring_capture::filter::Filter;
use ring_capture::{
    Config, Fixed, Quota, Recorder, Ring, Snaplen, StoreError, Tap, TlsHandshakes, Whole,
};
use tls_probe::{LinkType, Table};
use tokio::signal::unix::{SignalKind, signal};

use crate::flight::{CaptureCounts, CaptureFacts, FlightFolder};
use crate::slow::{NotSlow, SlowHandshake};

/// Keep every packet of an interface in memory; write the flows of slow handshakes
///
/// Each flight is one line of JSON on standard output, and a pcapng file. Needs CAP_NET_RAW.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The interface to capture on
    #[arg(long, value_name = "IF")]
    pub interface: String,
    /// Folder for the flights; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A handshake that takes this long is kept
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub slow: Duration,
    /// Memory of the ring
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub ring: ByteSize,
    /// Threads that capture, each with its share of the flows and of the ring
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub fanout: u8,
    /// How much of each packet to keep: `whole`, `handshakes` (of each flow the first 16 KiB, headers
    /// after), or a number of bytes
    #[arg(long, value_name = "POLICY", default_value = "whole")]
    pub snaplen: Keep,
    /// Become this user once the sockets are open; all capabilities are given up in any case
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Disk space for the flights; the oldest make room
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub quota: ByteSize,
    /// Which packets to keep, in tcpdump's words
    #[arg(long, value_name = "BPF", default_value = "tcp")]
    pub filter: String,
    /// Listen here for syslog over TCP; a message with an element `tls@32473` asks for its flow
    #[arg(long, value_name = "ADDR")]
    pub syslog: Option<SocketAddr>,
    /// Serve metrics for Prometheus here, at /metrics
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// How much of each packet goes into the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    Whole,
    /// Handshakes whole, headers after.
    Handshakes,
    /// The first bytes.
    Bytes(usize),
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "whole" => Ok(Self::Whole),
            "handshakes" => Ok(Self::Handshakes),
            bytes => bytes
                .parse()
                .map(Self::Bytes)
                .map_err(|_| "give `whole`, `handshakes` or a number of bytes".to_owned()),
        }
    }
}

impl Keep {
    fn policy(self) -> Box<dyn Snaplen + Send> {
        match self {
            Self::Whole => Box::new(Whole),
            Self::Handshakes => Box::new(TlsHandshakes::default()),
            Self::Bytes(bytes) => Box::new(Fixed(bytes)),
        }
    }
}

/// Records until SIGINT or SIGTERM, then completes what is under way.
///
/// # Errors
///
/// When the socket cannot be opened, the filter does not parse, or a flight cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let filter = Filter::parse(&args.filter).context("--filter")?;
    let facts = CaptureFacts {
        interface: args.interface.clone(),
        filter: Some(filter.to_string()),
        server_port: None,
        since_ns: unix_ns(),
    };
    let config = SocketConfig::new(&args.interface).filter(filter);
    // On loopback each packet is seen twice, going out and coming in.
    let config = config.incoming_only(args.interface == "lo");
    let threads = usize::from(args.fanout);
    let sockets = match threads {
        1 => vec![PacketSocket::open(&config)?],
        _ => PacketSocket::open_many(&config, threads)?,
    };
    // Before any thread is started, and before anything of others is read.
    let user = args.user.as_deref().map(User::named).transpose()?;
    privilege::drop_all(user).context("giving up privileges")?;
    let sizes = Config::default().bytes(args.ring.as_u64() as usize).producers(threads);
    let (ring, producers) =
        Ring::new(&sizes).with_context(|| format!("cannot make a ring of {}", args.ring))?;
    let quota = Quota { max_bytes: args.quota.as_u64(), ..Quota::default() };
    let flights = FlightFolder::open(&args.out, quota, facts)?;
    let (slow_to, slow_from) = crossbeam_channel::bounded(4096);
    let shared = Arc::new(Shared::default());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;

    let pipeline = args
        .syslog
        .map(|address| {
            let _context = runtime.enter();
            listen(args, address, slow_to.clone(), &shared)
        })
        .transpose()?;
    runtime.spawn(stop_on_signal(Arc::clone(&shared)));
    if let Some(address) = args.metrics {
        serve_metrics(&runtime, address, ring.clone(), Arc::clone(&shared))?;
    }
    let mut captures = Vec::new();
    for (socket, producer) in sockets.into_iter().zip(producers) {
        let (shared, slow, to) = (Arc::clone(&shared), args.slow, slow_to.clone());
        let tap = Tap::with_snaplen(producer, args.snaplen.policy());
        let capture = move || Capture::new(tap, slow, to, &shared).run(socket.into());
        captures.push(std::thread::Builder::new().name("capture".into()).spawn(capture)?);
    }
    drop(slow_to);
    tracing::info!(interface = args.interface, ring = %args.ring, "recording");
    let written = record(&slow_from, flights, &ring, &shared);
    shared.stop.store(true, Ordering::Relaxed);
    let mut captured = Ok(());
    for capture in captures {
        let ended = capture.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        captured = captured.and(ended);
    }
    if let Some(pipeline) = pipeline {
        runtime.block_on(pipeline.shutdown()).context("ending the log")?;
    }
    written.and(captured)
}

/// What the threads tell each other.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    seen: AtomicU64,
    dropped_by_kernel: AtomicU64,
    dropped_by_ring: AtomicU64,
    /// Slow handshakes for which there was no room on the way to the recorder.
    lost_triggers: AtomicU64,
}

impl Shared {
    fn counts(&self) -> CaptureCounts {
        CaptureCounts {
            seen: self.seen.load(Ordering::Relaxed),
            dropped_by_kernel: self.dropped_by_kernel.load(Ordering::Relaxed),
            dropped_by_ring: self.dropped_by_ring.load(Ordering::Relaxed),
        }
    }

    /// Capturing never waits for the recorder.
    fn ask(&self, slow: &Sender<SlowHandshake>, handshake: SlowHandshake) {
        if slow.try_send(handshake).is_err() && !self.stop.load(Ordering::Relaxed) {
            self.lost_triggers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The capturing thread: every packet into the ring and past the probe.
struct Capture<'a> {
    tap: Tap<Box<dyn Snaplen + Send>>,
    table: Table,
    slow: Duration,
    to: Sender<SlowHandshake>,
    shared: &'a Shared,
}

impl<'a> Capture<'a> {
    fn new(
        tap: Tap<Box<dyn Snaplen + Send>>,
        slow: Duration,
        to: Sender<SlowHandshake>,
        shared: &'a Shared,
    ) -> Self {
        Self { tap, table: Table::new(tls_probe::Config::default()), slow, to, shared }
    }

    fn run(mut self, mut socket: Reopening) -> Result<()> {
        let (mut state, mut dropped) = (LinkState::Up, 0);
        while !self.shared.stop.load(Ordering::Relaxed) {
            socket.poll(Instant::now(), POLL, |frame| {
                self.shared.seen.fetch_add(1, Ordering::Relaxed);
                if self.tap.push(frame).is_err() {
                    self.shared.dropped_by_ring.fetch_add(1, Ordering::Relaxed);
                }
                if let Some(link) = LinkType::of(frame.link.number().into()) {
                    self.table.packet(frame.timestamp_ns, link, frame.bytes, frame.original_len);
                }
            })?;
            if state != socket.state() {
                state = socket.state();
                tracing::warn!(?state, "the interface has changed");
            }
            self.table.expire(unix_ns());
            while let Some(report) = self.table.poll_report() {
                match SlowHandshake::of(&report) {
                    Some(handshake) if handshake.total >= self.slow => {
                        self.shared.ask(&self.to, handshake);
                    }
                    _ => {}
                }
            }
            // A sum over all threads: each adds what is new.
            let total = socket.stats()?.dropped;
            self.shared.dropped_by_kernel.fetch_add(total - dropped, Ordering::Relaxed);
            dropped = total;
        }
        Ok(())
    }
}

/// Turns triggers into files until told to stop; then with what the ring has.
fn record(
    slow: &Receiver<SlowHandshake>,
    mut flights: FlightFolder,
    ring: &Ring,
    shared: &Shared,
) -> Result<()> {
    let mut recorder = Recorder::default();
    loop {
        let stopping = shared.stop.load(Ordering::Relaxed);
        match slow.recv_timeout(TICK) {
            Ok(handshake) => {
                if let Err(reason) = recorder.trigger(handshake.trigger()) {
                    tracing::debug!(%reason, client = %handshake.client, "not recorded");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The capture has ended: its error is the one to tell.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        // The kernel hands packets over in blocks: give the last ones time to arrive.
        let now_ns = unix_ns().saturating_sub(HANDOVER.as_nanos() as u64);
        if stopping {
            recorder.finish(now_ns, ring);
        } else {
            recorder.handle_timeout(now_ns, ring);
        }
        while let Some(recording) = recorder.poll_recording() {
            match flights.write(&recording, shared.counts(), |ip| ip.to_string()) {
                Ok(Some(flight)) => println!("{}", flight.line),
                Ok(None) => {}
                // A full disk stops the writing, not the recording: it is said once, by the store.
                Err(error) => match error.downcast_ref::<StoreError>() {
                    Some(StoreError::Full(_)) => tracing::error!("{error:#}"),
                    Some(StoreError::Resting) => {}
                    _ => return Err(error),
                },
            }
        }
        if stopping && slow.is_empty() {
            let CaptureCounts { seen, dropped_by_kernel, dropped_by_ring } = shared.counts();
            let lost_triggers = shared.lost_triggers.load(Ordering::Relaxed);
            tracing::info!(seen, dropped_by_kernel, dropped_by_ring, lost_triggers, "stopped");
            return Ok(());
        }
    }
}

/// Takes triggers by syslog, through a durable log under the output folder.
fn listen(
    args: &Args,
    address: SocketAddr,
    slow: Sender<SlowHandshake>,
    shared: &Arc<Shared>,
) -> Result<Pipeline> {
    let spool = args.out.join("spool");
    let pipeline = Pipeline::open(LogConfig::new(&spool))
        .with_context(|| format!("cannot open the log in {}", spool.display()))?;
    let trigger = pipeline.subscribe("trigger", Start::End)?;
    let address = pipeline.listen_tcp(address, Limits::default())?;
    tracing::info!(%address, "listening for syslog");
    tokio::spawn(pull(trigger, slow, Arc::clone(shared)));
    Ok(pipeline)
}

async fn pull(mut trigger: Subscription, slow: Sender<SlowHandshake>, shared: Arc<Shared>) {
    loop {
        let delivery = match trigger.next().await {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "reading the log");
                return;
            }
        };
        match SlowHandshake::from_message(&delivery.message()) {
            Ok(handshake) => shared.ask(&slow, handshake),
            Err(NotSlow::NoElement) => {}
            Err(reason) => tracing::warn!(%reason, "a message asks for a recording in vain"),
        }
        if let Err(error) = trigger.ack() {
            tracing::error!(%error, "moving the log's cursor");
            return;
        }
    }
}

/// Publishes the ring's counts every second for as long as the runtime runs.
fn serve_metrics(
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
    ring: Ring,
    shared: Arc<Shared>,
) -> Result<()> {
    let _context = runtime.enter();
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    ring_capture::metrics::describe();
    metrics::describe_counter!(LOST_TRIGGERS, "Slow handshakes that found no room on their way");
    runtime.spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(1));
        loop {
            every.tick().await;
            ring_capture::metrics::publish(&ring);
            ring_capture::metrics::publish_kernel(&KernelStats {
                packets: shared.seen.load(Ordering::Relaxed),
                dropped: shared.dropped_by_kernel.load(Ordering::Relaxed),
                ..KernelStats::default()
            });
            let lost = shared.lost_triggers.load(Ordering::Relaxed);
            metrics::counter!(LOST_TRIGGERS).absolute(lost);
        }
    });
    Ok(())
}

async fn stop_on_signal(shared: Arc<Shared>) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    shared.stop.store(true, Ordering::Relaxed);
}

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

const LOST_TRIGGERS: &str = "recorder_lost_triggers_total";
const POLL: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(20);
const HANDOVER: Duration = Duration::from_millis(100);
