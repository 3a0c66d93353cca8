//! The thread that turns triggers into files.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use ring_capture::{Accepted, Rate, Recorder, RecorderConfig, Ring, Trigger};

use super::capture::Progress;
use crate::flight::{Flight, FlightFolder};
use crate::names::ClientNames;

/// What came of all triggers.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// Recordings begun.
    pub begun: u64,
    /// Files written.
    pub written: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Packets in them.
    pub packets: u64,
    /// How many of each network were judged how.
    pub verdicts: BTreeMap<(String, &'static str), u64>,
    /// The one to show: the slowest.
    pub slowest: Option<Flight>,
}

/// Takes slow handshakes until the channel closes and the last recording is due, and writes each
/// one's flow.
///
/// # Errors
///
/// When a file cannot be written or a flow is not in the ring.
pub(super) fn run(
    slow: &Receiver<Trigger>,
    mut folder: FlightFolder,
    ring: &Ring,
    progress: &Arc<Progress>,
    names: &ClientNames,
) -> Result<Flights> {
    let mut recorder = Recorder::new(limits());
    let (mut flights, mut open) = (Flights::default(), true);
    while open || recorder.next_at_ns().is_some() {
        if open {
            match slow.recv_timeout(TICK) {
                Ok(trigger) => match recorder.trigger(trigger) {
                    Ok(Accepted::Begun) => flights.begun += 1,
                    Ok(_) => {}
                    Err(reason) => tracing::warn!(%reason, "a slow handshake is not recorded"),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        } else {
            std::thread::sleep(TICK);
        }
        // The kernel hands packets over in blocks: give the last ones time to arrive.
        let now_ns = progress.now_ns().saturating_sub(HANDOVER.as_nanos() as u64);
        if progress.has_ended() {
            recorder.finish(now_ns, ring);
        } else {
            recorder.handle_timeout(now_ns, ring);
        }
        while let Some(recording) = recorder.poll_recording() {
            if let Some(flight) = folder.write(&recording, progress.counts(), |ip| names.of(ip))? {
                flights.add(flight, names)?;
            }
        }
    }
    Ok(flights)
}

impl Flights {
    fn add(&mut self, flight: Flight, names: &ClientNames) -> Result<()> {
        self.written += 1;
        self.packets += flight.packets as u64;
        self.bytes += std::fs::metadata(&flight.path)?.len();
        if let Some(client) = flight.report.client {
            *self
                .verdicts
                .entry((names.of(client.ip()), flight.report.verdict.label()))
                .or_default() += 1;
        }
        let took = |flight: &Flight| flight.report.phases.total;
        if self.slowest.as_ref().is_none_or(|slowest| took(slowest) < took(&flight)) {
            self.slowest = Some(flight);
        }
        Ok(())
    }
}

/// The demo wants every slow handshake, up to its own highest rate.
fn limits() -> RecorderConfig {
    let rate = Rate { per_second: 1_000.0, burst: 10_000 };
    RecorderConfig::default().per_kind(rate).per_network(rate).max_active(10_000)
}

const TICK: Duration = Duration::from_millis(20);
const HANDOVER: Duration = Duration::from_millis(100);
