//! A notice as one JSON object: what goes out as JSON Lines and to plain webhooks.

use serde_json::{Map, Value, json};

use crate::alert::{Labels, Notice, Origin};
use crate::shift::Direction;

/// The notice as an object: `status` (`firing`, `repeated`, `resolved`), `id`, `summary` (one
/// sentence), `kind`, `direction`, `size`, `confidence`, `expected`, `lower`, `upper`, `seen`
/// (null when nothing came), `onset_ns`, `at_ns`, `raised_at_ns`, `cleared_at_ns` when resolved,
/// `labels` of the likely origin, `group`, `series`, `origins` with their `deviation`,
/// `flapping`, `part_of` when another incident goes on with it. Instants are Unix nanoseconds.
pub fn object(notice: &Notice) -> Map<String, Value> {
    let Notice { status, alert } = notice;
    let signal = &alert.signal;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("status", status.label().into());
    put("id", alert.id.into());
    put("summary", alert.to_string().into());
    put("kind", signal.kind.label().into());
    put("direction", direction(signal.direction).into());
    for (name, number) in [
        ("size", signal.size),
        ("confidence", signal.confidence),
        ("expected", signal.expected),
        ("lower", signal.lower),
        ("upper", signal.upper),
        ("seen", signal.seen),
    ] {
        put(name, number.into());
    }
    put("onset_ns", signal.onset.as_nanos().into());
    put("at_ns", signal.at.as_nanos().into());
    put("raised_at_ns", alert.raised_at.as_nanos().into());
    if let Some(cleared) = alert.cleared_at {
        put("cleared_at_ns", cleared.as_nanos().into());
    }
    put("labels", labels(&alert.labels));
    put("group", labels(&alert.group));
    put("series", alert.series.iter().map(labels).collect());
    put("origins", alert.origins.iter().map(origin).collect());
    put("flapping", alert.flapping.into());
    if let Some(id) = alert.part_of {
        put("part_of", id.into());
    }
    object
}

/// [`object`] as one line, without the line's end.
pub fn json_line(notice: &Notice) -> String {
    Value::Object(object(notice)).to_string()
}

fn origin(origin: &Origin) -> Value {
    json!({
        "labels": labels(&origin.labels),
        "kind": origin.signal.kind.label(),
        "onset_ns": origin.signal.onset.as_nanos(),
        "deviation": origin.deviation,
    })
}

pub(super) fn labels(labels: &Labels) -> Value {
    labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into()
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}
