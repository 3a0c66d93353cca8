//! What a destination was told, put away and taken up again.

use serde::{Deserialize, Serialize};

use crate::alert::saved::{ResumeError, SavedAlert, seal, unseal};
use crate::sample::UnixNanos;

use super::{Dispatch, Notice, Open, Status};

#[derive(Serialize, Deserialize)]
struct Saved {
    open: Vec<SavedOpen>,
    notices: Vec<(Status, SavedAlert)>,
}

#[derive(Serialize, Deserialize)]
struct SavedOpen {
    alert: SavedAlert,
    due: UnixNanos,
    told: Option<UnixNanos>,
    muted: bool,
}

impl Dispatch {
    /// What was told, when, and what waits to be, as bytes. Silences, inhibitions, intervals and
    /// the statistics are not part of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let open = self.open.values().map(|open| SavedOpen {
            alert: (&open.alert).into(),
            due: open.due,
            told: open.told,
            muted: open.muted,
        });
        let notices = self.notices.iter().map(|notice| (notice.status, (&notice.alert).into()));
        seal(&Saved { open: open.collect(), notices: notices.collect() })
    }

    /// Goes on from [`Dispatch::to_bytes`], by the rules it has now. What was on then and is not
    /// among the alerts of the next [`Dispatch::handle_timeout`] is told to be over.
    ///
    /// # Errors
    /// When the bytes were written by another version, are damaged, or hold what no dispatch can
    /// have told. It is as it was then.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<(), ResumeError> {
        let saved: Saved = unseal(bytes)?;
        if saved.open.len() > Self::MOST || saved.notices.len() > Self::MOST {
            return Err(ResumeError::Impossible { part: "number of alerts" });
        }
        let open = saved.open.into_iter().map(|SavedOpen { alert, due, told, muted }| {
            let alert = alert.alert()?;
            Ok((alert.id, Open { alert, due, told, muted, seen: false }))
        });
        let open = open.collect::<Result<_, _>>()?;
        let notices = saved.notices.into_iter();
        let notices = notices.map(|(status, alert)| Ok(Notice { status, alert: alert.alert()? }));
        self.notices = notices.collect::<Result<_, _>>()?;
        self.open = open;
        Ok(())
    }
}
