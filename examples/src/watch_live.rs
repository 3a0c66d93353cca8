//! What the live tasks of `watch` share: samples from threads that fetch them, one fleet, and
//! those who are told.

mod rules;
mod args;
mod desk;
mod token;
mod board;
mod state;

use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anomaly::{Fleet, Labels, Sample, UnixNanos};
use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::signal::unix::{SignalKind, signal};

use crate::watch_csv::is_closed;

pub use args::Args;
use desk::Desk;
pub(crate) use token::Token;

/// What a feed's thread sends.
#[derive(Debug)]
pub enum Fed {
    /// Samples by now.
    Now(Vec<(Labels, Sample)>),
    /// Samples of the past, oldest first: to learn from, not to tell of.
    Past(Vec<(Labels, Sample)>),
    /// It cannot go on.
    Failed(anyhow::Error),
    /// Somebody wants us to end.
    Stop,
}

/// A feed's way to the fleet. Cheap to clone, one for each thread.
#[derive(Clone, Debug)]
pub struct Feed {
    to: Sender<Fed>,
    stopped: Receiver<Infallible>,
}

impl Feed {
    /// Hands over; false when nobody is there any more.
    pub fn send(&self, fed: Fed) -> bool {
        self.to.send(fed).is_ok()
    }

    /// Waits; false when it is time to end.
    pub fn pause(&self, duration: Duration) -> bool {
        self.stopped.recv_timeout(duration) == Err(RecvTimeoutError::Timeout)
    }
}

/// The system's clock.
pub fn now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos::new(0).after(since)
}

/// Watches what `start` feeds, one value every `every`, until SIGINT or SIGTERM; then delivers what
/// is under way.
///
/// # Errors
///
/// When a feed cannot begin, or cannot go on, or standard output is gone.
pub fn run(args: &Args, every: Duration, start: impl FnOnce(Feed) -> Result<()>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if let Some(address) = args.metrics {
        board::serve(&runtime, address)?;
    }
    let mut desk = Desk::new(args)?;
    let mut fleet = args.fleet(every)?;
    if let Some(path) = &args.state {
        state::load(path, &mut fleet, &mut desk)?;
    }
    let (to, fed) = crossbeam_channel::bounded(MOST_WAITING);
    let (stop, stopped) = crossbeam_channel::bounded::<Infallible>(0);
    // Before anybody is told that we watch: a signal that comes at once is not missed.
    let context = runtime.enter();
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    drop(context);
    runtime.spawn(stop_on(terminate, to.clone()));
    runtime.spawn(stop_on(interrupt, to.clone()));
    start(Feed { to, stopped })?;
    let done = watch(&fed, &mut fleet, &mut desk, every, args.state.as_deref());
    drop((stop, fed));
    runtime.shutdown_background();
    let saved = args.state.as_deref().map_or(Ok(()), |path| state::save(path, &fleet, &desk));
    match done {
        Err(error) if is_closed(&error) => saved,
        done => done.and(saved),
    }
}

fn watch(
    fed: &Receiver<Fed>,
    fleet: &mut Fleet,
    desk: &mut Desk,
    every: Duration,
    state: Option<&Path>,
) -> Result<()> {
    let begun = now();
    let (mut told, mut saved) = (begun, begun);
    loop {
        match fed.recv_timeout(TICK) {
            Ok(Fed::Now(samples)) => {
                for (labels, sample) in samples {
                    fleet.observe(&labels, sample);
                }
            }
            Ok(Fed::Past(samples)) => {
                for (labels, sample) in samples {
                    fleet.observe(&labels, sample);
                    // Alerts of the past are history too; those that are still on are told.
                    while fleet.poll_event().is_some() {}
                }
                // More of it may come: who is missing is seen when it is all there.
                continue;
            }
            Ok(Fed::Failed(error)) => return Err(error),
            Ok(Fed::Stop) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("nothing feeds this any more"),
        }
        let now = now();
        // Telling the time costs a look at every series; many feeds send often.
        if now.since(told) < LEAST_TICK {
            continue;
        }
        told = now;
        // After a restart nobody is missing before everybody had a turn.
        if now.since(begun) >= every + SETTLING {
            fleet.handle_timeout(now);
        }
        board::publish(fleet);
        let news = desk.tell(now, fleet).context("cannot write to standard output")?;
        let Some(path) = state else { continue };
        // The first alert finds what it is about put away, however early it comes.
        let first = news && saved == begun;
        let done = if first || now.since(saved) >= SAVE_EVERY {
            saved = now;
            state::save(path, fleet, desk)
        } else if news {
            // What was told is not told again, whatever happens next.
            state::save_alerts(path, fleet, desk)
        } else {
            continue;
        };
        // What was learned is still in memory: the disk may have room next time.
        if let Err(error) = done {
            tracing::error!(error = format!("{error:#}"), "what was learned is not kept");
        }
    }
}

async fn stop_on(mut signal: tokio::signal::unix::Signal, to: Sender<Fed>) {
    signal.recv().await;
    // The queue may be full, and waiting would hold the runtime.
    let _ = tokio::task::spawn_blocking(move || to.send(Fed::Stop)).await;
}

const TICK: Duration = Duration::from_secs(1);
const SAVE_EVERY: Duration = Duration::from_mins(5);
/// How long what is fed first may take to arrive.
const SETTLING: Duration = Duration::from_secs(2);
const LEAST_TICK: Duration = Duration::from_millis(200);
/// Batches of samples; feeds wait when the fleet is behind.
const MOST_WAITING: usize = 64;
