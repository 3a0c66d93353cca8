//! The task that owns all that wait.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::asked::{Heard, Ways};
use super::clock::Clock;
use super::reply::{Missed, ReplyTo};
use super::server::Status;
use crate::miss::Misses;
use crate::system::SystemConfig;
use crate::upstream::Upstream;

/// What the task needs.
pub(super) struct Asking {
    pub(super) misses: Misses<ReplyTo>,
    pub(super) asked: Ways,
    pub(super) clock: Clock,
    pub(super) missed: mpsc::Receiver<Missed>,
    pub(super) heard: mpsc::Receiver<Heard>,
    pub(super) status: Arc<Mutex<Status>>,
    /// Asked whatever the system's configuration says.
    pub(super) fixed: Vec<Upstream>,
    /// Whether the bounds of asking are the system's too.
    pub(super) follows_bounds: bool,
    /// Says that nothing more is to be taken.
    pub(super) closing: oneshot::Receiver<()>,
}

impl Asking {
    /// Runs until it is told to close, or nobody can miss anything any more, and all that waited are
    /// answered.
    pub(super) async fn run(mut self) {
        let (mut open, mut closing) = (true, false);
        let (mut missed, mut heard) = (Vec::new(), Vec::new());
        loop {
            self.flush();
            if !open && self.misses.waiting() == 0 {
                return;
            }
            let timer = self.misses.next_timeout().map(|at| self.clock.instant(at));
            let due = async {
                match timer {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                taken = self.missed.recv_many(&mut missed, MANY), if open => open = taken > 0,
                _ = &mut self.closing, if !closing => {
                    closing = true;
                    self.missed.close();
                }
                _ = self.heard.recv_many(&mut heard, MANY) => {}
                () = due => {}
            }
            let now = self.clock.now();
            for heard in heard.drain(..) {
                match heard {
                    Heard::Response(attempt, response) => {
                        self.misses.handle_response(now, attempt, &response);
                    }
                    Heard::Failure(attempt) => self.misses.handle_failure(now, attempt),
                }
            }
            for missed in missed.drain(..) {
                match missed {
                    Missed::Query { query, client, transport, to } => {
                        self.misses.handle_query(now, to, client, &query, transport);
                    }
                    Missed::Explain { query, client, tell } => {
                        self.misses.explain(now, ReplyTo::Explainer(tell), client, &query);
                    }
                    Missed::Refresh { query, client } => self.misses.refresh(now, client, &query),
                    Missed::Servers(servers) => self.misses.set_upstreams(servers),
                    Missed::System(system) => self.follow(system),
                }
            }
            self.misses.handle_timeout(now);
        }
    }

    /// The system's configuration has changed.
    fn follow(&mut self, system: SystemConfig) {
        let bounds = system.forward();
        if self.follows_bounds {
            self.misses.set_bounds(bounds.deadline, bounds.max_attempts, bounds.rotate);
        }
        self.misses.set_upstreams(self.fixed.iter().cloned().chain(system.servers));
    }

    fn flush(&mut self) {
        self.asked.know(self.misses.forwarder().places());
        while let Some(transmit) = self.misses.poll_transmit() {
            self.asked.send(transmit);
        }
        while let Some(ended) = self.misses.poll_ended() {
            let (name, error) = (ended.question.name(), ended.error.map(|error| error.label()));
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            status.last_asked.clone_from(&ended.asked);
            tracing::debug!(dns.question.name = %name, error, asked = ?ended.asked, "resolve");
        }
        let now = self.clock.now();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.note(now, &self.misses);
        drop(status);
        // Last, so that whoever is answered finds in the status how.
        while let Some((to, response, asked)) = self.misses.poll_explained() {
            to.send(response, asked);
        }
    }
}

/// Messages taken off a channel at once.
const MANY: usize = 64;
