//! A file of silences, read again whenever it was changed.

use std::path::PathBuf;

use anomaly::{Silence, Zone};

use super::{SilencesError, parse, read};

/// A file that is looked at now and then.
#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    zone: Zone,
    /// What it said when it was looked at last; none when it was not there.
    text: Option<String>,
    /// Whether it could not be read then.
    failed: bool,
}

/// What a look brought.
#[derive(Debug)]
pub(crate) enum News {
    /// It says what it said.
    Same,
    /// These silences now.
    Changed(Vec<Silence>),
    /// It is gone: what it said last holds.
    Gone,
    /// It is not in order: what it said last holds.
    Refused(SilencesError),
}

impl Followed {
    /// The file, and what it says. One that is not there says nothing yet.
    pub(crate) fn new(path: PathBuf, zone: Zone) -> Result<(Self, Vec<Silence>), SilencesError> {
        let mut followed = Self { path, zone, text: None, failed: false };
        followed.text = read(&followed.path)?;
        let silences = followed.silences()?;
        Ok((followed, silences))
    }

    /// Looks at the file. It is short and read whole: that it was changed within the grain of its
    /// time stamp is not missed. News come once.
    pub(crate) fn look(&mut self) -> News {
        match read(&self.path) {
            Ok(text) if text == self.text => {
                // Readable again, and nothing new.
                self.failed = false;
                News::Same
            }
            Ok(None) => {
                self.text = None;
                News::Gone
            }
            Ok(text) => {
                (self.text, self.failed) = (text, false);
                self.silences().map_or_else(News::Refused, News::Changed)
            }
            Err(_) if self.failed => News::Same,
            Err(error) => {
                self.failed = true;
                News::Refused(error)
            }
        }
    }

    fn silences(&self) -> Result<Vec<Silence>, SilencesError> {
        let text = self.text.as_deref().unwrap_or_default();
        let entries = parse(&self.path, text, &self.zone)?;
        Ok(entries.iter().map(super::Entry::silence).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_news_once_and_a_mistake_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.toml");
        let zone = Zone::named("UTC").expect("a zone");
        let (mut followed, none) = Followed::new(path.clone(), zone).expect("not there is fine");
        assert!(none.is_empty() && matches!(followed.look(), News::Same));
        let write = |text: &[u8]| std::fs::write(&path, text).expect("room");
        write(b"[[silence]]\nmatchers = 'a=b'\n");
        assert!(matches!(followed.look(), News::Changed(silences) if silences.len() == 1));
        assert!(matches!(followed.look(), News::Same));
        for wrong in [&b"[[silence]]\nmatchers = 'a'\n"[..], b"\xff\xfe"] {
            write(wrong);
            assert!(matches!(followed.look(), News::Refused(_)));
            assert!(matches!(followed.look(), News::Same));
        }
        write(b"[[silence]]\nmatchers = 'a=c'\n");
        assert!(matches!(followed.look(), News::Changed(silences) if silences.len() == 1));
        std::fs::remove_file(&path).expect("our own");
        assert!(matches!(followed.look(), News::Gone));
        assert!(matches!(followed.look(), News::Same));
        write(b"");
        assert!(matches!(followed.look(), News::Changed(silences) if silences.is_empty()));
    }
}
