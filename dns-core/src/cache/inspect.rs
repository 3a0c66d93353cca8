//! Looking into the cache from outside: what it holds, entry by entry.

use super::{Cache, Entry, read, write};
use crate::name::Name;
use crate::question::{Key, View};
use crate::record_type::{Class, RecordType};

/// One cached answer and what it is cached under.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cached {
    /// The name, in lower case.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// The class.
    pub class: Class,
    /// The site it is for.
    pub view: View,
    /// Whether it was asked for with signatures.
    pub dnssec_ok: bool,
    /// Whether the asker checks signatures itself.
    pub checking_disabled: bool,
    /// The answer and its times.
    pub entry: Entry,
}

impl Cache {
    /// Every answer, in no order. Leaves no trace; one shard is locked at a time, and none while the caller
    /// looks.
    pub fn iter(&self) -> impl Iterator<Item = Cached> {
        self.shards.iter().flat_map(|part| {
            let mut cached = Vec::new();
            read(part).each(|entry| cached.extend(Cached::of(entry)));
            cached
        })
    }

    /// Takes out one type of `name`, in every view, and returns how many. Looks at every entry.
    pub fn purge_type(&self, name: &Name, rtype: RecordType) -> usize {
        let folded = name.folded();
        let doomed = |entry: &Entry| entry.key().rtype == rtype && entry.name() == folded.as_wire();
        self.shards.iter().map(|part| write(part).purge(doomed)).sum()
    }
}

impl Cached {
    fn of(entry: &Entry) -> Option<Cached> {
        let Key { view, rtype, class, dnssec_ok, checking_disabled, name } = entry.key();
        let (name, entry) = (Name::from_wire(name).ok()?, entry.clone());
        Some(Cached { name, rtype, class, view, dnssec_ok, checking_disabled, entry })
    }
}
