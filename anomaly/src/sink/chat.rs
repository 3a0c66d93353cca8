//! Webhooks of services that wake people: PagerDuty's Events API v2, Slack's incoming webhooks.

use serde_json::{Value, json};

use crate::alert::{Alert, Notice, Status};
use crate::sink::instant::rfc3339;
use crate::sink::object::object;
use crate::sink::secret::Secret;

/// The body of a PagerDuty event: `trigger` while it is on, `resolve` when it is over. The
/// deduplication key is that of the group, so that what comes back is the same incident there.
/// The routing key is part of the body: keep that out of the log too.
pub fn pagerduty(notice: &Notice, routing_key: &Secret) -> String {
    let Notice { status, alert } = notice;
    let action = if *status == Status::Resolved { "resolve" } else { "trigger" };
    let source = alert.labels.value("host").or_else(|| alert.labels.value("instance"));
    let source = source.map_or_else(|| alert.labels.to_string(), str::to_owned);
    let body = json!({
        "routing_key": routing_key.expose(),
        "event_action": action,
        "dedup_key": dedup_key(alert),
        "payload": {
            "summary": cut(&alert.to_string(), MOST_SUMMARY),
            "source": cut(&source, MOST_SUMMARY),
            "severity": severity(alert),
            "timestamp": rfc3339(alert.signal.onset),
            "group": cut(&alert.group.to_string(), MOST_SUMMARY),
            "class": alert.signal.kind.label(),
            "custom_details": Value::Object(object(notice)),
        },
    });
    body.to_string()
}

/// The body of a Slack message: the sentence, what was expected and seen, and the likely origins.
pub fn slack(notice: &Notice) -> String {
    let Notice { status, alert } = notice;
    let (colour, word) = match status {
        Status::Firing => ("#d64545", "Changed"),
        Status::Repeated => ("#d98e04", "Still changed"),
        Status::Resolved => ("#2f9e5b", "As usual again"),
    };
    let summary = escaped(&cut(&alert.to_string(), MOST_SUMMARY));
    let signal = &alert.signal;
    let (lower, upper) = (signal.lower, signal.upper);
    let field = |name: &str, value: &str| json!({"type": "mrkdwn", "text": format!("*{name}*\n{}", escaped(value))});
    let mut fields = vec![
        field("Expected", &format!("{:.4} ({lower:.4} to {upper:.4})", signal.expected)),
        field("Seen", &format!("{:.4}", signal.seen)),
        field("Since", &rfc3339(signal.onset)),
        field("Sure", &format!("{:.0} %", 100.0 * signal.confidence)),
    ];
    if alert.origins.len() > 1 {
        let origins = alert.origins.iter().map(|origin| origin.labels.to_string());
        let origins = origins.collect::<Vec<_>>().join("\n");
        fields.push(field("Likely origins, first and most", &cut(&origins, MOST_SUMMARY)));
    }
    let section = json!({"type": "section", "text": {"type": "mrkdwn", "text": format!("*{word}*: {summary}")}});
    let body = json!({
        "text": format!("{word}: {summary}"),
        "attachments": [{
            "color": colour,
            "blocks": [section, {"type": "section", "fields": fields}],
        }],
    });
    body.to_string()
}

/// One hash of the group (FNV-1a, 64 bits): short, and the same over a restart.
fn dedup_key(alert: &Alert) -> String {
    let text = alert.group.to_string();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("anomaly-{hash:016x}")
}

/// PagerDuty's words: an incident of many series is worse than one series.
fn severity(alert: &Alert) -> &'static str {
    if alert.series.len() > 1 || alert.signal.confidence >= SURE { "error" } else { "warning" }
}

/// At most so many characters, the last an ellipsis when something is left out.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Slack's three control characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// PagerDuty takes 1024 characters of summary, Slack 2000 of a field.
const MOST_SUMMARY: usize = 1000;
const SURE: f64 = 0.999;
