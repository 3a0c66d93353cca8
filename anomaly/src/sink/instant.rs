//! Instants as RFC 3339 writes them.

use crate::sample::UnixNanos;

/// `2023-11-14T22:13:20.000000000Z`: UTC, always with nanoseconds.
pub(super) fn rfc3339(at: UnixNanos) -> String {
    let (seconds, nanos) = (at.as_nanos().div_euclid(BILLION), at.as_nanos().rem_euclid(BILLION));
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // Years that begin in March, in eras of 400 years: the leap day comes last.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

const BILLION: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
            (951_782_400 * BILLION, "2000-02-29T00:00:00.000000000Z"),
            (4_107_542_400 * BILLION, "2100-03-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(rfc3339(UnixNanos::new(nanos)), text);
        }
    }
}
