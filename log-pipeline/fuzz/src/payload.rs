//! JSON in messages, beside serde_json.

use std::collections::BTreeMap;

use log_pipeline::message::payload::{Payload, Value};

/// Reads the bytes as a payload: it is JSON where serde_json says so, and its fields are the same.
pub fn payload(bytes: &[u8]) {
    let text = bytes.trim_ascii();
    let text = text.strip_prefix(b"@cee:").unwrap_or(text).trim_ascii();
    let theirs = serde_json::from_slice::<serde_json::Value>(text).ok();
    let theirs = theirs.filter(serde_json::Value::is_object);
    let Ok(payload) = Payload::parse(bytes) else {
        // It nests deeper than we do.
        assert!(theirs.is_none_or(|value| depth(&value) > 64));
        return;
    };
    payload.timestamp();
    let (mut fields, mut last) = (0, BTreeMap::new());
    for field in payload.fields() {
        fields += 1;
        assert!(fields <= bytes.len());
        assert!((1..=8).contains(&field.path.names().count()));
        assert!(field.path.is(&field.path.to_string()));
        let names: Vec<_> = field.path.names().map(|name| name.plain().into_owned()).collect();
        last.insert(names, field.value);
    }
    let Some(theirs) = theirs else { return };
    if fields == leaves(&theirs, 0) {
        // No name stands twice, so that none hides another.
        for (names, value) in &last {
            let theirs = names.iter().try_fold(&theirs, |value, name| value.get(name.as_str()));
            assert!(theirs.is_some_and(|theirs| agrees(*value, theirs)));
        }
    }
}

/// Fields, when objects are laid flat down to the eighth name.
fn leaves(value: &serde_json::Value, names: usize) -> usize {
    match value.as_object() {
        Some(object) if names == 0 || (names < 8 && !object.is_empty()) => {
            object.values().map(|value| leaves(value, names + 1)).sum()
        }
        _ => 1,
    }
}

fn agrees(ours: Value<'_>, theirs: &serde_json::Value) -> bool {
    match ours {
        Value::Null => theirs.is_null(),
        Value::Bool(it) => theirs.as_bool() == Some(it),
        Value::String(text) => theirs.as_str() == Some(text.plain().as_ref()),
        Value::Number(json) | Value::Array(json) | Value::Object(json) => {
            serde_json::from_str::<serde_json::Value>(json).ok().as_ref() == Some(theirs)
        }
    }
}

/// Objects and arrays within each other.
fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
