//! `recorder run`: all packets of an interface in memory, slow handshakes on disk.

mod args;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log_pipeline::cursor::Start;
use log_pipeline::net::{Config as LogConfig, Limits, Pipeline, Subscription};
use metrics_exporter_prometheus::PrometheusBuilder;
use ring_capture::afpacket::privilege::{self, User};
use ring_capture::afpacket::{KernelStats, LinkState, PacketSocket, Reopening, SocketConfig};
use ring_capture::filter::Filter;
use ring_capture::{
    Config, Packet, Quota, Recorder, RecorderStats, Ring, Snaplen, StoreError, StoreStats, Tap,
    Trigger,
};
use tls_probe::{LinkType, Table};
use tokio::signal::unix::{SignalKind, signal};

pub use args::{Args, Keep};

use crate::changes::{Changes, Idled};
use crate::flight::{CaptureCounts, CaptureFacts, FlightFolder};
use crate::journal::Journal;
use crate::slow::{NotSlow, SlowHandshake, trigger_of};

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
    let quota = Quota {
        max_bytes: args.quota.as_u64(),
        min_free_bytes: args.min_free.as_u64(),
        ..Quota::default()
    };
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
    let changes = args.alert.as_deref();
    let changes = changes.map(|url| Changes::watch(url, args.alert_window, unix_ns)).transpose()?;
    let idled = changes.as_ref().map(|changes| changes.to.clone());
    let journal =
        args.journal.then(|| follow_journal(args, slow_to.clone(), &shared)).transpose()?;
    let mut captures = Vec::new();
    for (socket, producer) in sockets.into_iter().zip(producers) {
        let (shared, slow) = (Arc::clone(&shared), args.slow);
        let to = Destinations { slow: slow_to.clone(), idled: idled.clone() };
        let tap = Tap::with_snaplen(producer, args.snaplen.policy());
        let capture = move || Capture::new(tap, slow, to, &shared).run(socket.into());
        captures.push(std::thread::Builder::new().name("capture".into()).spawn(capture)?);
    }
    drop((slow_to, idled));
    tracing::info!(interface = args.interface, ring = %args.ring, "recording");
    let written = record(&slow_from, flights, &ring, &shared);
    shared.stop.store(true, Ordering::Relaxed);
    let mut captured = Ok(());
    for capture in captures {
        let ended = capture.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        captured = captured.and(ended);
    }
    if let Some(changes) = changes {
        changes.join();
    }
    if let Some(journal) = journal {
        let _ = journal.join();
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
    written: Mutex<Written>,
}

/// What became of triggers, and what is on disk, as of a moment ago.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    recorder: RecorderStats,
    store: StoreStats,
}

