//! `resolver`: the site's own DNS.

mod explain;
mod options;
mod sockets;
mod top;
mod warm;
mod zones;

pub use explain::{Explain, explain};
pub use options::Options;
pub use top::{Top, top};

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use dns_core::Resolver;
use dns_core::net::{Clock, Server, ServerConfig, Sockets};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::{privilege, ready};
use zones::Sources;

/// Serves until SIGTERM or SIGINT; on SIGHUP reads zones, hosts and overlay again.
///
/// # Errors
///
/// When an address cannot be listened on, or a file cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let config = options.server()?;
    let sockets = sockets::open(&config)?;
    // Before there is a second thread: each gives up its own privileges only.
    if let Some(user) = &options.user {
        privilege::become_user(user).context("--user")?;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(serve(options, config, sockets))
}

async fn serve(options: &Options, config: ServerConfig, sockets: Sockets) -> Result<()> {
    // Before anybody is told that we listen: a signal that comes at once is not missed.
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (resolver, mut sources) = begin(options)?;
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
    ready::say("READY=1");
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut save = tokio::time::interval_at(Instant::now() + SAVED_EVERY, SAVED_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {
                if options.metrics.is_some() {
                    dns_core::metrics::publish(&resolver.stats());
                    dns_core::metrics::publish_status(&server.status());
                }
                if sources.have_changed(options) {
                    reload(&mut sources, options, &resolver);
                }
            }
            _ = save.tick() => save_cache(options, &resolver, clock).await,
            _ = hang_up.recv() => reload(&mut sources, options, &resolver),
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
        }
    }
    ready::say("STOPPING=1");
    server.stop().await;
    save_cache(options, &resolver, clock).await;
    Ok(())
}

fn reload(sources: &mut Sources, options: &Options, resolver: &Resolver) {
    match sources.reload(options, resolver) {
        Ok(()) => tracing::info!("zones, hosts and overlay were read again"),
        // What was there goes on being served.
        Err(error) => tracing::error!("{error:#}"),
    }
}

async fn save_cache(options: &Options, resolver: &Resolver, clock: Clock) {
    let Some(path) = options.cache_file.clone() else { return };
    let resolver = resolver.clone();
    let saved = tokio::task::spawn_blocking(move || warm::save(&path, &resolver, clock)).await;
    if let Ok(Err(error)) = saved {
        tracing::error!("{error:#}");
    }
}

fn begin(options: &Options) -> Result<(Resolver, Sources)> {
    let resolver = options.resolver();
    let mut sources = Sources::default();
    sources.reload(options, &resolver)?;
    Ok((resolver, sources))
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
