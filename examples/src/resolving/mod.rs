//! `resolver`: the site's own DNS.

mod control;
mod explain;
mod replicas;
mod options;
mod sockets;
mod top;
mod warm;
mod zones;

pub use control::{Control, control};
pub use explain::{Explain, explain};
pub use options::Options;
pub use top::{Top, top};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use dns_core::net::{
    Authority, Clock, Replication, ReplicationStatus, Server, ServerConfig, Sockets,
};
use dns_core::primary::Primary;
use dns_core::{Resolver, Zone};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::{privilege, ready};
use control::{ControlSocket, Request};
use zones::Sources;

/// Serves until SIGTERM or SIGINT; on SIGHUP reads zones, hosts and overlay again.
///
/// # Errors
///
/// When an address cannot be listened on, or a file cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let config = options.server()?;
    let sockets = sockets::open(&config)?;
    let user = options.user.as_deref();
    let control =
        options.control.as_deref().map(|path| ControlSocket::open(path, user)).transpose()?;
    // Before there is a second thread: each gives up its own privileges only.
    if let Some(user) = &options.user {
        privilege::become_user(user).context("--user")?;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(serve(options, config, sockets, control))
}

async fn serve(
    options: &Options,
    mut config: ServerConfig,
    sockets: Sockets,
    control: Option<ControlSocket>,
) -> Result<()> {
    // Before anybody is told that we listen: a signal that comes at once is not missed.
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (primary, mut sources, zones) = begin(options)?;
    let resolver = primary.resolver().clone();
    let replicas = options.transfers.replicas(&primary)?;
    let (holder, state) = (primary.clone(), options.transfers.state.clone());
    let replication = if options.transfers.over_tls() {
        Replication::start_with_tls(holder, replicas, state, Arc::new(options.tls_client()?))
    } else {
        Replication::start(holder, replicas, state)
    };
    let replication = replication.context("cannot start the thread of the zones")?;
    let authority = replication.authority();
    config.authority = Some(authority.clone());
    let clock = config.clock;
    if let Some(path) = &options.cache_file {
        warm::restore(path, &resolver, clock)?;
    }
    let server = {
        let _inside = tokio::runtime::Handle::current().enter();
        Server::start_on(resolver.clone(), config, sockets)?
    };
    for listen in server.addresses() {
        tracing::info!(%listen, "listening");
    }
    if let Some(address) = options.metrics {
        serve_metrics(address)?;
    }
    for zone in zones {
        authority.tell(zone).await;
    }
    let mut requests = match &control {
        Some(control) => Some(control.listen(resolver.clone(), clock)?),
        None => None,
    };
    ready::say("READY=1");
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut save = tokio::time::interval_at(Instant::now() + SAVED_EVERY, SAVED_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {
                if options.metrics.is_some() {
                    dns_core::metrics::publish(&resolver.stats());
                    dns_core::metrics::publish_status(&server.status());
                    transfers(options, &replication, &primary).await;
                }
                if sources.have_changed(options) {
                    let _ = reload(&mut sources, options, &authority).await;
                }
            }
            Some(request) = next(&mut requests) => match request {
                Request::Reload(done) => {
                    let _ = done.send(reload(&mut sources, options, &authority).await);
                }
                Request::Refresh(zone, said) => {
                    let replicas = transfers(options, &replication, &primary).await.replicas;
                    let known = replicas.iter().any(|replica| replica.origin == zone);
                    if known {
                        authority.refresh(&zone).await;
                    }
                    let _ = said.send(known);
                }
                Request::Status(said) => {
                    let transfers = transfers(options, &replication, &primary).await;
                    let _ = said.send((server.status(), transfers));
                }
                Request::Explain(name, rtype, from, said) => {
                    let client = server.client();
                    // Beside this loop: servers may be slow.
                    tokio::spawn(async move {
                        let explained = client.explain(&name, rtype, from).await;
                        said.send(explained.map_err(Into::into))
                    });
                }
            },
            _ = save.tick() => save_cache(options, &resolver, clock).await,
            _ = hang_up.recv() => drop(reload(&mut sources, options, &authority).await),
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
        }
    }
    ready::say("STOPPING=1");
    server.stop().await;
    replication.stop().await;
    save_cache(options, &resolver, clock).await;
    Ok(())
}

async fn reload(sources: &mut Sources, options: &Options, authority: &Authority) -> Result<()> {
    let zones = sources.reload(options, authority.primary());
    // What was there goes on being served.
    let zones = zones.inspect_err(|error| tracing::error!("{error:#}"))?;
    tracing::info!("zones, hosts and overlay were read again");
    for zone in zones {
        authority.tell(zone).await;
    }
    Ok(())
}

/// How transfers go. Durations are told once: whoever looks passes them on.
async fn transfers(
    options: &Options,
    replication: &Replication,
    primary: &Primary,
) -> ReplicationStatus {
    let status = replication.status().await;
    if options.metrics.is_some() {
        dns_core::metrics::publish_transfers(&status, &primary.sent());
    }
    status
}

/// The next request, when there is a socket for them.
async fn next(requests: &mut Option<mpsc::Receiver<Request>>) -> Option<Request> {
    requests.as_mut()?.recv().await
}

async fn save_cache(options: &Options, resolver: &Resolver, clock: Clock) {
    let Some(path) = options.cache_file.clone() else { return };
    let resolver = resolver.clone();
    let saved = tokio::task::spawn_blocking(move || warm::save(&path, &resolver, clock)).await;
    if let Ok(Err(error)) = saved {
        tracing::error!("{error:#}");
    }
}

fn begin(options: &Options) -> Result<(Primary, Sources, Vec<Arc<Zone>>)> {
    let primary = options.transfers.primary(options.resolver())?;
    let mut sources = Sources::default();
    let zones = sources.reload(options, &primary)?;
    Ok((primary, sources, zones))
}

fn serve_metrics(address: SocketAddr) -> Result<()> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    dns_core::metrics::describe();
    Ok(())
}

/// A crash costs at most so much of what was learnt.
const SAVED_EVERY: Duration = Duration::from_mins(5);