impl Shared {
    fn counts(&self) -> CaptureCounts {
        CaptureCounts {
            seen: self.seen.load(Ordering::Relaxed),
            dropped_by_kernel: self.dropped_by_kernel.load(Ordering::Relaxed),
            dropped_by_ring: self.dropped_by_ring.load(Ordering::Relaxed),
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Capturing never waits for the recorder.
    fn ask(&self, slow: &Sender<Trigger>, trigger: Trigger) {
        if slow.try_send(trigger).is_err() && !self.stop.load(Ordering::Relaxed) {
            self.lost_triggers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The capturing thread: every packet into the ring and past the probe.
struct Capture<'a> {
    tap: Tap<Box<dyn Snaplen + Send>>,
    table: Table,
    slow: Duration,
    to: Destinations,
    shared: &'a Shared,
}

/// Where handshakes go from the capturing threads.
struct Destinations {
    slow: Sender<Trigger>,
    idled: Option<Sender<Idled>>,
}

impl<'a> Capture<'a> {
    fn new(
        tap: Tap<Box<dyn Snaplen + Send>>,
        slow: Duration,
        to: Destinations,
        shared: &'a Shared,
    ) -> Self {
        Self { tap, table: Table::new(tls_probe::Config::default()), slow, to, shared }
    }

    fn run(mut self, mut socket: Reopening) -> Result<()> {
        let (mut state, mut dropped) = (LinkState::Up, 0);
        while !self.shared.stop.load(Ordering::Relaxed) {
            let seen = socket.poll(Instant::now(), POLL, |frame| {
                let packet = Packet::parse(frame.link, frame.bytes);
                if self.tap.push_parsed(packet.as_ref(), frame).is_err() {
                    self.shared.dropped_by_ring.fetch_add(1, Ordering::Relaxed);
                }
                // Most packets are of connections whose handshake is long over: one look is enough.
                let ignored = packet.is_none_or(|packet| {
                    let (one, other) = packet.flow.endpoints();
                    let payload = &frame.bytes[packet.payload_at..];
                    self.table.ignores(one, other, packet.tcp_flags & SYN != 0, payload)
                });
                if ignored {
                    return;
                }
                if let Some(link) = LinkType::of(frame.link.number().into()) {
                    self.table.packet(frame.timestamp_ns, link, frame.bytes, frame.original_len);
                }
            })?;
            self.shared.seen.fetch_add(seen as u64, Ordering::Relaxed);
            if state != socket.state() {
                state = socket.state();
                tracing::warn!(?state, "the interface has changed");
            }
            self.table.expire(unix_ns());
            while let Some(report) = self.table.poll_report() {
                match SlowHandshake::of(&report) {
                    Some(handshake) if handshake.total >= self.slow => {
                        self.shared.ask(&self.to.slow, handshake.trigger());
                    }
                    _ => {}
                }
                if let (Some(to), Some(idled)) = (&self.to.idled, Idled::of(&report)) {
                    let _ = to.try_send(idled);
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
    slow: &Receiver<Trigger>,
    mut flights: FlightFolder,
    ring: &Ring,
    shared: &Shared,
) -> Result<()> {
    let mut recorder = Recorder::default();
    loop {
        let mut stopping = shared.stop.load(Ordering::Relaxed);
        let tick = if recorder.stats().active > 0 { TICK } else { IDLE_TICK };
        match slow.recv_timeout(tick) {
            Ok(trigger) => {
                let flow = trigger.flow;
                if let Err(reason) = recorder.trigger(trigger) {
                    tracing::debug!(%reason, %flow, "not recorded");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The capture was told to stop while this waited.
            Err(RecvTimeoutError::Disconnected) if shared.stop.load(Ordering::Relaxed) => {
                stopping = true;
            }
            // The capture has ended by itself: its error is the one to tell.
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
        *shared.written() = Written { recorder: recorder.stats(), store: flights.stats() };
        if stopping && slow.is_empty() {
            let CaptureCounts { seen, dropped_by_kernel, dropped_by_ring } = shared.counts();
            let lost_triggers = shared.lost_triggers.load(Ordering::Relaxed);
            tracing::info!(seen, dropped_by_kernel, dropped_by_ring, lost_triggers, "stopped");
            return Ok(());
        }
    }
}

/// Takes triggers from the journal, in a thread of its own.
fn follow_journal(
    args: &Args,
    slow: Sender<Trigger>,
    shared: &Arc<Shared>,
) -> Result<JoinHandle<()>> {
    let (journal, shared) = (Journal::new(args.journal_dir.clone()), Arc::clone(shared));
    let follow = move || journal.follow(&shared.stop, |trigger| shared.ask(&slow, trigger));
    let thread = std::thread::Builder::new().name("journal".into()).spawn(follow);
    thread.context("starting a thread")
}

/// Takes triggers by syslog, through a durable log under the output folder.
fn listen(
    args: &Args,
    address: SocketAddr,
    slow: Sender<Trigger>,
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

async fn pull(mut log: Subscription, slow: Sender<Trigger>, shared: Arc<Shared>) {
    loop {
        let delivery = match log.next().await {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "reading the log");
                return;
            }
        };
        match trigger_of(&delivery.message()) {
            Ok(trigger) => shared.ask(&slow, trigger),
            Err(NotSlow::NoElement) => {}
            Err(reason) => tracing::warn!(%reason, "a message asks for a recording in vain"),
        }
        if let Err(error) = log.ack() {
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
            let written = *shared.written();
            ring_capture::metrics::publish_recorder(&written.recorder);
            ring_capture::metrics::publish_store(&written.store);
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
const SYN: u8 = 2;
const POLL: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(20);
/// While nothing is being recorded there is nothing to follow, only the end to notice.
const IDLE_TICK: Duration = Duration::from_millis(200);
const HANDOVER: Duration = Duration::from_millis(100);
