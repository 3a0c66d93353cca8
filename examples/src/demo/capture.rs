//! Where the demo's packets come from: a packet socket, one in a namespace of its own, or a file.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use ring_capture::afpacket::{OpenError, PacketSocket, SocketConfig};
use ring_capture::{Frame, Packet, Tap};
use tls_probe::{LinkType, Report, Table};
use tokio::sync::mpsc;

use super::namespace;
use crate::flight::CaptureCounts;

/// How to come by packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The first of the others that works here
    #[default]
    Auto,
    /// A packet socket on lo (needs CAP_NET_RAW)
    Socket,
    /// A packet socket in a user and network namespace of its own
    Namespace,
    /// No capture: replay one made by this demo
    Replay,
}

/// What was found to work.
#[derive(Debug)]
pub enum Source {
    /// A packet socket on loopback, and whether it is in a namespace of our own.
    Socket {
        /// The socket.
        socket: Box<PacketSocket>,
        /// Whether the process has moved into a namespace.
        in_namespace: bool,
    },
    /// The capture built into the program, and why.
    Replay {
        /// Why nothing better was to be had.
        because: String,
    },
}

impl Source {
    /// Finds a way. Must run before any thread is started: it may move the process.
    ///
    /// # Errors
    ///
    /// When the one way that was asked for does not work.
    pub fn find(mode: Mode) -> Result<Self> {
        let socket = |in_namespace| -> Result<Self, OpenError> {
            let config = SocketConfig::new(INTERFACE).incoming_only(true);
            Ok(Self::Socket { socket: Box::new(PacketSocket::open(&config)?), in_namespace })
        };
        let in_namespace = || {
            namespace::enter().context("no user and network namespace")?;
            socket(true).context("no packet socket inside the namespace")
        };
        match mode {
            Mode::Socket => Ok(socket(false)?),
            Mode::Namespace => in_namespace(),
            Mode::Replay => Ok(Self::Replay { because: "as asked".to_owned() }),
            Mode::Auto => match socket(false) {
                Ok(source) => Ok(source),
                Err(OpenError::NotPermitted(_)) => Ok(in_namespace().unwrap_or_else(|error| {
                    Self::Replay { because: format!("no CAP_NET_RAW, and {error:#}") }
                })),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// One line for the person watching.
    pub fn describe(&self) -> String {
        match self {
            Self::Socket { in_namespace: false, .. } => {
                format!("capturing on {INTERFACE} with a packet socket")
            }
            Self::Socket { in_namespace: true, .. } => format!(
                "capturing on {INTERFACE} in a user and network namespace of its own (no CAP_NET_RAW outside)"
            ),
            Self::Replay { because } => {
                format!("no live packets ({because}): replaying a capture this demo made earlier")
            }
        }
    }
}

/// What the capture tells the rest while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    seen: AtomicU64,
    kept: AtomicU64,
    dropped_by_kernel: AtomicU64,
    dropped_by_ring: AtomicU64,
    /// Timestamp of the newest packet of a replay; 0 while packets are live.
    replayed_until_ns: AtomicU64,
    stop: AtomicBool,
    ended: AtomicBool,
}

impl Progress {
    /// Ends the capture once everything that has arrived is in the ring.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether no further packet will come.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The time of the packets: of a replay theirs, else the clock's.
    pub fn now_ns(&self) -> u64 {
        match self.replayed_until_ns.load(Ordering::Relaxed) {
            0 => unix_ns(),
            replayed => replayed,
        }
    }

    /// Packets that went into the ring.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// What files say of the capture.
    pub fn counts(&self) -> CaptureCounts {
        CaptureCounts {
            seen: self.seen.load(Ordering::Relaxed),
            dropped_by_kernel: self.dropped_by_kernel.load(Ordering::Relaxed),
            dropped_by_ring: self.dropped_by_ring.load(Ordering::Relaxed),
        }
    }

    fn push(&self, tap: &mut Tap, frame: &Frame<'_>) {
        match tap.push(frame) {
            Ok(_) => self.kept.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.dropped_by_ring.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// Moves packets from the socket to the ring until told to stop.
///
/// # Errors
///
/// When the interface goes away.
pub(crate) fn run(mut socket: PacketSocket, mut tap: Tap, progress: &Progress) -> Result<()> {
    // Before the filter was set, the traffic of others may have been dropped: that is no loss of ours.
    let before = socket.stats()?.dropped;
    loop {
        let stopping = progress.stop.load(Ordering::Relaxed);
        let packets = socket.poll(POLL, |frame| {
            progress.seen.fetch_add(1, Ordering::Relaxed);
            progress.push(&mut tap, frame);
        })?;
        let dropped = socket.stats()?.dropped - before;
        progress.dropped_by_kernel.store(dropped, Ordering::Relaxed);
        if stopping && packets == 0 {
            progress.ended.store(true, Ordering::Relaxed);
            return Ok(());
        }
    }
}

/// Replays the built-in capture at its own pace: packets to the ring, handshakes to `reports`.
///
/// # Errors
///
/// When the capture cannot be read.
pub fn replay(mut tap: Tap, progress: &Progress, reports: &mpsc::Sender<Report>) -> Result<()> {
    let mut file = ring_capture::CaptureFile::new(RECORDED)?;
    let mut table = Table::new(tls_probe::Config::default());
    let (begin, mut first_ns) = (Instant::now(), None);
    while let Some(frame) = file.next()? {
        let first_ns = *first_ns.get_or_insert(frame.timestamp_ns);
        let due = begin + Duration::from_nanos(frame.timestamp_ns.saturating_sub(first_ns));
        while let Some(wait) = due.checked_duration_since(Instant::now()) {
            if progress.stop.load(Ordering::Relaxed) {
                progress.ended.store(true, Ordering::Relaxed);
                return Ok(());
            }
            thread::sleep(wait.min(POLL));
        }
        progress.seen.fetch_add(1, Ordering::Relaxed);
        progress.push(&mut tap, &frame);
        progress.replayed_until_ns.store(frame.timestamp_ns, Ordering::Relaxed);
        if let Some(link) = LinkType::of(frame.link.number().into()) {
            table.packet(frame.timestamp_ns, link, frame.bytes, frame.original_len);
        }
        while let Some(report) = table.poll_report() {
            if reports.blocking_send(report).is_err() {
                bail!("nobody takes the reports");
            }
        }
    }
    progress.ended.store(true, Ordering::Relaxed);
    Ok(())
}

/// How long the built-in capture lasts, and which port it is of.
///
/// # Errors
///
/// When it cannot be read.
pub fn recorded_facts() -> Result<(Duration, u16, u64)> {
    let mut file = ring_capture::CaptureFile::new(RECORDED)?;
    let (mut first_ns, mut last_ns, mut port) = (None, 0, 0);
    while let Some(frame) = file.next()? {
        first_ns.get_or_insert(frame.timestamp_ns);
        last_ns = frame.timestamp_ns;
        // The server's is the port both ends of all flows have in common with 127.0.0.1.
        if let Some(packet) = Packet::parse(frame.link, frame.bytes) {
            port = packet.flow.endpoints().0.port();
        }
    }
    let first_ns = first_ns.context("the built-in capture is empty")?;
    Ok((Duration::from_nanos(last_ns - first_ns), port, first_ns))
}

/// The clock, in Unix nanoseconds.
pub fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// The interface the demo's traffic crosses.
pub const INTERFACE: &str = "lo";
const POLL: Duration = Duration::from_millis(50);
/// Handshakes a second in the built-in capture.
pub(super) const RECORDED_RATE: u32 = 60;
/// Six seconds of this demo, made by `just demo-capture`.
const RECORDED: &[u8] = include_bytes!("../../assets/demo.pcapng.gz");
