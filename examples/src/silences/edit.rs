//! A file of silences, edited: what stands in it, comments too, stays as it is.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anomaly::{UnixNanos, Zone};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use super::written::Written;
use super::{Entry, parse, read};

/// What a new silence says, in the words of the file.
#[derive(Clone, Debug, Default)]
pub struct New {
    /// Keys and values, in order; instants as RFC 3339.
    pub words: Vec<(&'static str, Word)>,
}

/// A value of the file.
#[derive(Clone, Debug)]
pub enum Word {
    /// In quotes.
    Text(String),
    /// An instant.
    At(UnixNanos),
}

/// Appends a silence, and says what it is now. One that is there already and not over is an error.
///
/// # Errors
///
/// When the file is not in order, the new one is not, or the file cannot be written.
pub fn add(path: &Path, new: &New, zone: &Zone, now: UnixNanos) -> Result<Entry> {
    let mut added = String::from("[[silence]]\n");
    for (key, word) in &new.words {
        let value = match word {
            Word::Text(text) => quoted(text),
            Word::At(at) => written(*at)?,
        };
        added.extend([key, " = ", &value, "\n"]);
    }
    // By itself first: what is wrong with it is not the file's fault.
    parse(Path::new("the silence"), &added, zone)?;
    let entries = edited(path, zone, |text| {
        let between = if text.is_empty() { "" } else { "\n" };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        Ok([text, end, between, &added].concat())
    })?;
    let entry = entries.into_iter().next_back().context("what was added is not there")?;
    tracing::debug!(id = entry.id, state = entry.state(now), "added");
    Ok(entry)
}

/// Ends those of this number now, and says what they are now.
///
/// # Errors
///
/// When there are none that are not over, or the file cannot be written.
pub fn expire(path: &Path, id: &str, zone: &Zone, now: UnixNanos) -> Result<Vec<Entry>> {
    let is_meant = |entry: &Entry| entry.id == id && entry.state(now) != "expired";
    let entries = edited(path, zone, |text| {
        let entries = parse(path, text, zone)?;
        ensure!(
            entries.iter().any(is_meant),
            "{}: no silence {id} that is not over: see watch silence list",
            path.display()
        );
        let written = Written::read(text).map_err(|wrong| anyhow::anyhow!(wrong.because))?;
        let ends = written.silence.iter().zip(&entries).filter(|(_, entry)| is_meant(entry));
        let changes = ends.map(|(one, entry)| end(text, one, entry, now));
        let mut text = text.to_owned();
        // From the back, so that places before stay what they are.
        for (place, by) in changes.collect::<Result<Vec<_>>>()?.into_iter().rev() {
            text.replace_range(place, &by);
        }
        let over = parse(path, &text, zone)?;
        ensure!(
            over.len() == entries.len() && !over.iter().any(is_meant),
            "{} is written in a way that only its author can edit",
            path.display()
        );
        Ok(text)
    })?;
    Ok(entries.into_iter().filter(|entry| entry.id == id).collect())
}

/// What to write where, so that a silence is over now.
fn end(
    text: &str,
    one: &super::written::One,
    entry: &Entry,
    now: UnixNanos,
) -> Result<(Range<usize>, String)> {
    if let Some(until) = &one.until {
        return Ok((until.span(), written(now)?));
    }
    if let (Some(lasts), Some(from)) = (&one.lasts, entry.from) {
        return Ok((lasts.span(), format!("\"{}s\"", now.since(from).as_secs())));
    }
    let behind = one.matchers.span().end;
    let line = text[behind..].find('\n').map_or(text.len(), |end| behind + end);
    Ok((line..line, format!("\nuntil = {}", written(now)?)))
}

/// Changes the file in one step, alone: it is the old one or the new one, never half of either.
/// What would come of it is read before anything is written.
fn edited(
    path: &Path,
    zone: &Zone,
    change: impl FnOnce(&str) -> Result<String>,
) -> Result<Vec<Entry>> {
    // Where a link leads to is what is replaced.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let shown = || format!("cannot write {}", path.display());
    let alone = File::open(&folder).with_context(shown)?;
    alone.lock().with_context(shown)?;
    let before = read(path)?.unwrap_or_default();
    let text = change(&before)?;
    let entries = parse(path, &text, zone)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || {
        let mut out = File::create(&beside)?;
        if let Ok(old) = fs::metadata(path) {
            out.set_permissions(old.permissions())?;
        }
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(shown)?;
    Ok(entries)
}

/// An instant to the second.
fn written(at: UnixNanos) -> Result<String> {
    let at = Timestamp::from_second(at.as_nanos().div_euclid(1_000_000_000))?;
    Ok(at.to_string())
}

/// JSON's quotes and escapes are TOML's too, but for one character that JSON lets stand.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n\n[[silence]]\nmatchers = 'host=a'  # the old one\n\
                        [[silence]]\nfrom = 2026-11-21T10:00:00Z\nfor = '1d'\nmatchers = 'host=b'\n\n\
                        [[silence]]\nmatchers = 'host=c'\nuntil = 2027-01-01T00:00:00Z # new year\n";

    fn at(text: &str) -> UnixNanos {
        let at: Timestamp = text.parse().expect("an instant");
        UnixNanos::new(i64::try_from(at.as_nanosecond()).expect("in range"))
    }

    #[test]
    fn what_is_not_meant_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, zone) = (folder.path().join("s.toml"), Zone::named("UTC").expect("a zone"));
        fs::write(&path, FILE).expect("room");
        let now = at("2026-11-21T12:00:00Z");
        let ids: Vec<String> = parse(&path, FILE, &zone)
            .expect("silences")
            .into_iter()
            .map(|entry| entry.id)
            .collect();
        for id in &ids {
            let over = expire(&path, id, &zone, now).expect("it is on");
            assert_eq!((over.len(), over[0].state(now), &over[0].id), (1, "expired", id));
            let again = expire(&path, id, &zone, now).expect_err("it is over").to_string();
            assert!(again.contains("watch silence list"), "{again}");
        }
        let expected = FILE
            .replace("# the old one", "# the old one\nuntil = 2026-11-21T12:00:00Z")
            .replace("'1d'", "\"7200s\"")
            .replace("2027-01-01T00:00:00Z", "2026-11-21T12:00:00Z");
        assert_eq!(read(&path).expect("readable"), Some(expected));
    }

    #[test]
    fn what_is_added_is_what_was_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, zone) = (folder.path().join("s.toml"), Zone::named("UTC").expect("a zone"));
        let now = at("2026-11-21T12:00:00Z");
        let strange = "\"quoted\" \\ and\nmore \u{7f}";
        for turn in 0..2 {
            let words = vec![
                ("matchers", Word::Text(format!("host=~\"a\\\\.{turn}\""))),
                ("until", Word::At(at("2026-11-21T13:00:00Z"))),
                ("comment", Word::Text(strange.into())),
            ];
            let entry = add(&path, &New { words }, &zone, now).expect("room");
            assert_eq!((entry.comment.as_deref(), entry.state(now)), (Some(strange), "active"));
        }
        let text = read(&path).expect("readable").expect("it is there");
        assert_eq!(parse(&path, &text, &zone).expect("silences").len(), 2);
        let wrong = New { words: vec![("matchers", Word::Text("host".into()))] };
        assert!(add(&path, &wrong, &zone, now).is_err());
        fs::write(&path, "silence = [{ matchers = 'a=b' }]").expect("room");
        let id = &parse(&path, "silence = [{ matchers = 'a=b' }]", &zone).expect("one")[0].id;
        assert!(expire(&path, id, &zone, now).is_err(), "in one line nothing can be added");
        assert_eq!(read(&path).expect("readable").expect("there").lines().count(), 1, "as it was");
    }
}
