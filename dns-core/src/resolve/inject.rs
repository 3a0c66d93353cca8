//! Answers that were had elsewhere, put into the cache.

use std::time::Duration;

use thiserror::Error;

use super::Resolver;
#[cfg(feature = "zones")]
use crate::answer::AnswerBuilder;
use crate::answer::{Answer, AnswerError};
use crate::cache::{Entry, Source};
#[cfg(feature = "zones")]
use crate::message::{Rcode, Section};
use crate::name::Name;
#[cfg(feature = "zones")]
use crate::question::Edns;
use crate::question::{Key, Query, View};
#[cfg(feature = "zones")]
use crate::record_type::RecordType;
#[cfg(feature = "zones")]
use crate::zone::{MasterFileError, Zone, ZoneRecord};

/// Why an answer from outside was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InjectError {
    /// It is not an answer that can be kept.
    #[error("not an answer that can be kept")]
    Answer(#[from] AnswerError),
    /// It answers another question.
    #[error("an answer to another question")]
    OtherQuestion,
    /// It may not be kept: a failure, or a denial without SOA (RFC 2308 §5).
    #[error("an answer that may not be kept")]
    Uncacheable,
    /// The name is ours to answer: a zone's, a private suffix's or a special one.
    #[error("an answer for a name that is answered here only")]
    Local,
}

impl InjectError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            InjectError::Answer(error) => error.label(),
            InjectError::OtherQuestion => "other_question",
            InjectError::Uncacheable => "uncacheable",
            InjectError::Local => "local",
        }
    }
}

/// Why records were not taken; those of sets before the one that is wrong were.
#[cfg(feature = "zones")]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InjectTextError {
    /// They cannot be read.
    #[error(transparent)]
    Text(#[from] MasterFileError),
    /// An alias: whoever asks for an address would not be shown it.
    #[error("{0} is an alias: inject the records that it leads to")]
    Alias(Name),
    /// They cannot be kept.
    #[error("{name} {rtype}: {source}")]
    Inject {
        /// Whose they are.
        name: Name,
        /// Of which type.
        rtype: RecordType,
        /// Why.
        source: InjectError,
    },
}

#[cfg(feature = "zones")]
impl InjectTextError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            InjectTextError::Text(_) => "text",
            InjectTextError::Alias(_) => "alias",
            InjectTextError::Inject { source, .. } => source.label(),
        }
    }
}

impl Resolver {
    /// Takes an answer to `query` that was had elsewhere, to be given until its TTL is over and stale for a
    /// while after (RFC 8767).
    ///
    /// # Errors
    /// [`InjectError`]; above all for names that are answered here only.
    pub fn inject(
        &self,
        now: Duration,
        view: View,
        query: &Query<'_>,
        response: &[u8],
    ) -> Result<(), InjectError> {
        let answer = Answer::from_response(response)?;
        self.take(now, view, query, answer, Source::Injected).map(drop)
    }

    /// Keeps an answer to `query` from `source`, and gives it back as an entry.
    pub(crate) fn take(
        &self,
        now: Duration,
        view: View,
        query: &Query<'_>,
        answer: Answer,
        source: Source,
    ) -> Result<Entry, InjectError> {
        if !answer.answers(query) {
            return Err(InjectError::OtherQuestion);
        }
        let lifetime = self.shared.cache.lifetime(&answer).ok_or(InjectError::Uncacheable)?;
        let name = Name::from_wire(query.name).map_err(|_| InjectError::OtherQuestion)?;
        // Held until the answer is in: a zone that comes now purges it.
        let ours = self.shared.ours();
        if self.shared.layer(&ours, view, name.folded().as_wire(), query.rtype).is_some()
            || self.shared.policy.private_suffix(&name).is_some()
        {
            return Err(InjectError::Local);
        }
        Ok(self.shared.cache.insert(now, &Key::new(query, view), answer, source, lifetime))
    }
}

#[cfg(feature = "zones")]
impl Resolver {
    /// Takes records as master files have them (absolute names, `NAME TTL TYPE DATA`), to be given until their
    /// TTL is over to whoever asks for a name and type of theirs, of every site, with DO and CD or without.
    /// Returns how many sets there were.
    ///
    /// # Errors
    /// [`InjectTextError`].
    pub fn inject_text(&self, now: Duration, text: &str) -> Result<usize, InjectTextError> {
        let zone = Zone::from_saved(&Name::root(), "records", &format!("{text}\n{APEX}"))?;
        let records: Vec<ZoneRecord<'_>> =
            zone.records().filter(|record| !record.owner.is_root()).collect();
        let sets = records.chunk_by(|a, b| a.owner == b.owner && a.rtype == b.rtype);
        let mut taken = 0;
        for set in sets {
            let (name, rtype) = (set[0].owner, set[0].rtype);
            if matches!(rtype, RecordType::CNAME | RecordType::DNAME) {
                return Err(InjectTextError::Alias(name.clone()));
            }
            let failed = |source| InjectTextError::Inject { name: name.clone(), rtype, source };
            let answer = answer(set).map_err(|error| failed(InjectError::Answer(error)))?;
            self.inject_for_all(now, name, rtype, &answer).map_err(failed)?;
            taken += 1;
        }
        Ok(taken)
    }

    fn inject_for_all(
        &self,
        now: Duration,
        name: &Name,
        rtype: RecordType,
        answer: &Answer,
    ) -> Result<(), InjectError> {
        let views = self.shared.ours().views.count();
        for view in (0..views).map(View) {
            for (dnssec_ok, checking_disabled) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let edns = dnssec_ok.then_some(Edns { udp_size: 0, dnssec_ok, options: &[] });
                let query = Query { checking_disabled, edns, ..Query::ask(name, rtype) };
                self.take(now, view, &query, answer.clone(), Source::Injected)?;
            }
        }
        Ok(())
    }
}

/// An answer of one RRset.
#[cfg(feature = "zones")]
fn answer(set: &[ZoneRecord<'_>]) -> Result<Answer, AnswerError> {
    let (name, rtype) = (set[0].owner.as_wire(), set[0].rtype);
    let mut builder = AnswerBuilder::new(name, rtype, crate::record_type::Class::IN);
    for record in set {
        builder.record(Section::Answer, name, rtype, record.ttl, record.rdata);
    }
    builder.finish(Rcode::NOERROR, false)
}

/// What makes a zone of a few records; behind them, so that their lines keep their numbers.
#[cfg(feature = "zones")]
const APEX: &str = ". 0 SOA . . 1 1 1 1 1\n. 0 NS .\n";
