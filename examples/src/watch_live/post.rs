//! POSTs, one after the other, from a thread that nobody waits for.

use std::thread::JoinHandle;
use std::time::Duration;

use anomaly::sink::{Failure, Retry, Secret, redacted};
use anyhow::{Context, Result, bail};
use crossbeam_channel::{Sender, TrySendError};
use ureq::Agent;

/// A destination. What waits when it is dropped is still delivered, or given up.
#[derive(Debug)]
pub(super) struct Post {
    queue: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
    shown: String,
}

impl Post {
    /// Begins. The URL may carry a key: logs show its host alone.
    pub(super) fn new(url: &Secret) -> Result<Self> {
        let shown = redacted(url.expose());
        let fits = ["http://", "https://"].iter().any(|scheme| url.expose().starts_with(scheme));
        if !fits || url.expose().parse::<ureq::http::Uri>().is_err() {
            bail!("{shown} is no URL: give http://HOST:PORT/PATH");
        }
        let (queue, bodies) = crossbeam_channel::bounded::<String>(MOST_WAITING);
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT));
        let agent: Agent = config.http_status_as_error(false).max_redirects(0).build().into();
        let (url, to) = (url.clone(), shown.clone());
        let post = move || bodies.into_iter().for_each(|body| deliver(&agent, &url, &to, &body));
        let thread = std::thread::Builder::new().name("post".into()).spawn(post);
        let thread = Some(thread.context("starting a thread")?);
        Ok(Self { queue: Some(queue), thread, shown })
    }

    /// Hands a body over; never waits.
    pub(super) fn send(&self, body: String) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_)) = queue.try_send(body) {
            metrics::counter!(DELIVERIES, "outcome" => "dropped").increment(1);
            tracing::error!(to = self.shown, "an alert was dropped: too many wait");
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn deliver(agent: &Agent, url: &Secret, to: &str, body: &str) {
    for attempt in 1.. {
        let (failure, asked) = match post(agent, url, body) {
            Ok(()) => {
                metrics::counter!(DELIVERIES, "outcome" => "delivered").increment(1);
                return;
            }
            Err(failed) => failed,
        };
        let Some(pause) = Retry::default().pause(attempt, failure, asked) else {
            metrics::counter!(DELIVERIES, "outcome" => "failed").increment(1);
            tracing::error!(to, ?failure, attempt, "an alert could not be delivered");
            return;
        };
        tracing::warn!(to, ?failure, attempt, "an alert is not delivered yet");
        std::thread::sleep(pause);
    }
}

fn post(agent: &Agent, url: &Secret, body: &str) -> Result<(), (Failure, Option<Duration>)> {
    let request = agent.post(url.expose()).header("content-type", "application/json");
    let answer = request.send(body).map_err(|_| (Failure::Unreachable, None))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let asked = answer.headers().get("retry-after").and_then(|asked| asked.to_str().ok());
    let asked = asked.and_then(|asked| asked.parse().ok()).map(Duration::from_secs);
    Err((Failure::Status(answer.status().as_u16()), asked))
}

const MOST_WAITING: usize = 256;
const TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const DELIVERIES: &str = "watch_deliveries_total";
