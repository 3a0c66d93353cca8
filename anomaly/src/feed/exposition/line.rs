//! One line of an exposition.

use std::borrow::Cow;

use super::cursor::{Cursor, Pairs};
use crate::sample::UnixNanos;

/// Which format: they differ in the unit of timestamps, in exemplars and in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: timestamps are milliseconds.
    #[default]
    Text,
    /// OpenMetrics 1.0: timestamps are seconds, points may have exemplars, `# EOF` ends it.
    OpenMetrics,
}

impl Format {
    /// What a `Content-Type` names; text when in doubt.
    pub fn of(content_type: &str) -> Self {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// What a metric's family is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// Only goes up, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets, a count and a sum.
    Histogram,
    /// Buckets that go up and down.
    GaugeHistogram,
    /// Quantiles made by the other side, a count and a sum.
    Summary,
    /// Labels alone; the value is always 1.
    Info,
    /// One of several states at a time.
    StateSet,
    /// Nobody knows.
    #[default]
    Unknown,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Line<'a> {
    /// Nothing: an empty line or a comment.
    Comment,
    /// What a metric is about.
    Help {
        /// The family.
        metric: Cow<'a, str>,
        /// The text, as it stands there.
        text: &'a str,
    },
    /// What kind a metric is.
    Type {
        /// The family.
        metric: Cow<'a, str>,
        /// Its kind.
        family: Family,
    },
    /// What a metric is measured in.
    Unit {
        /// The family.
        metric: Cow<'a, str>,
        /// The unit.
        unit: &'a str,
    },
    /// The end of an OpenMetrics exposition.
    Eof,
    /// A value.
    Point(Point<'a>),
}

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point<'a> {
    /// The metric, with the suffix it has here.
    pub metric: Cow<'a, str>,
    /// Names and values, in the order they came, escapes undone.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The value; NaN and infinities are possible.
    pub value: f64,
    /// When it was true, if it says so.
    pub at: Option<UnixNanos>,
    /// One observation it counts (OpenMetrics).
    pub exemplar: Option<Exemplar<'a>>,
}

/// One observation, with the labels of where to find it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar<'a> {
    /// Names and values.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its value.
    pub value: f64,
    /// When it was made.
    pub at: Option<UnixNanos>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Bytes that are no UTF-8.
    #[error("no UTF-8")]
    Utf8,
    /// Longer than [`Exposition::MOST_LINE`](crate::feed::Exposition::MOST_LINE).
    #[error("too long")]
    TooLong,
    /// No metric's name where one must stand.
    #[error("no name of a metric")]
    Name,
    /// Braces, quotes or names of labels that are not in order, or more than 64 labels.
    #[error("labels that are not in order")]
    Labels,
    /// No number for a value.
    #[error("no number for a value")]
    Value,
    /// No number for a timestamp.
    #[error("no number for a timestamp")]
    Timestamp,
    /// An exemplar that is none, or stands where none may.
    #[error("an exemplar that is none")]
    Exemplar,
    /// Something behind all that belongs there.
    #[error("something behind the value")]
    Trailing,
    /// A `# TYPE` or `# UNIT` without its word, or with one that is not known.
    #[error("metadata that says nothing known")]
    Metadata,
    /// A line behind `# EOF`.
    #[error("a line behind the end")]
    AfterEof,
    /// The end without `# EOF`: something was cut off.
    #[error("an end without # EOF")]
    NoEof,
}

impl Malformed {
    /// A closed set of names for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::TooLong => "too_long",
            Self::Name => "name",
            Self::Labels => "labels",
            Self::Value => "value",
            Self::Timestamp => "timestamp",
            Self::Exemplar => "exemplar",
            Self::Trailing => "trailing",
            Self::Metadata => "metadata",
            Self::AfterEof => "after_eof",
            Self::NoEof => "no_eof",
        }
    }
}

impl<'a> Line<'a> {
    /// Reads one line, without its end.
    ///
    /// # Errors
    /// When it is none of the format.
    pub fn parse(text: &'a str, format: Format) -> Result<Self, Malformed> {
        let mut cursor = Cursor(text.trim_end_matches(['\r', ' ', '\t']));
        cursor.blanks();
        if cursor.0.is_empty() {
            return Ok(Self::Comment);
        }
        if cursor.take("#") {
            return metadata(cursor, format);
        }
        let name = cursor.name(true);
        cursor.blanks();
        let (quoted, labels) = cursor.labels()?;
        let metric = match quoted {
            Some(quoted) if name.is_empty() => quoted,
            None if !name.is_empty() => Cow::Borrowed(name),
            _ => return Err(Malformed::Name),
        };
        let (value, at) = value_and_time(&mut cursor, format)?;
        let exemplar = exemplar(&mut cursor, format)?;
        if !cursor.0.is_empty() {
            return Err(Malformed::Trailing);
        }
        Ok(Self::Point(Point { metric, labels, value, at, exemplar }))
    }
}

