//! `watch statsd`: what applications send over UDP.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anomaly::Labels;
use anomaly::feed::Statsd;
use anyhow::{Context, Result};

use crate::watch_live::{self, Fed, Feed, now};

/// Watch what is sent to a statsd port: counters, gauges, timers, sets; DogStatsD tags are labels
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8125")]
    pub listen: SocketAddr,
    /// How long data is gathered for one value
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// Quantiles of timers to watch
    #[arg(long, value_name = "Q,…", value_delimiter = ',', default_value = "0.5,0.99")]
    pub quantiles: Vec<f64>,
    #[command(flatten)]
    live: watch_live::Args,
}

/// Watches until stopped.
///
/// # Errors
///
/// When the address cannot be listened on, or standard output is gone.
pub fn run(args: &Args) -> Result<()> {
    let every = args.every.max(LEAST_EVERY);
    let socket = UdpSocket::bind(args.listen)
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    socket.set_read_timeout(Some(every.min(POLL)))?;
    let local = socket.local_addr()?;
    let statsd = Statsd::new(Labels::default())
        .quantiles(args.quantiles.iter().copied())
        .most_series(args.live.most_series);
    watch_live::run(&args.live, every, |feed| {
        let gather = move || gather(&socket, statsd, every, &feed);
        std::thread::Builder::new().name("statsd".into()).spawn(gather)?;
        eprintln!("watch: listening on {local}");
        Ok(())
    })
}

fn gather(socket: &UdpSocket, mut statsd: Statsd, every: Duration, feed: &Feed) {
    let mut buffer = vec![0; MOST_DATAGRAM];
    statsd.flush(now());
    let mut due = Instant::now() + every;
    loop {
        match socket.recv(&mut buffer) {
            Ok(len) => {
                if let Some(error) = statsd.handle_datagram(&buffer[..len]) {
                    tracing::debug!(%error, "a line is not understood");
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // One's own answers to others may come back as errors; the socket lives on.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => {
                feed.send(Fed::Failed(error.into()));
                return;
            }
        }
        if Instant::now() >= due {
            due += every;
            if !feed.send(Fed::Now(statsd.flush(now()))) {
                return;
            }
        }
    }
}

const LEAST_EVERY: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(200);
const MOST_DATAGRAM: usize = 65_535;
