//! What a request asks, read as far as is needed.

use crate::message::{HEADER, OPCODE, QR, RecordAt, Section, records, u16_at};
use crate::name::{Name, read, skip};
use crate::rdata::RData;
use crate::record_type::{Class, RecordType};
use crate::transfer::NOTIFY;

/// Whether it is a transfer query, a notice, or signed; `None` for what is cut short.
pub(super) fn wants(message: &[u8]) -> Option<bool> {
    let flags = u16_at(message, 2).ok()?;
    if flags & QR != 0 {
        return Some(false);
    }
    if flags & OPCODE == NOTIFY << 11 {
        return Some(true);
    }
    if flags & OPCODE != 0 || u16_at(message, 4).ok()? != 1 {
        return Some(false);
    }
    let at = skip(message, HEADER).ok()?;
    if matches!(RecordType(u16_at(message, at).ok()?), RecordType::AXFR | RecordType::IXFR) {
        return Some(true);
    }
    // No additional record, or one of the root, which is OPT: nearly every query ends here.
    match u16_at(message, 10).ok()? {
        0 => return Some(false),
        1 if message.get(at + 4) == Some(&0) => return Some(false),
        _ => {}
    }
    let last = records(message).ok()?.last()?.ok()?;
    Some(last.section == Section::Additional && last.rtype == RecordType::TSIG)
}

/// The one question, of class IN.
pub(super) fn question(message: &[u8]) -> Option<(Name, RecordType)> {
    let (name, at) = read(message, HEADER).ok()?;
    let one = u16_at(message, 4).ok()? == 1 && u16_at(message, at + 2).ok()? == Class::IN.0;
    Some((name, RecordType(u16_at(message, at).ok()?))).filter(|_| one)
}

/// The serial that an IXFR query has in its authority section (RFC 1995 §3).
pub(super) fn version(message: &[u8], origin: &Name) -> Option<u32> {
    let record = records(message).ok()?.flatten().find(|r| r.section == Section::Authority)?;
    let (owner, _) = read(message, record.owner_at).ok()?;
    match RData::read(message, record.rdata.start, record.rdata.end, record.rtype).ok()? {
        RData::Soa(soa) if owner == *origin => Some(soa.serial),
        _ => None,
    }
}

/// The octets of a datagram that the asker takes.
pub(super) fn datagram_size(message: &[u8]) -> usize {
    let edns = |record: &RecordAt| record.rtype == RecordType::OPT;
    let opt = records(message).ok().and_then(|mut all| all.find_map(|r| r.ok().filter(edns)));
    let stated = opt.map_or(512, |opt| usize::from(opt.class.0));
    stated.clamp(512, usize::from(crate::answer::DEFAULT_UDP_PAYLOAD))
}
