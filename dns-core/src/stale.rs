//! Whether an expired answer stands in for one that cannot be had (RFC 8767): the operator's choice, by what the
//! answer says and by what went wrong.

use std::fmt;
use std::time::Duration;

use crate::answer::Kind;
use crate::forward::{Asked, AskedOutcome};
use crate::message::Rcode;
use crate::question::Question;

/// Why there is nothing fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The client timer is over; servers are still being asked.
    Slow,
    /// Every server asked was silent.
    Silence,
    /// No server could be reached.
    Unreachable,
    /// A server answered with this response code, and none better.
    Rcode(Rcode),
    /// A server answered with something that is no answer, such as a referral.
    Useless,
    /// The question failed a moment ago and is not asked again yet (RFC 9520).
    Remembered,
    /// Too many questions are waiting, or nobody may be asked.
    NotAsked,
}

impl Trouble {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Trouble::Slow => "slow",
            Trouble::Silence => "silence",
            Trouble::Unreachable => "unreachable",
            Trouble::Rcode(_) => "rcode",
            Trouble::Useless => "useless",
            Trouble::Remembered => "remembered",
            Trouble::NotAsked => "not_asked",
        }
    }

    /// Of a flight without an answer: what a server said says more than that others said nothing.
    pub(crate) fn of(asked: &[Asked]) -> Trouble {
        let said = asked.iter().rev().find_map(|asked| match asked.outcome {
            AskedOutcome::Failed(rcode) => Some(Trouble::Rcode(rcode)),
            _ => None,
        });
        let any = |outcome| asked.iter().any(|asked| asked.outcome == outcome);
        let all = |outcome| asked.iter().all(|asked| asked.outcome == outcome);
        match said {
            Some(said) => said,
            None if asked.is_empty() => Trouble::NotAsked,
            None if any(AskedOutcome::Useless) => Trouble::Useless,
            None if all(AskedOutcome::Unreachable) => Trouble::Unreachable,
            None => Trouble::Silence,
        }
    }
}

/// An expired answer that could be given.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Expired<'a> {
    /// What is asked.
    pub question: &'a Question,
    /// What the answer says.
    pub kind: Kind,
    /// For how long it has not been valid.
    pub expired_for: Duration,
    /// Why there is nothing fresh.
    pub trouble: Trouble,
}

/// Decides whether an expired answer is given. Asked on the slow path only, and from one task.
///
/// ```
/// use dns_core::stale::{Expired, StalePolicy, Trouble};
/// use dns_core::{Kind, MissConfig};
///
/// /// Last known good: addresses, and only while servers say nothing at all.
/// #[derive(Debug)]
/// struct WhileSilent;
///
/// impl StalePolicy for WhileSilent {
///     fn gives(&self, expired: &Expired<'_>) -> bool {
///         expired.kind == Kind::Positive && !matches!(expired.trouble, Trouble::Rcode(_))
///     }
/// }
///
/// let config = MissConfig { stale: std::sync::Arc::new(WhileSilent), ..MissConfig::default() };
/// ```
pub trait StalePolicy: fmt::Debug + Send + Sync {
    /// Whether it is given; if not, the client waits on, and gets SERVFAIL in the end.
    fn gives(&self, expired: &Expired<'_>) -> bool;
}

/// The policies that most sites want: everything that the cache still has, but for what is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleRules {
    /// Whether denials are given too: a name that has come to be is not seen while its servers are down. Default
    /// true.
    pub denials: bool,
    /// Whether servers that answer with a failure (SERVFAIL, REFUSED) count as ones that are down. Default
    /// true: RFC 8767 §4 has it so.
    pub on_failure: bool,
    /// Whether answers are given before the servers have failed, when the client timer is over. Default true.
    pub when_slow: bool,
}

impl Default for StaleRules {
    fn default() -> StaleRules {
        StaleRules { denials: true, on_failure: true, when_slow: true }
    }
}

impl StalePolicy for StaleRules {
    fn gives(&self, expired: &Expired<'_>) -> bool {
        let denial = matches!(expired.kind, Kind::NxDomain | Kind::NoData);
        let said = matches!(expired.trouble, Trouble::Rcode(_) | Trouble::Useless);
        let slow = expired.trouble == Trouble::Slow;
        (self.denials || !denial) && (self.on_failure || !said) && (self.when_slow || !slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_type::RecordType;

    #[test]
    fn each_rule_keeps_its_own_answers_back() {
        let question = Question::new(&"a.example".parse().expect("a name"), RecordType::A);
        let gives = |rules: StaleRules, kind, trouble| {
            let expired_for = Duration::from_secs(1);
            rules.gives(&Expired { question: &question, kind, expired_for, trouble })
        };
        let all = StaleRules::default();
        let rcode = Trouble::Rcode(Rcode::REFUSED);
        for (rules, kind, trouble) in [
            (StaleRules { denials: false, ..all }, Kind::NoData, Trouble::Silence),
            (StaleRules { on_failure: false, ..all }, Kind::Positive, rcode),
            (StaleRules { when_slow: false, ..all }, Kind::Positive, Trouble::Slow),
        ] {
            assert!(gives(all, kind, trouble) && !gives(rules, kind, trouble), "{rules:?}");
            assert!(gives(rules, Kind::Positive, Trouble::Silence), "{rules:?}");
        }
    }
}
