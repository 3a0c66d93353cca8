//! One POST for each alert: JSON to a URL, from a thread of its own that nobody waits for.

use anomaly::Event;
use anomaly::sink::Secret;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::post::Post;

/// Sends events one after the other. Dropped, it has a moment left for what waits.
#[derive(Debug)]
pub struct Webhook(Post);

impl Webhook {
    /// Begins. A URL that cannot be reached is tried a few times for each event; an event that cannot be
    /// delivered is logged and dropped.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn new(url: &str) -> Result<Self> {
        // Who typed it may see it: what has no scheme is no URL that could carry a key.
        ensure!(url.contains("://"), "--alert: {url} is no URL: give http://HOST:PORT/PATH");
        Post::new(&Secret::new(url), DELIVERIES).map(Self).context("--alert")
    }

    /// Hands an event over; never waits.
    pub fn send(&self, event: &Event) {
        self.0.send(body(event).to_string());
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

const DELIVERIES: &str = "recorder_deliveries_total";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_said_with_its_flag_and_no_key() {
        let said = |url| format!("{:#}", Webhook::new(url).expect_err("no URL"));
        let mend = "give http://HOST:PORT/PATH";
        assert_eq!(said("example.com/x"), format!("--alert: example.com/x is no URL: {mend}"));
        let keyed = said("ftp://user:KEY@example.com/KEY");
        assert!(keyed.starts_with("--alert: ") && !keyed.contains("KEY"), "{keyed}");
    }
}
