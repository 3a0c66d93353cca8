//! The task: waits for whatever comes first, and does what the cores say.

mod members;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::attempt::Ended;
use super::status::{ReplicaStatus, ReplicationStatus};
use super::{Command, Replica, attempt, random, saved, wall};
use crate::catalog::Member;
use crate::name::Name;
use crate::net::asked::TlsClient;
use crate::notify::Notifier;
use crate::primary::{Installed, Primary};
use crate::secondary::{AttemptError, Change, Secondary};
use crate::transfer::Received;
use crate::zone::{Difference, Zone};

pub(super) struct Task {
    primary: Primary,
    directory: Option<PathBuf>,
    begin: Instant,
    replicas: HashMap<Name, State>,
    notifier: Notifier,
    attempts: JoinSet<(Name, Ended)>,
    tls: TlsClient,
    status: ReplicationStatus,
}

struct State {
    secondary: Secondary,
    replica: Replica,
    /// Of a catalog: whom it listed last.
    members: Vec<Member>,
    /// Of a member: its catalog.
    listed_in: Option<Name>,
}

impl Task {
    pub(super) fn new(primary: Primary, directory: Option<PathBuf>, tls: TlsClient) -> Task {
        Task {
            primary,
            directory,
            begin: Instant::now(),
            replicas: HashMap::new(),
            notifier: Notifier::default(),
            attempts: JoinSet::new(),
            tls,
            status: ReplicationStatus::default(),
        }
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    fn file(&self, origin: &Name) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| saved::file(directory, origin))
    }

    pub(super) fn add(&mut self, replica: Replica) {
        self.add_listed(replica, None);
    }

    fn add_listed(&mut self, mut replica: Replica, listed_in: Option<Name>) {
        let origin = replica.config.origin.clone();
        replica.options.primaries.clone_from(&replica.config.primaries);
        self.primary.configure(&origin, replica.options.clone());
        let saved = self.file(&origin).and_then(|file| saved::load(&file, &origin));
        let secondary = Secondary::new(replica.config.clone(), saved, self.now());
        let zone = secondary.zone().cloned();
        let first = zone.clone().unwrap_or_else(|| Arc::new(Zone::void(&origin)));
        self.install(first, Vec::new());
        let state = State { secondary, replica, members: Vec::new(), listed_in };
        self.replicas.insert(origin.folded(), state);
        if let Some(zone) = zone {
            self.list(&zone);
        }
    }

    fn remove(&mut self, origin: &Name) {
        let Some(state) = self.replicas.remove(&origin.folded()) else { return };
        self.primary.remove(origin);
        if let Some(file) = self.file(origin) {
            let _ = std::fs::remove_file(file);
        }
        for member in state.members {
            // Another catalog's, or the configuration's, stay.
            let owner = self.replicas.get(&member.zone.0.folded()).map(|member| &member.listed_in);
            if owner.is_some_and(|owner| owner.as_ref() == Some(&origin.folded())) {
                self.remove(&member.zone.0);
            }
        }
    }

    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut closing: oneshot::Receiver<()>,
    ) {
        let unspecified = |ip: IpAddr| UdpSocket::bind(SocketAddr::new(ip, 0));
        let v4 = unspecified(Ipv4Addr::UNSPECIFIED.into()).await.ok();
        let v6 = unspecified(Ipv6Addr::UNSPECIFIED.into()).await.ok();
        let (mut from_v4, mut from_v6) = ([0; 4_096], [0; 4_096]);
        loop {
            self.begin_attempts();
            self.send_notices(v4.as_ref(), v6.as_ref()).await;
            let next = self.next_timeout();
            let pause = next.map_or(Duration::from_hours(1), |at| at.saturating_sub(self.now()));
            tokio::select! {
                _ = &mut closing => return,
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                Some(ended) = self.attempts.join_next() => match ended {
                    Ok((origin, ended)) => {
                        self.status.note(&ended);
                        self.ended(&origin, ended.outcome);
                    }
                    Err(error) => tracing::error!(%error, "a transfer panicked"),
                },
                Some((len, from)) = receive(v4.as_ref(), &mut from_v4) => {
                    self.heard(from, &from_v4[..len]);
                }
                Some((len, from)) = receive(v6.as_ref(), &mut from_v6) => {
                    self.heard(from, &from_v6[..len]);
                }
                () = tokio::time::sleep(pause) => {}
            }
            self.handle_timeouts();
        }
    }

    fn command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Notice(origin) => {
                if let Some(state) = self.replicas.get_mut(&origin.folded()) {
                    state.secondary.notify(now);
                }
            }
            Command::Tell(zone) => self.tell(&zone),
            Command::Add(replica) => self.add(*replica),
            Command::Remove(origin) => self.remove(&origin),
            Command::Status(tell) => drop(tell.send(self.status())),
        }
    }

    fn status(&mut self) -> ReplicationStatus {
        let now = self.now();
        let replica = |state: &State| ReplicaStatus {
            origin: state.secondary.origin().clone(),
            serial: state.secondary.zone().map(|zone| zone.soa().serial),
            expires_in: state.secondary.expires().map(|at| at.saturating_sub(now)),
        };
        let replicas = self.replicas.values().map(replica).collect();
        let durations = std::mem::take(&mut self.status.durations);
        ReplicationStatus { durations, replicas, ..self.status.clone() }
    }

    fn begin_attempts(&mut self) {
        let now = self.now();
        for (origin, state) in &mut self.replicas {
            if self.attempts.len() >= MOST_ATTEMPTS {
                return;
            }
            if let Some(attempt) = state.secondary.poll_attempt(now) {
                let (origin, tls) = (origin.clone(), self.tls.clone());
                self.attempts.spawn(async move { (origin, attempt::run(attempt, tls).await) });
            }
        }
    }

    fn next_timeout(&self) -> Option<Duration> {
        let room = self.attempts.len() < MOST_ATTEMPTS;
        let replicas = self.replicas.values().filter_map(|state| state.secondary.poll_timeout());
        // Without room, what is due waits for an attempt to end.
        let replicas = replicas.filter(|&at| room || at > self.now());
        replicas.chain(self.notifier.poll_timeout()).min()
    }

    fn handle_timeouts(&mut self) {
        let now = self.now();
        let mut expired = Vec::new();
        for state in self.replicas.values_mut() {
            if state.secondary.handle_timeout(now).is_some() {
                expired.push(state.secondary.origin().clone());
            }
        }
        for origin in expired {
            tracing::warn!(zone = %origin, "no primary was reached for too long: it is not served");
            self.primary.resolver().put_zone(Zone::void(&origin));
        }
    }

    fn ended(&mut self, origin: &Name, outcome: Result<Received, AttemptError>) {
        let now = self.now();
        let Some(state) = self.replicas.get_mut(origin) else { return };
        if let Err(error) = &outcome {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(zone = %origin, %error, cause, "a transfer failed");
        }
        match state.secondary.ended(now, outcome, random()) {
            Some(Change::Updated(zone, changes)) => {
                tracing::info!(zone = %origin, serial = zone.soa().serial, "transferred");
                if let Some(file) = self.file(origin)
                    && let Err(error) = saved::save(&file, &zone)
                {
                    tracing::error!(zone = %origin, %error, "a transferred zone cannot be saved");
                }
                self.install(Arc::clone(&zone), changes);
                self.list(&zone);
                self.tell(&zone);
            }
            Some(Change::Confirmed) => {
                let confirmed = self.file(origin).map(|file| saved::confirm(&file));
                if let Some(Err(error)) = confirmed {
                    tracing::warn!(zone = %origin, %error, "a saved zone cannot be touched");
                }
            }
            Some(Change::Expired) | None => {}
        }
    }

    fn install(&self, zone: Arc<Zone>, changes: Vec<Difference>) {
        let origin = zone.origin().clone();
        match self.primary.install(zone, changes) {
            Ok(Installed::SameSerial) => {
                tracing::warn!(zone = %origin, "other records under a serial that is not newer");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(zone = %origin, %error, "a journal cannot be written"),
        }
    }

    fn tell(&mut self, zone: &Arc<Zone>) {
        let peers = self.primary.notified(zone.origin());
        self.notifier.notify(self.now(), zone, &peers, random);
    }

    async fn send_notices(&mut self, v4: Option<&UdpSocket>, v6: Option<&UdpSocket>) {
        while let Some((to, message)) = self.notifier.poll_transmit(self.now(), wall()) {
            let Some(socket) = (if to.is_ipv4() { v4 } else { v6 }) else { continue };
            if let Err(error) = socket.send_to(&message, to).await {
                tracing::debug!(%to, %error, "a notice cannot be sent");
            }
        }
    }

    fn heard(&mut self, from: SocketAddr, message: &[u8]) {
        if let Some((origin, rcode)) = self.notifier.handle(from, message, wall()) {
            tracing::debug!(zone = %origin, %from, rcode, "a notice was heard");
        }
    }
}

/// `None` when there is no such socket, so that nobody waits for it.
async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    loop {
        // Errors are those of datagrams sent before: nobody listens there.
        if let Ok(received) = socket?.recv_from(buffer).await {
            return Some(received);
        }
    }
}

/// Transfers at once.
const MOST_ATTEMPTS: usize = 16;
