//! `watch scrape`: targets that expose metrics, read again and again.

use std::time::{Duration, Instant};

use anomaly::feed::{Format, Scrape};
use anomaly::sink::Secret;
use anomaly::{Labels, Sample};
use anyhow::{Context, Result, ensure};
use ureq::Agent;

use crate::watch_live::{self, Fed, Feed, Token, now};

/// Watch what targets expose: Prometheus text or OpenMetrics, counters as rates, histograms as quantiles
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the metrics are, like http://localhost:9100/metrics
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<String>,
    /// How often to read them
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// Quantiles of histograms to watch
    #[arg(long, value_name = "Q,…", value_delimiter = ',', default_value = "0.5,0.99")]
    pub quantiles: Vec<f64>,
    /// How many points a target may expose
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub most_points: usize,
    #[command(flatten)]
    token: Token,
    #[command(flatten)]
    live: watch_live::Args,
}

/// Watches until stopped. A target that does not answer is the series `up`, and tried again.
///
/// # Errors
///
/// When a URL is none, or standard output is gone.
pub fn run(args: &Args) -> Result<()> {
    let every = args.every.max(LEAST_EVERY);
    let targets = args.urls.iter().map(|url| Target::new(url, args)).collect::<Result<Vec<_>>>()?;
    watch_live::run(&args.live, every, |feed| {
        for target in targets {
            let feed = feed.clone();
            let read = move || target.read(every, &feed);
            std::thread::Builder::new().name("scrape".into()).spawn(read)?;
        }
        Ok(())
    })
}

struct Target {
    url: String,
    agent: Agent,
    token: Option<Secret>,
    scrape: Scrape,
    up: Labels,
}

impl Target {
    fn new(url: &str, args: &Args) -> Result<Self> {
        let uri: Option<ureq::http::Uri> = url.parse().ok();
        let instance = uri.as_ref().and_then(|uri| Some(uri.authority()?.as_str().to_owned()));
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        ensure!(is_http, "{url} is no URL: give http://HOST:PORT/metrics");
        let instance = instance.with_context(|| format!("{url} names no host"))?;
        let instance = instance.rsplit('@').next().unwrap_or_default();
        let common = Labels::new([("instance", instance)]);
        let scrape = Scrape::new(common.clone())
            .quantiles(args.quantiles.iter().copied())
            .most_series(args.most_points);
        let timeout = args.every.clamp(LEAST_TIMEOUT, MOST_TIMEOUT);
        let agent = Agent::config_builder().timeout_global(Some(timeout)).build().into();
        let token = args.token.header()?;
        Ok(Self { url: url.into(), agent, token, scrape, up: common.with("metric", "up") })
    }

    fn read(mut self, every: Duration, feed: &Feed) {
        let mut due = Instant::now();
        loop {
            if !feed.send(Fed::Now(self.samples())) {
                return;
            }
            // Turns that a slow answer took are left out, not made up for.
            let late = Instant::now().saturating_duration_since(due);
            due += every * (late.as_nanos() / every.as_nanos() + 1) as u32;
            if !feed.pause(due.saturating_duration_since(Instant::now())) {
                return;
            }
        }
    }

    fn samples(&mut self) -> Vec<(Labels, Sample)> {
        let fetched = self.fetch();
        let at = now();
        let up = if fetched.is_ok() { 1.0 } else { 0.0 };
        let mut samples = vec![(self.up.clone(), Sample::new(at, up))];
        match fetched {
            Ok((format, body)) => {
                if let Some(error) = self.scrape.handle(at, format, &body) {
                    tracing::warn!(url = self.url, %error, "a line is not understood");
                }
                samples.extend(std::iter::from_fn(|| self.scrape.poll_sample()));
            }
            Err(error) => {
                tracing::warn!(url = self.url, error = format!("{error:#}"), "no answer");
            }
        }
        samples
    }

    fn fetch(&self) -> Result<(Format, Vec<u8>)> {
        let mut request = self.agent.get(&self.url).header("accept", ACCEPT);
        if let Some(token) = &self.token {
            request = request.header("authorization", token.expose());
        }
        let mut answer = request.call()?;
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let format = Format::of(kind.unwrap_or_default());
        let body = answer.body_mut().with_config().limit(MOST_BODY).read_to_vec()?;
        Ok((format, body))
    }
}

const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
const LEAST_EVERY: Duration = Duration::from_millis(100);
const LEAST_TIMEOUT: Duration = Duration::from_secs(2);
const MOST_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BODY: u64 = 64 << 20;
