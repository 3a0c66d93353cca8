//! What flaps is held on: the more often a group was raised of late, the longer it must be calm.

use std::collections::HashMap;
use std::time::Duration;

use crate::alert::labels::Labels;
use crate::alert::policy::Policy;
use crate::sample::UnixNanos;

/// How often each group was raised of late: a count that halves every
/// [`Policy::flap_half_life`]. Bounded: past `most` groups those forgotten by now make room, and
/// when none is, a new one is not counted.
#[derive(Debug, Default)]
pub(crate) struct Flaps(HashMap<Labels, Raises>);

#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Raises {
    count: f64,
    at: UnixNanos,
}

impl Raises {
    fn now(self, now: UnixNanos, half_life: Duration) -> f64 {
        let age = now.since(self.at).as_secs_f64() / half_life.as_secs_f64().max(1e-9);
        self.count * (-age).exp2()
    }
}

impl Flaps {
    /// Counts a raise, and says how many times its group counts by now.
    pub(crate) fn raise(&mut self, now: UnixNanos, group: &Labels, policy: &Policy) -> f64 {
        let half_life = policy.flap_half_life;
        if let Some(raises) = self.0.get_mut(group) {
            *raises = Raises { count: raises.now(now, half_life) + 1.0, at: now };
            return raises.count;
        }
        if self.0.len() >= policy.most_series {
            self.0.retain(|_, raises| raises.now(now, half_life) >= FORGOTTEN);
        }
        if self.0.len() < policy.most_series {
            self.0.insert(group.clone(), Raises { count: 1.0, at: now });
        }
        1.0
    }

    /// What there is to put away.
    #[cfg(feature = "snapshots")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Labels, &Raises)> {
        self.0.iter()
    }

    /// What was put away; none when nobody can have counted so.
    #[cfg(feature = "snapshots")]
    pub(crate) fn resume(groups: Vec<(Labels, Raises)>) -> Option<Self> {
        let sound = |(_, raises): &(Labels, Raises)| (0.0..=1e12).contains(&raises.count);
        groups.iter().all(sound).then(|| Self(groups.into_iter().collect()))
    }
}

/// By what [`Policy::clear_after`] is multiplied for a group that counts `raises`: doubled for
/// each beyond what the policy lets pass.
pub(crate) fn stretch(raises: f64, policy: &Policy) -> u32 {
    let beyond = (raises - f64::from(policy.flap_raises)).ceil();
    if beyond > 0.0 { 1 << (beyond as u32).min(MOST_DOUBLINGS) } else { 1 }
}

/// A raise that counts for less is as good as none.
const FORGOTTEN: f64 = 0.25;
/// Sixty-four times as long as usual is as good as on.
const MOST_DOUBLINGS: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hours: i64) -> UnixNanos {
        UnixNanos::new(hours * 3_600_000_000_000)
    }

    #[test]
    fn raises_add_up_and_wear_off() {
        let policy = Policy::default().damp_flapping(3, Duration::from_hours(1)).most_series(2);
        let (mut flaps, a) = (Flaps::default(), Labels::new([("host", "a")]));
        assert_eq!([0, 0, 0, 1].map(|h| flaps.raise(hour(h), &a, &policy)), [1.0, 2.0, 3.0, 2.5]);
        assert_eq!([2.5, 3.0, 3.1, 5.0, 99.0].map(|r| stretch(r, &policy)), [1, 1, 2, 4, 64]);
        for (name, counts) in [("b", 1.0), ("c", 1.0), ("c", 1.0), ("b", 2.0)] {
            // No room for c while a and b are fresh.
            assert_eq!(flaps.raise(hour(1), &Labels::new([("host", name)]), &policy), counts);
        }
        flaps.raise(hour(30), &Labels::new([("host", "c")]), &policy);
        assert_eq!(flaps.0.len(), 1, "the others are forgotten");
    }
}
