//! The hit path: one copy, then the few octets that differ between askers. Allocates nothing.

use std::ops::Deref;
use std::time::Duration;

use super::{Addresses, Answer};
use crate::edns::PADDING;
use crate::message::{AA, AD, CD, HEADER, QR, RA, RD, Rcode, TC, put_u16, u32_at};
use crate::question::{OPT_FIXED, Query};
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// How the TTLs of an answer have changed since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aging {
    /// Not at all: our own zones' data.
    #[default]
    Fixed,
    /// They have counted down for this long.
    Aged(Duration),
    /// The answer has expired and is given all the same, with this TTL (RFC 8767 §4).
    Stale(Ttl),
}

impl Aging {
    /// The TTL to give for one that was `ttl` when the answer was made.
    pub fn apply(self, ttl: Ttl) -> Ttl {
        match self {
            Aging::Fixed => ttl,
            Aging::Aged(age) => ttl.after(age),
            Aging::Stale(stale) => stale,
        }
    }
}

/// What differs between two ways of handing out one answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patch<'a> {
    /// What to do with the TTLs.
    pub aging: Aging,
    /// RA: whether this server recurses for this asker.
    pub recursion_available: bool,
    /// The most octets the transport takes, EDNS aside; [`Answer::write`] keeps within the asker's size
    /// too.
    pub max_size: usize,
    /// The UDP size our own OPT record states.
    pub udp_payload: u16,
    /// Options for our own OPT record, as they stand on the wire (RFC 6891 §6.1.2).
    pub options: &'a [u8],
    /// Responses with OPT are padded to a multiple of so many octets (RFC 8467 §4.1); 0: not at all.
    pub pad_block: u16,
    /// Address records come round by so many places.
    pub turn: u32,
}

/// The UDP payload size stated and used unless told otherwise: fits the IPv6 minimum MTU with headers
/// (DNS Flag Day 2020).
pub const DEFAULT_UDP_PAYLOAD: u16 = 1232;

impl<Octets: Deref<Target = [u8]>> Answer<Octets> {
    /// Writes the answer to `query` into the front of `out` and returns its length in octets; 0 when not
    /// even the question fits. The id, RD, CD and the spelling of the name are the asker's. When the
    /// asker sent OPT, ours is added.
    ///
    /// What does not fit `patch.max_size` or `out` loses its optional additional records first, silently
    /// (RFC 2181 §9); then everything but the question, with TC set.
    ///
    /// `query` must have the same question as this answer ([`Answer::answers`]). Never allocates.
    ///
    /// # Panics
    /// When the name in `query` is of another length.
    pub fn write(&self, query: &Query<'_>, patch: &Patch<'_>, out: &mut [u8]) -> usize {
        let opt = opt_len(query, patch);
        let room = patch.max_size.min(out.len()).saturating_sub(opt);
        let wire = self.as_wire();
        let stored = u16::from_be_bytes([wire[2], wire[3]]);
        let (len, additional, truncated) = if wire.len() <= room {
            (wire.len(), None, 0)
        } else if self.shape.needed_end as usize <= room {
            (self.shape.needed_end as usize, Some(self.shape.needed_additional), 0)
        } else if self.shape.question_end as usize <= room {
            (self.shape.question_end as usize, Some(0), TC)
        } else {
            return 0;
        };
        out[..len].copy_from_slice(&wire[..len]);
        out[..2].copy_from_slice(&query.id.to_be_bytes());
        // AD only for those who know it (RFC 6840 §5.8).
        let knows_ad = query.authentic_data || query.dnssec_ok();
        let kept = stored & (AA | 0xf) | if knows_ad { stored & AD } else { 0 };
        put_u16(out, 2, QR | kept | truncated | asked_bits(query, patch.recursion_available));
        if truncated != 0 {
            out[6..10].fill(0);
        }
        if let Some(additional) = additional {
            put_u16(out, 10, additional);
        }
        let name = self.shape.question_end as usize - 4;
        out[HEADER..name].copy_from_slice(query.name);
        self.turn(patch.turn, &mut out[..len]);
        if patch.aging != Aging::Fixed {
            for at in self.ttls_at() {
                if at >= len {
                    break;
                }
                // Not read back from the copy, which is still on its way to memory.
                let made = u32_at(wire, at).map_or(Ttl::ZERO, Ttl::from_wire);
                let now = patch.aging.apply(made).as_secs();
                out[at..at + 4].copy_from_slice(&now.to_be_bytes());
            }
        }
        write_opt(query, patch, 0, out, len)
    }

