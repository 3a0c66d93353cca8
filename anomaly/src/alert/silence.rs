//! Which series nobody wants to hear of, and when.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::alert::labels::Labels;
use crate::alert::matcher::Matchers;
use crate::sample::UnixNanos;

/// Series that are not told of for a time: once, or as maintenance every week.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    matchers: Matchers,
    from: Option<UnixNanos>,
    until: Option<UnixNanos>,
    weekly: Option<Weekly>,
    #[cfg(feature = "zones")]
    zone: Option<crate::zone::Zone>,
}

impl Silence {
    /// Silence from now on and for good.
    pub fn new(matchers: Matchers) -> Self {
        Self {
            matchers,
            from: None,
            until: None,
            weekly: None,
            #[cfg(feature = "zones")]
            zone: None,
        }
    }

    /// Not before this instant.
    pub fn from(mut self, from: UnixNanos) -> Self {
        self.from = Some(from);
        self
    }

    /// Not from this instant on.
    pub fn until(mut self, until: UnixNanos) -> Self {
        self.until = Some(until);
        self
    }

    /// Only in this window of each week: a maintenance window.
    pub fn weekly(mut self, window: Weekly) -> Self {
        self.weekly = Some(window);
        self
    }

    /// The zone whose local time the weekly window follows (UTC): two in the morning stays two
    /// in the morning when clocks move.
    #[cfg(feature = "zones")]
    pub fn zone(mut self, zone: crate::zone::Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// Whether it speaks at this instant of a series.
    pub fn covers(&self, now: UnixNanos, labels: &Labels) -> bool {
        self.from.is_none_or(|from| now >= from)
            && !self.is_over(now)
            && self.weekly.is_none_or(|window| window.contains(self.local(now)))
            && self.matchers.matches(labels)
    }

    #[cfg_attr(
        not(feature = "zones"),
        expect(clippy::unused_self, reason = "only with zones is there a zone")
    )]
    fn local(&self, at: UnixNanos) -> UnixNanos {
        #[cfg(feature = "zones")]
        let at = self.zone.as_ref().map_or(at, |zone| zone.local(at));
        at
    }

    /// Whether it will never speak again.
    pub fn is_over(&self, now: UnixNanos) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// The same hours on some days of every week, in UTC unless the silence has a zone: `Sat,Sun 02:00-04:30`, `Mon-Fri
/// 22:00-02:00` (over midnight, counted to the day it begins), `daily 03:00-04:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekly {
    /// Monday is the lowest bit.
    days: u8,
    /// Minutes after midnight.
    start: u16,
    minutes: u16,
}

/// Why a text is no weekly window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeeklyError {
    /// Days and hours are not two words.
    #[error("give days and hours, like Sat,Sun 02:00-04:30")]
    Form,
    /// A day that is none.
    #[error("{day:?} is no day: give Mon, Tue, Wed, Thu, Fri, Sat, Sun or daily")]
    Day {
        /// What stands there.
        day: String,
    },
    /// Hours that are none.
    #[error("{hours:?} are no hours: give HH:MM-HH:MM")]
    Hours {
        /// What stands there.
        hours: String,
    },
}

impl WeeklyError {
    /// A closed set of names for metrics: `form`, `day`, `hours`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Day { .. } => "day",
            Self::Hours { .. } => "hours",
        }
    }
}

impl Weekly {
    /// Whether an instant lies in the window, its end excluded.
    pub fn contains(self, at: UnixNanos) -> bool {
        let minutes = at.as_nanos().div_euclid(Duration::from_mins(1).as_nanos() as i64);
        let (day, minute) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
        // The epoch was a Thursday.
        let today = (day + 3).rem_euclid(7) as u32;
        let yesterday = (today + 6) % 7;
        let on = |day: u32| self.days & (1 << day) != 0;
        let into = |minute: i64| {
            let start = i64::from(self.start);
            (start..start + i64::from(self.minutes)).contains(&minute)
        };
        (on(today) && into(minute)) || (on(yesterday) && into(minute + DAY))
    }
}

impl FromStr for Weekly {
    type Err = WeeklyError;

    fn from_str(text: &str) -> Result<Self, WeeklyError> {
        let (days, hours) = text.trim().split_once(char::is_whitespace).ok_or(WeeklyError::Form)?;
        let mut mask = 0;
        for part in days.split(',') {
            let wrong = || WeeklyError::Day { day: part.into() };
            if part.eq_ignore_ascii_case("daily") {
                mask = 0x7f;
                continue;
            }
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = day(first).zip(day(last)).ok_or_else(wrong)?;
            mask |= 1 << day;
            while day != last {
                day = (day + 1) % 7;
                mask |= 1 << day;
            }
        }
        let wrong = || WeeklyError::Hours { hours: hours.trim().into() };
        let (from, to) = hours.trim().split_once('-').ok_or_else(wrong)?;
        let (start, end) = minute(from).zip(minute(to)).ok_or_else(wrong)?;
        if i64::from(start) >= DAY || start == end {
            return Err(wrong());
        }
        let minutes = if end > start { end - start } else { end + DAY as u16 - start };
        Ok(Self { days: mask, start, minutes })
    }
}

impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = (0..7).filter(|day| self.days & (1 << day) != 0).map(|day| DAYS[day]);
        f.write_str(&days.collect::<Vec<_>>().join(","))?;
        let end = match (self.start + self.minutes) % DAY as u16 {
            // From midnight to midnight is a day, not nothing.
            0 => DAY as u16,
            end => end,
        };
        write!(f, " {:02}:{:02}-{:02}:{:02}", self.start / 60, self.start % 60, end / 60, end % 60)
    }
}

fn day(name: &str) -> Option<usize> {
    DAYS.iter().position(|day| day.eq_ignore_ascii_case(name))
}

/// `HH:MM`, 24:00 included.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, most: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| digits && *number <= most)
    };
    let minutes = number(hour, 24)? * 60 + number(minute, 59)?;
    (i64::from(minutes) <= DAY).then_some(minutes)
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Minutes of a day.
const DAY: i64 = 1440;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins() {
        let window: Weekly = "Fri 22:00-02:00".parse().expect("a window");
        // 2023-11-14 22:13:20, a Tuesday.
        let at = |day: i64, hour: i64| {
            let midnight = 1_700_000_000 - 80_000 + day * 86_400;
            UnixNanos::new((midnight + hour * 3600) * 1_000_000_000)
        };
        let open = [(3, 22), (3, 23), (4, 1)];
        for (day, hour) in (0..7).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
            assert_eq!(
                window.contains(at(day, hour)),
                open.contains(&(day, hour)) || (day, hour) == (4, 0),
                "{day} {hour}"
            );
        }
    }

    #[cfg(feature = "zones")]
    #[test]
    fn a_window_follows_the_clocks_of_its_zone() {
        let zone = crate::zone::Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
        let window = "Sat 02:00-03:00".parse().expect("a window");
        let silence = Silence::new("a=\"\"".parse().expect("a matcher")).weekly(window).zone(zone);
        // Saturdays in January and in July of 2024, at midnight UTC.
        let open = |midnight: i64| {
            (0..24)
                .filter(|hour| {
                    let at = UnixNanos::new((midnight + hour * 3600) * 1_000_000_000);
                    silence.covers(at, &Labels::default())
                })
                .collect::<Vec<_>>()
        };
        assert_eq!((open(1_705_104_000), open(1_720_828_800)), (vec![1], vec![0]));
    }

    #[test]
    fn windows_are_read_and_written() {
        for (text, shown) in [
            ("Sat,sun 02:00-04:30", "Sat,Sun 02:00-04:30"),
            ("Fri-Mon 00:00-24:00", "Mon,Fri,Sat,Sun 00:00-24:00"),
            ("daily 23:30-00:10", "Mon,Tue,Wed,Thu,Fri,Sat,Sun 23:30-00:10"),
        ] {
            assert_eq!(text.parse::<Weekly>().expect(text).to_string(), shown);
        }
        let wrong = [
            ("daily", "form"),
            ("Someday 01:00-02:00", "day"),
            ("Mon- 01:00-02:00", "day"),
            ("Mon 1:00-02:00", "hours"),
            ("Mon 01:00-25:00", "hours"),
            ("Mon 01:00-01:00", "hours"),
            ("Mon 24:00-01:00", "hours"),
            ("Mon +1:00-02:00", "hours"),
        ];
        for (text, label) in wrong {
            assert_eq!(text.parse::<Weekly>().expect_err(text).label(), label, "{text}");
        }
    }

    #[test]
    fn a_silence_speaks_of_its_series_in_its_time() {
        let at = |seconds: i64| UnixNanos::new(seconds * 1_000_000_000);
        let matchers = "host=a".parse().expect("a matcher");
        let silence = Silence::new(matchers).from(at(10)).until(at(20));
        let (a, b) = (Labels::new([("host", "a")]), Labels::new([("host", "b")]));
        assert_eq!([9, 10, 19, 20].map(|s| silence.covers(at(s), &a)), [false, true, true, false]);
        assert!(!silence.covers(at(15), &b));
        assert!(!silence.is_over(at(19)) && silence.is_over(at(20)));
    }
}
