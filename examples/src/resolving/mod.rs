//! `resolver`: the site's own DNS.

mod explain;
mod options;
mod zones;

pub use explain::{Explain, explain};
pub use options::Options;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dns_core::Resolver;
use dns_core::net::Server;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{SignalKind, signal};

use zones::Sources;

/// Serves until SIGTERM or SIGINT; on SIGHUP reads zones and hosts again.
///
/// # Errors
///
/// When an address cannot be listened on, or a file cannot be read.
pub fn run(options: &Options) -> Result<()> {
    ensure!(!options.listen.is_empty(), "nothing to listen on: give --listen 127.0.0.1:53");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    // Before anybody is told that we listen: a signal that comes at once is not missed.
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (resolver, mut sources) = begin(options)?;
    let server = Server::start(resolver.clone(), options.server()?)?;
    for listen in server.addresses() {
        tracing::info!(%listen, "listening");
    }
    if let Some(address) = options.metrics {
        serve_metrics(address)?;
    }
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = every.tick() => if options.metrics.is_some() {
                dns_core::metrics::publish(&resolver.stats());
                dns_core::metrics::publish_status(&server.status());
            },
            _ = hang_up.recv() => match sources.reload(options, &resolver) {
                Ok(()) => tracing::info!("zones and hosts were read again"),
                // What was there goes on being served.
                Err(error) => tracing::error!("{error:#}"),
            },
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
        }
    }
    server.stop().await;
    Ok(())
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