/// Behind the `#`.
fn metadata(mut cursor: Cursor<'_>, format: Format) -> Result<Line<'_>, Malformed> {
    cursor.blanks();
    let word = cursor.word();
    cursor.blanks();
    if word == "EOF" && cursor.0.is_empty() && format == Format::OpenMetrics {
        return Ok(Line::Eof);
    }
    if !matches!(word, "HELP" | "TYPE" | "UNIT") {
        return Ok(Line::Comment);
    }
    let metric = match cursor.quoted() {
        Some(quoted) => quoted,
        None => Cow::Borrowed(cursor.word()),
    };
    cursor.blanks();
    if metric.is_empty() {
        return Err(Malformed::Name);
    }
    match word {
        "HELP" => Ok(Line::Help { metric, text: cursor.0 }),
        "UNIT" => Ok(Line::Unit { metric, unit: cursor.0 }),
        _ => Ok(Line::Type { metric, family: family(cursor.0).ok_or(Malformed::Metadata)? }),
    }
}

fn family(word: &str) -> Option<Family> {
    Some(match word {
        "counter" => Family::Counter,
        "gauge" => Family::Gauge,
        "histogram" => Family::Histogram,
        "gaugehistogram" => Family::GaugeHistogram,
        "summary" => Family::Summary,
        "info" => Family::Info,
        "stateset" => Family::StateSet,
        "unknown" | "untyped" => Family::Unknown,
        _ => return None,
    })
}

fn value_and_time(
    cursor: &mut Cursor<'_>,
    format: Format,
) -> Result<(f64, Option<UnixNanos>), Malformed> {
    cursor.blanks();
    let value = number(cursor.word()).ok_or(Malformed::Value)?;
    cursor.blanks();
    if cursor.0.is_empty() || cursor.0.starts_with('#') {
        return Ok((value, None));
    }
    let digits = if format == Format::Text { 6 } else { 9 };
    let at = instant(cursor.word(), digits).ok_or(Malformed::Timestamp)?;
    cursor.blanks();
    Ok((value, Some(at)))
}

/// A time in units of 10^`digits` nanoseconds, saturating; exact unless it has an exponent.
fn instant(word: &str, digits: u32) -> Option<UnixNanos> {
    let time = number(word).filter(|time| time.is_finite())?;
    let rough = (time * 10_f64.powi(digits as i32)) as i64;
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let exact = || {
        let part = fraction.get(..fraction.len().min(digits as usize))?;
        let scale = |len: usize| 10_i64.checked_pow(digits - len as u32);
        let part = if part.is_empty() { 0 } else { part.parse::<u32>().ok()? };
        let part = i64::from(part) * scale(fraction.len().min(digits as usize))?;
        let whole = whole.parse::<i64>().ok()?.checked_mul(scale(0)?)?;
        if word.starts_with('-') { whole.checked_sub(part) } else { whole.checked_add(part) }
    };
    Some(UnixNanos::new(exact().unwrap_or(rough)))
}

fn exemplar<'a>(
    cursor: &mut Cursor<'a>,
    format: Format,
) -> Result<Option<Exemplar<'a>>, Malformed> {
    if !cursor.take("#") {
        return Ok(None);
    }
    cursor.blanks();
    if format != Format::OpenMetrics || !cursor.0.starts_with('{') {
        return Err(Malformed::Exemplar);
    }
    let (metric, labels): (_, Pairs<'a>) = cursor.labels().map_err(|_| Malformed::Exemplar)?;
    let (value, at) = value_and_time(cursor, format).map_err(|_| Malformed::Exemplar)?;
    if metric.is_some() {
        return Err(Malformed::Exemplar);
    }
    Ok(Some(Exemplar { labels, value, at }))
}

/// A number as Go writes them: `NaN`, `+Inf` and exponents included.
fn number(word: &str) -> Option<f64> {
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_name_the_format() {
        let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(Format::of(open), Format::OpenMetrics);
        assert_eq!(Format::of("text/plain; version=0.0.4"), Format::Text);
        assert_eq!(Format::of(""), Format::Text);
    }

    #[test]
    fn timestamps_are_exact() {
        for (word, digits, nanos) in [
            ("1520879607.789", 9, 1_520_879_607_789_000_000),
            ("-0.5", 9, -500_000_000),
            ("1.5", 6, 1_500_000),
            ("1.0123456789", 9, 1_012_345_678),
            ("1395066363000", 6, 1_395_066_363_000_000_000),
            ("1e3", 9, 1_000_000_000_000),
            ("1e300", 9, i64::MAX),
            ("-99999999999999999999", 6, i64::MIN),
        ] {
            assert_eq!(instant(word, digits), Some(UnixNanos::new(nanos)), "{word}");
        }
        assert_eq!([instant("", 9), instant("inf", 9), instant("1.2.3", 9)], [None; 3]);
    }

    #[test]
    fn each_mistake_has_its_name() {
        for (text, label) in [
            ("{} 1", "name"),
            ("1up 1", "name"),
            ("up{a=\"b\" 1", "labels"),
            ("up{a=b} 1", "labels"),
            ("up{=\"b\"} 1", "labels"),
            ("up{a=\"b\"c=\"d\"} 1", "labels"),
            ("up{a=\"b\\\"} 1", "labels"),
            ("up", "value"),
            ("up one", "value"),
            ("up 1 soon", "timestamp"),
            ("up 1 NaN", "timestamp"),
            ("up 1 2 3", "trailing"),
            ("up 1 # 3", "exemplar"),
            ("up 1 # {a=\"b\"}", "exemplar"),
            ("# TYPE up sideways", "metadata"),
            ("# TYPE", "name"),
        ] {
            let read = Line::parse(text, Format::OpenMetrics);
            assert_eq!(read.map_err(Malformed::label), Err(label), "{text}");
        }
        assert_eq!(Line::parse("up 1 # {} 3", Format::Text), Err(Malformed::Exemplar));
        assert_eq!(Line::parse("# EOF", Format::Text), Ok(Line::Comment));
    }
}
