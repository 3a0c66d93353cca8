//! A file of silences as it is written, with the place of each word.

use std::ops::Range;

use anomaly::{Dispatch, UnixNanos, Zone};
use jiff::Timestamp;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::Entry;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) silence: Vec<One>,
}

/// One of its silences.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    pub(super) matchers: Spanned<String>,
    pub(super) from: Option<Spanned<Value>>,
    pub(super) until: Option<Spanned<Value>>,
    #[serde(rename = "for")]
    pub(super) lasts: Option<Spanned<String>>,
    weekly: Option<Spanned<String>>,
    zone: Option<Spanned<String>>,
    comment: Option<String>,
    author: Option<String>,
}

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) because: String,
}

impl Wrong {
    fn new(span: Range<usize>, because: impl std::fmt::Display) -> Self {
        Self { at: span.start, because: format!("{because}") }
    }
}

impl Written {
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let because = error.message().replace('\n', ", ");
            Wrong::new(error.span().unwrap_or_default(), because)
        })
    }

    pub(super) fn entries(&self, zone: &Zone) -> Result<Vec<Entry>, Wrong> {
        if let Some(one) = self.silence.get(Dispatch::MOST / 2) {
            let because = format!("more than {} silences", Dispatch::MOST / 2);
            return Err(Wrong::new(one.matchers.span(), because));
        }
        self.silence.iter().map(|one| one.entry(zone)).collect()
    }
}

impl One {
    pub(super) fn entry(&self, zone: &Zone) -> Result<Entry, Wrong> {
        let from = self.from.as_ref().map(instant).transpose()?;
        let matchers = self.matchers.as_ref().parse();
        let weekly = self.weekly.as_ref().map(|weekly| {
            weekly
                .as_ref()
                .parse()
                .map_err(|error: anomaly::WeeklyError| Wrong::new(weekly.span(), error))
        });
        let named = self
            .zone
            .as_ref()
            .map(|zone| Zone::named(zone.as_ref()).map_err(|error| Wrong::new(zone.span(), error)));
        Ok(Entry {
            id: self.id(),
            matchers: matchers
                .map_err(|error: anomaly::MatchError| Wrong::new(self.matchers.span(), error))?,
            from,
            until: self.until(from)?,
            weekly: weekly.transpose()?,
            zone: named.transpose()?.unwrap_or_else(|| zone.clone()),
            comment: self.comment.clone(),
            author: self.author.clone(),
        })
    }

    fn until(&self, from: Option<UnixNanos>) -> Result<Option<UnixNanos>, Wrong> {
        let Some(lasts) = &self.lasts else { return self.until.as_ref().map(instant).transpose() };
        let wrong = |because: &str| Wrong::new(lasts.span(), because);
        if self.until.is_some() {
            return Err(wrong("give `until` or `for`, not both"));
        }
        let from = from.ok_or_else(|| wrong("`for` wants `from`: nobody knows since when"))?;
        let lasts = humantime::parse_duration(lasts.as_ref()).map_err(|error| {
            Wrong::new(lasts.span(), format!("{:?}: {error}, give a time like 2h", lasts.as_ref()))
        });
        Ok(Some(from.after(lasts?)))
    }

    /// FNV-1a over all that is said but the end.
    fn id(&self) -> String {
        let from = self.from.as_ref().and_then(|from| text_of(from.as_ref()));
        let text = |word: &Option<Spanned<String>>| word.as_ref().map(|word| word.as_ref().clone());
        let own = Some(self.matchers.as_ref().clone());
        let words = [own, from, text(&self.weekly), text(&self.zone)];
        let words = words.into_iter().chain([self.comment.clone(), self.author.clone()]);
        let bytes =
            words.flat_map(|word| word.unwrap_or_default().into_bytes().into_iter().chain([0xff]));
        let hash =
            bytes.fold(FNV_START, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
        format!("{hash:08x}")
    }
}

fn instant(written: &Spanned<Value>) -> Result<UnixNanos, Wrong> {
    let text = text_of(written.as_ref()).unwrap_or_default();
    let wrong =
        || format!("{text:?} is no instant: give one with its zone, like 2026-11-22T08:00:00Z");
    let at: Timestamp = text.parse().map_err(|_| Wrong::new(written.span(), wrong()))?;
    let nanos =
        i64::try_from(at.as_nanosecond()).map_err(|_| Wrong::new(written.span(), wrong()))?;
    Ok(UnixNanos::new(nanos))
}

/// TOML's own instants, and those in quotes.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Datetime(at) => Some(at.to_string()),
        _ => None,
    }
}

const FNV_START: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;
