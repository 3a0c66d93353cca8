//! How much of what happened a score finds, at how many false episodes.

use super::incident::Kind;
use super::series::{DAY, LENGTH, Series};

/// The recall of a score over many series, with one threshold for all of them.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    /// False episodes allowed, a series and week.
    pub budget: f64,
    /// The threshold: the lowest that keeps to the budget.
    pub threshold: f64,
    /// Share of the incidents with at least one minute at or above the threshold.
    pub recall: f64,
}

/// The scores of a series, one a minute.
#[derive(Debug)]
pub struct Scored<'a> {
    /// What was scored.
    pub series: &'a Series,
    /// One score a minute; the higher the stranger.
    pub scores: Vec<f64>,
}

/// What a threshold finds.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    events: usize,
    hit: usize,
    false_episodes: usize,
}

/// The recall at each budget.
pub fn recalls(all: &[Scored<'_>], budgets: &[f64]) -> Vec<Recall> {
    let mut candidates: Vec<f64> = all
        .iter()
        .flat_map(|s| s.scores.iter().copied())
        .filter(|v| v.is_finite() && *v > 0.0)
        .collect();
    candidates.sort_unstable_by(f64::total_cmp);
    candidates.dedup();
    let weeks = all.len() as f64 * (LENGTH - WARM) as f64 / (7 * DAY) as f64;
    let ask = |budget: f64| {
        // Higher thresholds bring fewer false episodes, but for runs that fall apart: good enough to bisect.
        let (mut low, mut high) = (0, candidates.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let found = found(all, candidates[middle]);
            if found.false_episodes as f64 / weeks <= budget {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let threshold = candidates.get(low).copied().unwrap_or(f64::INFINITY);
        let found = found(all, threshold);
        Recall { budget, threshold, recall: found.hit as f64 / found.events.max(1) as f64 }
    };
    budgets.iter().map(|&budget| ask(budget)).collect()
}

/// The share of the incidents of each kind that a threshold finds.
pub fn by_kind(all: &[Scored<'_>], threshold: f64) -> Vec<(Kind, usize, usize)> {
    let kinds = Kind::SHARES.map(|(kind, _)| kind);
    kinds
        .into_iter()
        .map(|kind| {
            let events = all.iter().flat_map(|s| {
                s.series
                    .incidents
                    .iter()
                    .filter(|i| i.kind == kind)
                    .map(move |i| s.scores[i.start..=i.end].iter().any(|v| *v >= threshold))
            });
            let (mut of, mut hit) = (0, 0);
            for found in events {
                of += 1;
                hit += usize::from(found);
            }
            (kind, hit, of)
        })
        .collect()
}

fn found(all: &[Scored<'_>], threshold: f64) -> Found {
    let mut total = Found::default();
    for scored in all {
        let Scored { series, scores } = scored;
        total.events += series.incidents.len();
        total.hit += series
            .incidents
            .iter()
            .filter(|i| scores[i.start..=i.end].iter().any(|v| *v >= threshold))
            .count();
        // A run of detections with pauses of a quarter of an hour is one episode; one that touches an incident, or the
        // quarter of an hour after it, is not false.
        let mut last: Option<usize> = None;
        let mut events = series.incidents.iter().peekable();
        for (minute, score) in scores.iter().enumerate().skip(WARM) {
            while events.next_if(|i| i.end + PAUSE < minute).is_some() {}
            let explained = events.peek().is_some_and(|i| i.start <= minute);
            if *score >= threshold {
                let joins = last.is_some_and(|last| minute - last <= PAUSE);
                if !joins && !explained {
                    total.false_episodes += 1;
                }
                last = Some(minute);
            }
        }
    }
    total
}

/// The first two days are not judged.
pub const WARM: usize = 2 * DAY;
const PAUSE: usize = 15;
