//! The hit path: one copy, then the few octets that differ between askers. Allocates nothing.

use std::time::Duration;

use super::Answer;
use crate::message::{AA, AD, CD, HEADER, QR, RA, RD, Rcode, TC, put_u16, u32_at};
use crate::question::{OPT_FIXED, Query};
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// How the TTLs of an answer have changed since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aging {
    /// Not at all: our own zones' data.
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
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    /// What to do with the TTLs.
    pub aging: Aging,
    /// RA: whether this server recurses for this asker.
    pub recursion_available: bool,
    /// The most octets the transport takes, EDNS aside; [`Answer::write`] keeps within the asker's size
    /// too.
    pub max_size: usize,
    /// The UDP size our own OPT record states.
    pub udp_payload: u16,
}

/// The UDP payload size stated and used unless told otherwise: fits the IPv6 minimum MTU with headers
/// (DNS Flag Day 2020).
pub const DEFAULT_UDP_PAYLOAD: u16 = 1232;

impl Answer {
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
    pub fn write(&self, query: &Query<'_>, patch: &Patch, out: &mut [u8]) -> usize {
        let opt = if query.edns.is_some() { OPT_FIXED } else { 0 };
        let room = patch.max_size.min(out.len()).saturating_sub(opt);
        let stored = u16::from_be_bytes([self.wire[2], self.wire[3]]);
        let (len, additional, truncated) = if self.wire.len() <= room {
            (self.wire.len(), None, 0)
        } else if self.needed_end as usize <= room {
            (self.needed_end as usize, Some(self.needed_additional), 0)
        } else if self.question_end as usize <= room {
            (self.question_end as usize, Some(0), TC)
        } else {
            return 0;
        };
        out[..len].copy_from_slice(&self.wire[..len]);
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
        let name = self.question_end as usize - 4;
        out[HEADER..name].copy_from_slice(query.name);
        if patch.aging != Aging::Fixed {
            for &at in &self.ttls_at {
                let at = at as usize;
                if at >= len {
                    break;
                }
                let made = u32_at(out, at).map_or(Ttl::ZERO, Ttl::from_wire);
                let now = patch.aging.apply(made).as_secs();
                out[at..at + 4].copy_from_slice(&now.to_be_bytes());
            }
        }
        write_opt(query, patch.udp_payload, 0, out, len)
    }
}

/// Writes a response without records: refusals and errors. Returns its length, 0 when it does not fit.
/// `extended` holds the upper eight bits of the response code (RFC 6891 §6.1.3).
pub(crate) fn write_error(
    query: &Query<'_>,
    rcode: Rcode,
    extended: u8,
    patch: &Patch,
    out: &mut [u8],
) -> usize {
    let end = HEADER + query.name.len() + 4;
    let opt = if query.edns.is_some() { OPT_FIXED } else { 0 };
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
    write_opt(query, patch.udp_payload, extended, out, end)
}

/// The header bits that repeat the query's (RFC 1035 §4.1.1, RFC 4035 §3.1.6) and RA.
fn asked_bits(query: &Query<'_>, recursion_available: bool) -> u16 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(query.recursion_desired, RD)
        | bit(query.checking_disabled, CD)
        | bit(recursion_available, RA)
}

/// Appends our OPT record behind `len` octets when the asker sent one (RFC 6891 §7) and returns the new
/// length; the caller has left room.
fn write_opt(
    query: &Query<'_>,
    udp_payload: u16,
    extended: u8,
    out: &mut [u8],
    len: usize,
) -> usize {
    let Some(edns) = query.edns else { return len };
    let additional = u16::from_be_bytes([out[10], out[11]]);
    put_u16(out, 10, additional + 1);
    let opt = &mut out[len..len + OPT_FIXED];
    opt[0] = 0;
    put_u16(opt, 1, RecordType::OPT.0);
    put_u16(opt, 3, udp_payload);
    opt[5] = extended;
    opt[6] = 0;
    put_u16(opt, 7, if edns.dnssec_ok { 0x8000 } else { 0 });
    put_u16(opt, 9, 0);
    len + OPT_FIXED
}
