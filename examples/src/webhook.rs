//! One POST for each alert: JSON to a URL, from a thread of its own that nobody waits for.

use std::thread::JoinHandle;
use std::time::Duration;

use anomaly::Event;
use anyhow::{Context, Result, bail};
use crossbeam_channel::{Sender, TrySendError};
use serde_json::{Value, json};
use ureq::Agent;

/// Sends events one after the other.
#[derive(Debug)]
pub struct Webhook {
    queue: Option<Sender<Value>>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Begins. A URL that cannot be reached is tried a few times for each event; an event that cannot be
    /// delivered is logged and dropped.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn new(url: &str) -> Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--alert: {url} is no URL: give http://HOST:PORT/PATH");
        }
        let (queue, events) = crossbeam_channel::bounded::<Value>(MOST_WAITING);
        let agent: Agent = Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
        let url = url.to_owned();
        let post = move || {
            for event in events {
                if let Err(error) = deliver(&agent, &url, &event.to_string()) {
                    tracing::error!(%error, %event, "an alert could not be delivered");
                }
            }
        };
        let thread = std::thread::Builder::new().name("alert".into()).spawn(post);
        let thread = Some(thread.context("starting a thread")?);
        Ok(Self { queue: Some(queue), thread })
    }

    /// Hands an event over; never waits.
    pub fn send(&self, event: &Event) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(event)) = queue.try_send(body(event)) {
            tracing::error!(%event, "an alert was dropped: too many wait for the webhook");
        }
    }
}

impl Drop for Webhook {
    /// Waits until what was handed over is delivered or given up.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is posted: `status` (`firing` or `resolved`), a sentence, and the alert.
fn body(event: &Event) -> Value {
    let (status, alert) = match event {
        Event::Raised(alert) => ("firing", alert),
        Event::Cleared(alert) => ("resolved", alert),
        other => return json!({ "status": "other", "summary": format!("{other:?}") }),
    };
    json!({ "status": status, "summary": alert.to_string(), "alert": alert })
}

fn deliver(agent: &Agent, url: &str, body: &str) -> Result<(), ureq::Error> {
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let sent = agent.post(url).header("content-type", "application/json").send(body);
        let Err(error) = sent else { return Ok(()) };
        // What the receiver will not have now it will not have next time either.
        let refused = matches!(error, ureq::Error::StatusCode(400..=499));
        if refused || attempt >= ATTEMPTS {
            return Err(error);
        }
        tracing::warn!(%error, attempt, "an alert is not delivered yet");
        std::thread::sleep(pause);
        pause *= 2;
        attempt += 1;
    }
}

const MOST_WAITING: usize = 256;
const ATTEMPTS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
