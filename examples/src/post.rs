//! POSTs, one after the other, from a thread that nobody waits for.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anomaly::sink::{Failure, Retry, Secret, redacted};
use anyhow::{Context, Result, bail};
use crossbeam_channel::{Sender, TrySendError};
use ureq::Agent;

/// A destination. What waits when it is dropped is still delivered, or given up soon after.
#[derive(Debug)]
pub(crate) struct Post {
    queue: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
    line: Arc<Line>,
}

/// What the thread knows.
#[derive(Debug)]
struct Line {
    agent: Agent,
    url: Secret,
    /// The URL as logs may show it.
    shown: String,
    /// The counter of deliveries by outcome.
    metric: &'static str,
    /// When the end was asked for.
    ending: OnceLock<Instant>,
}

impl Post {
    /// Begins. The URL may carry a key: logs show its host alone. `metric` counts what becomes of
    /// each body, by `outcome`: `delivered`, `failed`, `dropped`.
    pub(crate) fn new(url: &Secret, metric: &'static str) -> Result<Self> {
        let shown = redacted(url.expose());
        let fits = ["http://", "https://"].iter().any(|scheme| url.expose().starts_with(scheme));
        if !fits || url.expose().parse::<ureq::http::Uri>().is_err() {
            bail!("{shown} is no URL: give http://HOST:PORT/PATH");
        }
        let (queue, bodies) = crossbeam_channel::bounded::<String>(MOST_WAITING);
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT));
        let agent: Agent = config.http_status_as_error(false).max_redirects(0).build().into();
        let (url, ending) = (url.clone(), OnceLock::new());
        let line = Arc::new(Line { agent, url, shown, metric, ending });
        let own = Arc::clone(&line);
        let post = move || bodies.into_iter().for_each(|body| own.deliver(&body));
        let thread = std::thread::Builder::new().name("post".into()).spawn(post);
        let thread = Some(thread.context("starting a thread")?);
        Ok(Self { queue: Some(queue), thread, line })
    }

    /// Hands a body over; never waits.
    pub(crate) fn send(&self, body: String) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_)) = queue.try_send(body) {
            self.line.count("dropped");
            tracing::error!(to = self.line.shown, "an alert was dropped: too many wait");
        }
    }

    /// From now on what waits has a moment left. Dropping does the same, and waits for it.
    pub(crate) fn end(&self) {
        let _ = self.line.ending.set(Instant::now());
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.queue = None;
        self.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Line {
    fn deliver(&self, body: &str) {
        for attempt in 1.. {
            if self.ending.get().is_some_and(|since| since.elapsed() >= GRACE) {
                self.count("failed");
                tracing::error!(to = self.shown, "an alert is given up: this ends");
                return;
            }
            let (failure, asked) = match self.post(body) {
                Ok(()) => {
                    self.count("delivered");
                    return;
                }
                Err(failed) => failed,
            };
            let Some(pause) = Retry::default().pause(attempt, failure, asked) else {
                self.count("failed");
                tracing::error!(to = self.shown, ?failure, attempt, "an alert is not delivered");
                return;
            };
            tracing::warn!(to = self.shown, ?failure, attempt, "an alert is not delivered yet");
            self.wait(pause);
        }
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(self.metric, "outcome" => outcome).increment(1);
    }

    /// Waits, no longer than the end allows.
    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && self.ending.get().is_none_or(|at| at.elapsed() < GRACE) {
            std::thread::sleep(LOOK.min(pause));
        }
    }

    fn post(&self, body: &str) -> Result<(), (Failure, Option<Duration>)> {
        let request = self.agent.post(self.url.expose()).header("content-type", "application/json");
        let answer = request.send(body).map_err(|_| (Failure::Unreachable, None))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let asked = answer.headers().get("retry-after").and_then(|asked| asked.to_str().ok());
        let asked = asked.and_then(|asked| asked.parse().ok()).map(Duration::from_secs);
        Err((Failure::Status(answer.status().as_u16()), asked))
    }
}

const MOST_WAITING: usize = 256;
/// Together less than the ten seconds that who stops a service commonly allows.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often a pause looks whether this ends.
const LOOK: Duration = Duration::from_millis(100);
const GRACE: Duration = Duration::from_secs(3);