    /// Gives the addresses of the answer in another order: their owners, types and TTLs are the same, so only
    /// the data has to move.
    fn turn(&self, by: u32, out: &mut [u8]) {
        // A lone address has nowhere to go: most answers end here, without a division.
        let many = self.shape.addresses.filter(|addresses| addresses.count > 1);
        let Some(Addresses { first, stride, count, octets }) = many else { return };
        let by = (by % u32::from(count)) as usize;
        let (first, stride, octets) = (first as usize, stride as usize, octets as usize);
        let (last, count) = (first + stride * (usize::from(count) - 1), usize::from(count));
        if by == 0 || last + octets > out.len() {
            return;
        }
        for place in 0..count {
            let from = first + stride * ((place + by) % count);
            let to = first + stride * place;
            out[to..to + octets].copy_from_slice(&self.octets[from..from + octets]);
        }
    }
}

/// Writes a response without records: refusals and errors. Returns its length, 0 when it does not fit.
/// `extended` holds the upper eight bits of the response code (RFC 6891 §6.1.3).
pub(crate) fn write_error(
    query: &Query<'_>,
    rcode: Rcode,
    extended: u8,
    patch: &Patch<'_>,
    out: &mut [u8],
) -> usize {
    let end = HEADER + query.name.len() + 4;
    let opt = opt_len(query, patch);
    if end + opt > patch.max_size.min(out.len()) {
        return 0;
    }
    out[..HEADER].fill(0);
    put_u16(out, 0, query.id);
    put_u16(out, 2, QR | asked_bits(query, patch.recursion_available) | u16::from(rcode.0 & 15));
    put_u16(out, 4, 1);
    out[HEADER..end - 4].copy_from_slice(query.name);
    put_u16(out, end - 4, query.rtype.0);
    put_u16(out, end - 2, query.class.0);
    write_opt(query, patch, extended, out, end)
}

/// Writes a response without records and with TC set: whoever really asked comes back over a stream.
pub(crate) fn write_truncated(query: &Query<'_>, patch: &Patch<'_>, out: &mut [u8]) -> usize {
    let len = write_error(query, Rcode::NOERROR, 0, patch, out);
    if len > 0 {
        out[2] |= (TC >> 8) as u8;
    }
    len
}

/// The header bits that repeat the query's (RFC 1035 §4.1.1, RFC 4035 §3.1.6) and RA.
fn asked_bits(query: &Query<'_>, recursion_available: bool) -> u16 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(query.recursion_desired, RD)
        | bit(query.checking_disabled, CD)
        | bit(recursion_available, RA)
}

/// Octets of our OPT record for this asker, padding aside.
fn opt_len(query: &Query<'_>, patch: &Patch<'_>) -> usize {
    if query.edns.is_some() { OPT_FIXED + patch.options.len() } else { 0 }
}

/// Appends our OPT record behind `len` octets when the asker sent one (RFC 6891 §7) and returns the new
/// length; the caller has left room for all but the padding.
fn write_opt(
    query: &Query<'_>,
    patch: &Patch<'_>,
    extended: u8,
    out: &mut [u8],
    len: usize,
) -> usize {
    let Some(edns) = query.edns else { return len };
    let additional = u16::from_be_bytes([out[10], out[11]]);
    put_u16(out, 10, additional + 1);
    let end = len + OPT_FIXED + patch.options.len();
    let padding = padding(end, patch, out.len());
    let opt = &mut out[len..end + padding];
    opt[0] = 0;
    put_u16(opt, 1, RecordType::OPT.0);
    put_u16(opt, 3, patch.udp_payload);
    opt[5] = extended;
    opt[6] = 0;
    put_u16(opt, 7, if edns.dnssec_ok { 0x8000 } else { 0 });
    put_u16(opt, 9, (patch.options.len() + padding) as u16);
    opt[OPT_FIXED..end - len].copy_from_slice(patch.options);
    if padding > 0 {
        let option = &mut opt[end - len..];
        option.fill(0);
        put_u16(option, 0, PADDING);
        put_u16(option, 2, padding as u16 - 4);
    }
    end + padding
}

/// Octets of a padding option behind `end` octets of message, its head included; 0 where none is wanted or
/// none fits.
fn padding(end: usize, patch: &Patch<'_>, room: usize) -> usize {
    let block = usize::from(patch.pad_block);
    if block == 0 {
        return 0;
    }
    let padded = (end + 4).next_multiple_of(block).min(patch.max_size.min(room));
    padded.checked_sub(end).filter(|&padding| padding >= 4).unwrap_or(0)
}
