//! Round numbers and round times for axes.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Round numbers within a range, about `wanted` of them, with as many digits as they need.
pub(super) fn numbers(low: f64, high: f64, wanted: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / wanted;
    if !(rough > 0.0 && rough.is_finite()) {
        return Vec::new();
    }
    let magnitude = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(steps[3]);
    let first = (low / step).ceil() as i64;
    let last = ((high / step).floor() as i64).min(first.saturating_add(MOST_TICKS));
    (first..=last).map(|n| (n as f64 * step, number(n as f64 * step, step))).collect()
}

/// A number with the digits that a step of this size wants.
fn number(value: f64, step: f64) -> String {
    let largest = value.abs().max(step);
    if !(1e-4..1e6).contains(&largest) {
        return if value == 0.0 { "0".into() } else { format!("{value:.2e}") };
    }
    let digits = (-step.log10().floor()).max(0.0) as usize;
    format!("{value:.digits$}")
}

/// Round instants (nanoseconds) within a range, in UTC, about `wanted` of them.
pub(super) fn instants(first: i64, last: i64, wanted: i64) -> Vec<(i64, String)> {
    let rough = (last - first) / BILLION / wanted;
    let step = STEPS.into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or((rough / DAY + 1) * DAY);
    let form = match step {
        ..60 => "%H:%M:%S",
        60..21_600 => "%H:%M",
        21_600..DAY => "%b %d %H:%M",
        _ if last - first > YEAR / 2 * BILLION => "%Y-%m-%d",
        _ => "%b %d",
    };
    let from = (first / BILLION).div_euclid(step) * step;
    let all = (0..=MOST_TICKS).map(|n| from + n * step);
    let within = all.filter(|second| (first / BILLION..=last / BILLION).contains(second));
    within.map(|second| (second * BILLION, shown(second * BILLION, form))).collect()
}

/// An instant in words of `strftime`, UTC.
pub(super) fn shown(nanos: i64, form: &str) -> String {
    let at = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime(form).to_string()
}

const BILLION: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
const YEAR: i64 = 366 * DAY;
const MOST_TICKS: i64 = 40;
const STEPS: [i64; 20] = [
    1,
    2,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<T>(ticks: Vec<(T, String)>) -> String {
        ticks.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn axes_are_round() {
        assert_eq!(texts(numbers(0.0, 103.0, 5.0)), "0 50 100");
        assert_eq!(texts(numbers(-0.013, 0.02, 6.0)), "-0.01 0.00 0.01 0.02");
        assert_eq!(texts(numbers(1e7, 1.2e7, 4.0)), "1.00e7 1.05e7 1.10e7 1.15e7 1.20e7");
        assert!(numbers(1.0, 1.0, 5.0).is_empty() && numbers(f64::MIN, f64::MAX, 5.0).is_empty());
        let at = 1_397_114_100 * BILLION;
        assert_eq!(
            texts(instants(at, at + 3 * 3_600 * BILLION, 6)),
            "07:30 08:00 08:30 09:00 09:30 10:00"
        );
        assert_eq!(texts(instants(at, at + 20 * DAY * BILLION, 4)), "Apr 17 Apr 24");
        assert!(instants(0, i64::MAX, 8).len() <= 41);
    }
}
