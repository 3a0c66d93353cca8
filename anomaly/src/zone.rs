//! Local time, so that nine in the morning stays nine in the morning when clocks move.

#[cfg(feature = "zones")]
use jiff::{Timestamp, tz::TimeZone};

use crate::sample::UnixNanos;

/// A time zone with its daylight-saving rules.
#[cfg(feature = "zones")]
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// Why a name is no time zone.
#[cfg(feature = "zones")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("no time zone {name:?}: give an IANA name that this machine knows, or a POSIX TZ string")]
pub struct ZoneError {
    /// What was asked for.
    pub name: String,
    /// What the database says.
    #[source]
    pub source: jiff::Error,
}

#[cfg(feature = "zones")]
impl ZoneError {
    /// A closed set of names for metrics: `unknown_zone`.
    pub fn label(&self) -> &'static str {
        "unknown_zone"
    }
}

#[cfg(feature = "zones")]
impl Zone {
    /// The zone of an IANA name such as `Europe/Berlin`, from the machine's database, or of a POSIX TZ
    /// string such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2024, 8.3), which needs none.
    ///
    /// # Errors
    /// When it is neither.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        let rules = TimeZone::get(name)
            .or_else(|error| TimeZone::posix(name).map_err(|_| error))
            .map_err(|source| ZoneError { name: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), rules })
    }

    /// The wall clock's time at an instant, written as if it were UTC.
    pub fn local(&self, at: UnixNanos) -> UnixNanos {
        UnixNanos::new(at.as_nanos().saturating_add(i64::from(self.ahead(at)) * SECOND))
    }

    /// Seconds that local time is ahead of UTC.
    fn ahead(&self, at: UnixNanos) -> i32 {
        let timestamp = Timestamp::from_second(at.as_nanos().div_euclid(SECOND))
            .expect("64 bits of nanoseconds end in the year 2262");
        self.rules.to_offset(timestamp).seconds()
    }
}

#[cfg(feature = "zones")]
impl TryFrom<String> for Zone {
    type Error = ZoneError;

    fn try_from(name: String) -> Result<Self, ZoneError> {
        Self::named(&name)
    }
}

#[cfg(feature = "zones")]
impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

/// The wall clock of a series. Clocks move at full quarters of an hour of UTC only, so that the
/// rules are asked once for each.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct WallClock {
    #[cfg(feature = "zones")]
    quarter: i32,
    ahead: i32,
}

impl WallClock {
    /// Reads the rules for the quarter of an hour around an instant.
    #[cfg(feature = "zones")]
    pub(crate) fn refresh(&mut self, at: UnixNanos, zone: Option<&Zone>) {
        let quarter = at.as_nanos().div_euclid(QUARTER) as i32;
        if quarter != self.quarter {
            let ahead = zone.map_or(0, |zone| zone.ahead(at));
            *self = Self { quarter, ahead };
        }
    }

    /// Local time, as if it were UTC.
    pub(crate) fn local(self, at: UnixNanos) -> UnixNanos {
        UnixNanos::new(at.as_nanos().saturating_add(i64::from(self.ahead) * SECOND))
    }

    /// Whether a restored clock can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(self) -> bool {
        self.ahead.unsigned_abs() <= 26 * 3600
    }
}

const SECOND: i64 = 1_000_000_000;
#[cfg(feature = "zones")]
const QUARTER: i64 = 900 * SECOND;

#[cfg(all(test, feature = "zones"))]
mod tests {
    use super::*;

    fn local_hour(zone: &Zone, seconds: i64) -> i64 {
        let (mut clock, at) = (WallClock::default(), UnixNanos::new(seconds * SECOND));
        clock.refresh(at, Some(zone));
        clock.local(at).as_nanos().div_euclid(3600 * SECOND).rem_euclid(24)
    }

    #[test]
    fn the_clock_moves_in_march_and_october() {
        let berlin = Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2024-03-31 00:59:59 and 01:00:00 UTC; 2024-10-27 likewise.
        assert_eq!(local_hour(&berlin, 1_711_846_799), 1);
        assert_eq!(local_hour(&berlin, 1_711_846_800), 3);
        assert_eq!(local_hour(&berlin, 1_729_990_799), 2);
        assert_eq!(local_hour(&berlin, 1_729_990_800), 2);
    }

    #[test]
    fn what_is_no_zone_is_named() {
        let error = Zone::named("Europe/Atlantis").unwrap_err();
        assert!(error.to_string().starts_with("no time zone \"Europe/Atlantis\""));
        assert_eq!(error.label(), "unknown_zone");
    }

    #[test]
    fn instants_at_the_ends_of_time_have_an_hour() {
        let berlin = Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for at in [i64::MIN, i64::MAX] {
            let mut clock = WallClock::default();
            clock.refresh(UnixNanos::new(at), Some(&berlin));
            clock.local(UnixNanos::new(at));
        }
    }
}
