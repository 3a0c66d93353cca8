//! `relay`: listeners, a durable log, sinks.

mod files;
mod words;
mod target;
mod args;
mod sockets;
mod journals;
pub mod spool;

pub use args::{AFTER_HELP, Args, Durability, Full, JournalFrom};

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use log_pipeline::net::Pipeline;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::sockets::Sockets;

/// Relays until SIGINT or SIGTERM, then takes in what has arrived and delivers what it can.
///
/// # Errors
///
/// When something cannot be opened, or the log fails.
pub fn run(args: &Args) -> Result<()> {
    // Before any thread is started, and before anything of others is read.
    let sockets = Sockets::open(args)?;
    if let Some(user) = &args.user {
        crate::privilege::become_user(user).context("--user")?;
    }
    let pipeline = Pipeline::open(args.config())
        .with_context(|| format!("cannot use the spool {}", args.spool.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(relay(args, sockets, pipeline));
    // A read of standard input may never return.
    runtime.shutdown_background();
    ended
}

async fn relay(args: &Args, sockets: Sockets, pipeline: Pipeline) -> Result<()> {
    let mut signals = Signals::new()?;
    for target in &args.to {
        let routes = args.route.iter().filter(|(_, name)| *name == target.name);
        let config = routes.fold(target.config(), |config, (route, _)| config.route(route.clone()));
        pipeline
            .sink(config, target.output()?)
            .with_context(|| format!("the sink {:?} cannot be started", target.name))?;
    }
    sockets.serve(&pipeline, &args.limits())?;
    journals::follow(args, &pipeline).await?;
    for listener in pipeline.stats().listeners {
        let (transport, address) = (listener.transport.label(), listener.address);
        tracing::info!(transport, address, "listening");
    }
    forget(args, &pipeline)?;
    let publishing = async {
        match args.metrics {
            Some(address) => publish(address, &pipeline).await,
            None => std::future::pending().await,
        }
    };
    crate::ready::say("READY=1");
    let ended = tokio::select! {
        () = signals.end(&pipeline) => Ok(()),
        failed = publishing => failed,
        failed = pipeline.failed() => Err(failed.into()),
    };
    crate::ready::say("STOPPING=1");
    tracing::info!("delivering what is left");
    let shut = match pipeline.shutdown().await {
        // Said already, and no reason to call the end a failure: the messages are in the spool.
        Err(error) if error.label() == "sink" => {
            tracing::warn!(%error, "not everything is delivered yet; the rest is in the spool");
            Ok(())
        }
        outcome => outcome.context("ending the log"),
    };
    ended.and(shut)
}

/// Lets go of sinks that are no more, and says which others hold the spool.
fn forget(args: &Args, pipeline: &Pipeline) -> Result<()> {
    for name in &args.forget {
        let known = pipeline
            .forget_cursor(name)
            .with_context(|| format!("--forget {name}: it is in use, or cannot be removed"))?;
        tracing::info!(name, known, "forgotten");
    }
    for name in pipeline.idle_cursors() {
        tracing::warn!(
            name,
            "the spool keeps what this sink has not delivered, and no --to names it; \
             --forget lets go of it"
        );
    }
    Ok(())
}

/// What one tells a running relay.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on none is missed.
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Ends with SIGINT or SIGTERM; SIGHUP opens files again.
    async fn end(&mut self, pipeline: &Pipeline) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => {
                    tracing::info!("opening files again");
                    pipeline.reopen_files();
                }
            }
        }
    }
}

/// Serves metrics, a second old at most.
async fn publish(address: SocketAddr, pipeline: &Pipeline) -> Result<()> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    log_pipeline::metrics::describe();
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        log_pipeline::metrics::publish(&pipeline.stats());
    }
}
