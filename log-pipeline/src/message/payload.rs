//! JSON as the text of a message: behind `@cee:`, after a header, or a line of an access log alone.
//!
//! ```
//! use log_pipeline::message::payload::{Payload, Value};
//!
//! let payload = Payload::parse(br#"@cee: {"http": {"status": 200}, "path": "\u002f"}"#)?;
//! assert_eq!(payload.value("http.status"), Some(Value::Number("200")));
//! assert!(matches!(payload.value("path"), Some(Value::String(path)) if path == *"/"));
//! # Ok::<(), log_pipeline::message::payload::PayloadError>(())
//! ```

mod scan;
mod text;
mod fields;

use crate::timestamp::Timestamp;

pub use fields::{Field, Fields, Path, Value};
pub use text::Text;

/// A JSON object in a message, known to be well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    json: &'a str,
}

/// Why bytes are no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// There is no object behind the white space and `@cee:`.
    #[error("no JSON object")]
    NoObject,
    /// JSON is UTF-8 (RFC 8259 §8.1).
    #[error("not UTF-8")]
    Utf8,
    /// Not JSON, from this byte of the object on.
    #[error("not JSON at byte {at}")]
    Syntax {
        /// The offset in the object.
        at: usize,
    },
    /// More than 64 objects and arrays within each other.
    #[error("nested too deep")]
    TooDeep,
    /// Longer than [`MOST_BYTES`].
    #[error("longer than 1 MiB")]
    TooLong,
}

impl PayloadError {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoObject => "no_object",
            Self::Utf8 => "utf8",
            Self::Syntax { .. } => "syntax",
            Self::TooDeep => "too_deep",
            Self::TooLong => "too_long",
        }
    }
}

impl<'a> Payload<'a> {
    /// Reads the text of a message: white space, `@cee:` if it is there, one object, and white
    /// space. Never allocates.
    ///
    /// # Errors
    /// [`PayloadError`]; a text that begins with neither costs a look at its first bytes.
    pub fn parse(text: &'a [u8]) -> Result<Self, PayloadError> {
        let text = text.trim_ascii();
        let text = text.strip_prefix(COOKIE).unwrap_or(text).trim_ascii_start();
        if text.first() != Some(&b'{') {
            return Err(PayloadError::NoObject);
        }
        if text.len() > MOST_BYTES {
            return Err(PayloadError::TooLong);
        }
        let json = std::str::from_utf8(text).map_err(|_| PayloadError::Utf8)?;
        let at = scan::value_end(text, 0)?;
        if at < text.len() {
            return Err(PayloadError::Syntax { at });
        }
        Ok(Self { json })
    }

    /// The object as it came.
    pub fn json(self) -> &'a str {
        self.json
    }

    /// Its fields, objects within it laid flat. Takes no memory.
    pub fn fields(self) -> Fields<'a> {
        Fields::of(self.json)
    }

    /// The value at `path`, names joined by points; the last, where a name is repeated.
    pub fn value(self, path: &str) -> Option<Value<'a>> {
        self.fields().filter(|field| field.path.is(path)).last().map(|field| field.value)
    }

    /// When it happened, by the first of the names in use that holds a time: `@timestamp`,
    /// `timestamp`, `time`, `ts`, `time_iso8601`, `msec`. A string is RFC 3339, a number Unix
    /// seconds, milliseconds, microseconds or nanoseconds, told apart by their size.
    pub fn timestamp(self) -> Option<Timestamp> {
        let ranked = self.fields().filter_map(|field| {
            let rank = TIMES.iter().position(|name| field.path.is(name))?;
            let at = match field.value {
                Value::String(text) => {
                    let at = Timestamp::parse(text.escaped().as_bytes());
                    at.ok().or_else(|| unix(text.escaped()))
                }
                Value::Number(text) => unix(text),
                _ => None,
            };
            Some((rank, at?))
        });
        ranked.min_by_key(|&(rank, _)| rank).map(|(_, at)| at)
    }

    /// The owned form. A repeated name holds its last value.
    ///
    /// # Errors
    /// For numbers beyond the range of `f64`, and half a surrogate pair in a string.
    #[cfg(feature = "serde")]
    pub fn to_value(self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(self.json)
    }
}

/// A decimal number of some unit since the epoch, of the years 1973 to 2286.
fn unix(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let unit: u32 = match whole.len() {
        9..=10 => 9,
        12..=13 => 6,
        15..=16 => 3,
        18..=19 => 0,
        _ => return None,
    };
    let whole: i64 = whole.parse().ok()?;
    let mut ns = whole.checked_mul(10_i64.pow(unit))?;
    for (place, digit) in fraction.bytes().enumerate() {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        if let Some(place) = unit.checked_sub(place as u32 + 1) {
            ns = ns.checked_add(i64::from(digit) * 10_i64.pow(place))?;
        }
    }
    Some(Timestamp::from_unix_ns(ns))
}

/// A longer object is left alone.
pub const MOST_BYTES: usize = 1 << 20;

/// What Common Event Expression puts before an object in a message.
const COOKIE: &[u8] = b"@cee:";

const TIMES: [&str; 6] = ["@timestamp", "timestamp", "time", "ts", "time_iso8601", "msec"];
