//! `YYYYMMDDHHMMSS`, the times of signatures (RFC 4034 §3.2).

/// Seconds since 1970 modulo 2³², from digits of a date or of seconds.
pub(super) fn read(text: &str) -> Option<u32> {
    if text.len() != 14 {
        return text.parse().ok().filter(|_| text.len() <= 10);
    }
    if !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let valid = (1970..=2106).contains(&year) && (1..=days).contains(&day);
    if !valid || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    u32::try_from(((days_to(year, month, day) * 24 + hour) * 60 + minute) * 60 + second).ok()
}

/// The other way round.
pub(super) fn write(seconds: u32) -> String {
    let (day, rest) = (i64::from(seconds) / 86_400, seconds % 86_400);
    // The function below the other way round.
    let z = day + 719_468;
    let era = z / 146_097;
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let day = doy - (153 * mp + 2) / 5 + 1;
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is last.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year / 400;
    let yoe = year - era * 400;
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates() {
        assert_eq!(read("19700101000000"), Some(0));
        assert_eq!(read("20040509183619"), Some(1_084_127_779), "RFC 4034 §3.3");
        assert_eq!(read("1084127779"), Some(1_084_127_779));
        for bad in ["20230229000000", "20240231000000", "2024013100006", "x", "20241301000000"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn comes_back(seconds: u32) {
            prop_assert_eq!(read(&write(seconds)), Some(seconds));
        }
    }
}
