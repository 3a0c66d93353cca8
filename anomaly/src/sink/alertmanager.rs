//! Alertmanager, API v2: `POST /api/v2/alerts`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::alert::{Alert, Labels, Notice, Status};
use crate::sample::UnixNanos;
use crate::sink::instant::rfc3339;

/// How alerts look to Alertmanager.
///
/// Alertmanager forgets what is not told again: give the [`Dispatch`](crate::Dispatch) that
/// feeds it a repeat interval, and this one the same; `endsAt` lies four of them ahead, so that
/// three may get lost. An alert is known by its labels: `alertname`, those of its group, and the
/// extra ones; they stay the same from the first notice to the last, and over a restart.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    alertname: Box<str>,
    extra: Labels,
    repeat: Duration,
    generator: Option<Box<str>>,
}

impl Alertmanager {
    /// Alerts named `BehaviourChanged`, told again every `repeat`.
    pub fn new(repeat: Duration) -> Self {
        let alertname = "BehaviourChanged".into();
        Self { alertname, extra: Labels::default(), repeat, generator: None }
    }

    /// Another name for the alerts.
    pub fn alertname(mut self, name: impl Into<Box<str>>) -> Self {
        self.alertname = name.into();
        self
    }

    /// Labels that every alert gets, such as a severity to route by.
    pub fn extra(mut self, labels: Labels) -> Self {
        self.extra = labels;
        self
    }

    /// Where people find more (`generatorURL`).
    pub fn generator(mut self, url: impl Into<Box<str>>) -> Self {
        self.generator = Some(url.into());
        self
    }

    /// The body of one POST, for any number of notices.
    pub fn body<'a>(
        &self,
        now: UnixNanos,
        notices: impl IntoIterator<Item = &'a Notice>,
    ) -> String {
        notices.into_iter().map(|notice| self.alert(now, notice)).collect::<Value>().to_string()
    }

    fn alert(&self, now: UnixNanos, notice: &Notice) -> Value {
        let Notice { status, alert } = notice;
        let onset = alert.signal.onset;
        let ends = match status {
            // Not before it began, not in the future: there it would go on.
            Status::Resolved => alert.cleared_at.map_or(now, |at| at.min(now)).max(onset),
            Status::Firing | Status::Repeated => now.after(self.repeat.saturating_mul(4)),
        };
        let mut body = json!({
            "labels": self.labels(alert),
            "annotations": annotations(alert),
            "startsAt": rfc3339(onset),
            "endsAt": rfc3339(ends),
        });
        if let Some(generator) = &self.generator {
            body["generatorURL"] = (**generator).into();
        }
        body
    }

    fn labels(&self, alert: &Alert) -> Map<String, Value> {
        let all = alert.group.iter().chain(self.extra.iter());
        let all = all.chain([("alertname", &*self.alertname)]);
        all.map(|(name, value)| (label_name(name), value.into())).collect()
    }
}

fn annotations(alert: &Alert) -> Value {
    let signal = &alert.signal;
    let origins = alert.origins.iter().map(|origin| origin.labels.to_string());
    json!({
        "summary": alert.to_string(),
        "kind": signal.kind.label(),
        "origins": origins.collect::<Vec<_>>().join("; "),
        "series": alert.series.len().to_string(),
        "expected": signal.expected.to_string(),
        "interval": format!("{} to {}", signal.lower, signal.upper),
        "seen": signal.seen.to_string(),
        "onset": rfc3339(signal.onset),
    })
}

/// What a label name may be: the rest becomes an underscore.
fn label_name(name: &str) -> String {
    let fits = |(i, c): (usize, char)| match c {
        '0'..='9' if i == 0 => '_',
        '0'..='9' | 'a'..='z' | 'A'..='Z' => c,
        _ => '_',
    };
    name.chars().enumerate().map(fits).collect()
}
