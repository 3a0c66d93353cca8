//! Whether what came is what a script wants.

use super::records::{Message, Record};
use super::script::Entry;

/// Bits of the header that scripts name. RA they do not: a cache in a client has none to give.
const FLAGS: [(&str, u16); 5] =
    [("AA", 0x0400), ("TC", 0x0200), ("RD", 0x0100), ("AD", 0x0020), ("CD", 0x0010)];
const RCODES: [(&str, u16); 8] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("NOTAUTH", 9),
    ("BADCOOKIE", 23),
];

/// Header bits of an entry, its opcode and response code among them.
pub(crate) fn header(entry: &Entry) -> u16 {
    let flags = FLAGS.iter().filter(|(name, _)| entry.says(name)).map(|(_, bit)| bit);
    flags.fold(u16::from(entry.opcode) << 11 | rcode(entry) & 15, |all, bit| all | bit)
}

fn rcode(entry: &Entry) -> u16 {
    RCODES.iter().find(|(name, _)| entry.says(name)).map_or(0, |(_, code)| *code)
}

/// What is wrong with `came`, if anything.
pub(crate) fn compare(wanted: &Entry, came: &Message) -> Result<(), String> {
    if came.rcode() != rcode(wanted) {
        return Err(format!("response code {} for {:?}", came.rcode(), wanted.reply));
    }
    let named = FLAGS.iter().fold(0, |all, (_, bit)| all | bit);
    if wanted.wants("all") && came.flags & named != header(wanted) & named {
        return Err(format!("flags {:04x} for {:?}", came.flags, wanted.reply));
    }
    if wanted.wants("ednsdata") {
        let came = came.edns.as_ref().map_or(&[][..], |(_, _, options)| options);
        if came != wanted.edns.as_deref().unwrap_or(&[]) {
            return Err(format!("options {came:?}"));
        }
    }
    if wanted.wants("server_cookie") {
        let (_, _, options) = came.edns.as_ref().ok_or("no EDNS")?;
        if !options.starts_with(&[0, 10, 0, 24]) {
            return Err(format!("no cookie of ours: {options:?}"));
        }
    }
    let ttls = wanted.wants("ttl");
    for (at, name) in ["answer", "authority", "additional"].into_iter().enumerate() {
        let (want, have) = (&wanted.sections[at], &came.sections[at]);
        if at == 2 && want.is_empty() {
            // Who has addresses of the hosts named may add them (RFC 1034 §3.7).
            continue;
        }
        let any = at == 0 && wanted.wants("ANY_ANSWER");
        let alternatives = wanted.extra.iter().filter(|_| any);
        if !std::iter::once(want).chain(alternatives).any(|want| same(want, have, ttls)) {
            return Err(format!("{name}: {have:?}, and not {want:?}"));
        }
    }
    Ok(())
}

/// The same records in any order.
pub(crate) fn same(want: &[Record], have: &[Record], ttls: bool) -> bool {
    let mut left: Vec<&Record> = have.iter().collect();
    let alike = |a: &Record, b: &Record| {
        (&a.owner, a.rtype, a.class, &a.data) == (&b.owner, b.rtype, b.class, &b.data)
            && (!ttls || a.ttl.is_none() || a.ttl == b.ttl)
    };
    want.iter().all(|want| {
        let found = left.iter().position(|have| alike(want, have));
        found.map(|at| left.remove(at)).is_some()
    }) && left.is_empty()
}
