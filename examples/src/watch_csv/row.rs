//! One row: an instant and a value.

use anomaly::{Sample, UnixNanos};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A row as it came, and what it means.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) timestamp: &'a str,
    pub(crate) text: &'a str,
    pub(crate) at: UnixNanos,
    pub(crate) value: Option<f64>,
}

/// Why a line is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error(
        "{0:?} is no timestamp: give Unix seconds or milliseconds, RFC 3339, or 2014-04-10 07:15:00"
    )]
    Timestamp(String),
    #[error("{0:?} is no number: leave the field empty where a value is missing")]
    Value(String),
    #[error("a row wants a timestamp and a value")]
    Fields,
}

impl<'a> Row<'a> {
    /// `None` for an empty line. Fields may be in quotes; further ones are not looked at.
    pub(crate) fn parse(line: &'a str) -> Result<Option<Self>, RowError> {
        if line.trim().is_empty() {
            return Ok(None);
        }
        let mut fields = line.split(',').map(str::trim);
        let timestamp = fields.next().unwrap_or_default();
        let at = instant(timestamp).ok_or_else(|| RowError::Timestamp(timestamp.to_owned()))?;
        let text = fields.next().ok_or(RowError::Fields)?;
        let value = match unquoted(text) {
            "" => None,
            number => {
                let value: f64 = number.parse().map_err(|_| RowError::Value(number.to_owned()))?;
                value.is_finite().then_some(value)
            }
        };
        Ok(Some(Self { timestamp, text, at, value }))
    }

    /// What it says to a detector.
    pub(crate) fn sample(&self) -> Sample {
        self.value.map_or(Sample::missing(self.at), |value| Sample::new(self.at, value))
    }
}

/// What stands between quotes, if it does.
fn unquoted(field: &str) -> &str {
    let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
    inner.map_or(field, str::trim)
}

fn instant(text: &str) -> Option<UnixNanos> {
    let text = unquoted(text);
    if let Ok(number) = text.parse::<f64>() {
        // Seconds reach this size in the year 5138, milliseconds had it in 1973.
        let per_unit = if number.abs() < 1e11 { 1e9 } else { 1e6 };
        return Some(UnixNanos::new((number * per_unit) as i64));
    }
    let nanoseconds = |at: Timestamp| i64::try_from(at.as_nanosecond()).ok().map(UnixNanos::new);
    if let Ok(at) = text.parse::<Timestamp>() {
        return nanoseconds(at);
    }
    let civil: DateTime = text.parse().ok()?;
    nanoseconds(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_in_all_its_forms() {
        for text in [
            "1397114100",
            "1397114100000",
            "1397114100.0",
            "2014-04-10T07:15:00Z",
            "2014-04-10T09:15:00+02:00",
            "2014-04-10 07:15:00",
        ] {
            let line = format!("{text},1.5,more");
            let row = Row::parse(&line).expect("a row").expect("not empty");
            assert_eq!(row.at, UnixNanos::new(1_397_114_100_000_000_000), "{text}");
            assert_eq!((row.timestamp, row.value), (text, Some(1.5)));
        }
    }

    #[test]
    fn what_is_missing_is_missing_and_what_is_wrong_is_named() {
        assert_eq!(
            Row::parse("\"1\", \"2.5\" ,x").expect("a row").expect("not empty").value,
            Some(2.5)
        );
        assert_eq!(Row::parse("1,\"\"").expect("a row").expect("not empty").value, None);
        assert_eq!(Row::parse("1,").expect("a row").expect("not empty").value, None);
        assert_eq!(Row::parse("1,NaN").expect("a row").expect("not empty").value, None);
        assert!(Row::parse("  ").expect("nothing").is_none());
        assert!(matches!(Row::parse("soon,1"), Err(RowError::Timestamp(_))));
        assert!(matches!(Row::parse("1,high"), Err(RowError::Value(_))));
        assert!(matches!(Row::parse("1"), Err(RowError::Fields)));
    }
}
