//! Answers that came later, as [`Misses`](crate::Misses) gives them.

use std::net::IpAddr;
use std::time::Duration;

use super::serve::{Asker, Served, Transport};
use super::{Resolver, STALE_TTL, Shared};
use crate::answer::{Aging, Answer, write_error};
use crate::cache::{Entry, Hit};
use crate::edns::ExtendedError;
use crate::forward::Outbound;
use crate::message::Rcode;
use crate::question::{Key, Query, View};

impl Resolver {
    /// Serves once more a query that [`serve`](Self::serve) has let in: meanwhile the answer may be here.
    pub(crate) fn serve_again(
        &self,
        now: Duration,
        to: (IpAddr, Transport),
        wire: &[u8],
        out: &mut [u8],
    ) -> Served {
        let Ok(query) = Query::parse(wire) else { return Served::Nothing };
        let mut envelope = self.shared.envelope(now, Some(to.0), &query, to.1);
        let (view, transport) = (self.shared.view_of(to.0), to.1);
        // No client: limits have been applied.
        let asker = Asker { client: None, view, transport };
        self.shared.answer_query(now, &query, asker, &mut envelope, out, Shared::resolve)
    }

    /// The question as it may go to others; `None` for what is answered here only.
    pub(crate) fn outbound(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Option<Outbound> {
        self.shared.outbound(now, query, view)
    }

    /// The view of a client.
    pub(crate) fn view_of(&self, client: IpAddr) -> View {
        self.shared.view_of(client)
    }

    /// The expired answer that may stand in.
    pub(crate) fn expired(&self, now: Duration, query: &Query<'_>, view: View) -> Option<Entry> {
        match self.shared.cache.peek(now, &Key::new(query, view)) {
            Hit::Stale(entry) => Some(entry),
            Hit::Fresh(_) | Hit::Miss => None,
        }
    }

    /// Writes the answer of an entry as its state at `now` demands.
    pub(crate) fn write(
        &self,
        now: Duration,
        entry: &Entry,
        query: &Query<'_>,
        to: (IpAddr, Transport),
        out: &mut [u8],
    ) -> usize {
        let mut envelope = self.shared.envelope(now, Some(to.0), query, to.1);
        let aging = entry.aging(now, STALE_TTL);
        envelope.note_answer(&entry.answer(), aging);
        let mut patch = envelope.patch();
        patch.aging = aging;
        entry.answer().write(query, &patch, out)
    }

    /// Writes an answer that is not kept.
    pub(crate) fn write_once(
        &self,
        now: Duration,
        answer: &Answer,
        query: &Query<'_>,
        to: (IpAddr, Transport),
        out: &mut [u8],
    ) -> usize {
        let mut envelope = self.shared.envelope(now, Some(to.0), query, to.1);
        envelope.note_answer(answer, Aging::Fixed);
        answer.write(query, &envelope.patch(), out)
    }

    /// Writes SERVFAIL and why.
    pub(crate) fn write_failure(
        &self,
        now: Duration,
        why: ExtendedError,
        query: &Query<'_>,
        to: (IpAddr, Transport),
        out: &mut [u8],
    ) -> usize {
        let mut envelope = self.shared.envelope(now, Some(to.0), query, to.1);
        envelope.note(why);
        write_error(query, Rcode::SERVFAIL, 0, &envelope.patch(), out)
    }
}
