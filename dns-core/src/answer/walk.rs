//! What a response says, found in one walk over its records.

use super::{Addresses, Answer, AnswerError, Kind, Shape, steady};
use crate::message::{HEADER, OPCODE, QR, Rcode, RecordAt, Section, TC, put_u16, records, u16_at};
use crate::name::measure;
use crate::rdata::RData;
use crate::record_type::RecordType;
use crate::ttl::Ttl;

impl Answer {
    /// Measures `response` and copies it up to its OPT record. Flags stay as they are.
    pub(super) fn walk(response: &[u8]) -> Result<Answer, AnswerError> {
        let (flags, _) = (u16_at(response, 2)?, u16_at(response, HEADER - 2)?);
        if flags & (QR | OPCODE) != QR {
            return Err(AnswerError::NotResponse);
        }
        if flags & TC != 0 {
            return Err(AnswerError::Truncated);
        }
        if u16_at(response, 4)? != 1 || response.len() > u16::MAX as usize {
            return Err(AnswerError::Question);
        }
        let name_len = measure(&response[HEADER..]).map_err(|_| AnswerError::Question)?;
        let question_end = HEADER + name_len + 4;
        let rtype = RecordType(u16_at(response, question_end - 4)?);
        u16_at(response, question_end - 2)?;

        let mut counts = [0u16; 3];
        let (mut end, mut core_end) = (question_end, question_end);
        let (mut ttls_at, mut least) = (Vec::new(), None::<Ttl>);
        let mut seen = Seen::default();
        for record in records(response)? {
            let record = record?;
            if record.rtype == RecordType::OPT {
                break;
            }
            end = record.rdata.end;
            counts[record.section as usize] += 1;
            ttls_at.extend((record.ttl_at as u16).to_be_bytes());
            if record.section != Section::Additional {
                core_end = end;
                least = Some(least.map_or(record.ttl, |least| least.min(record.ttl)));
            }
            seen.note(response, &record, rtype)?;
        }
        let changing = steady::changing(&ttls_at, seen.addresses);
        for record in records(response)?.take(counts.iter().copied().map(usize::from).sum()) {
            steady::check(response, &record?, &changing)?;
        }
        let rcode = Rcode(flags as u8 & 15);
        let kind = seen.kind(rcode);
        let ttl = match kind {
            Kind::Positive | Kind::Referral => least,
            Kind::NxDomain | Kind::NoData => {
                seen.negative_ttl.map(|t| least.map_or(t, |l| l.min(t)))
            }
            Kind::Failure => None,
        };
        // Missing glue makes a referral useless, so there it may not go silently (RFC 9471 §3).
        let glue_needed = kind == Kind::Referral;
        let mut octets: Box<[u8]> = [&response[..end], &ttls_at].concat().into();
        for (at, count) in [6, 8, 10].into_iter().zip(counts) {
            put_u16(&mut octets, at, count);
        }
        let shape = Shape {
            wire_len: end as u16,
            question_end: question_end as u16,
            needed_end: if glue_needed { end } else { core_end } as u16,
            needed_additional: if glue_needed { counts[2] } else { 0 },
            kind,
            ttl,
            addresses: seen.addresses,
            note: None,
        };
        Ok(Answer { octets, shape })
    }
}

/// What the walk over a response has met.
#[derive(Default)]
struct Seen {
    asked_for: bool,
    alias: bool,
    referral: bool,
    negative_ttl: Option<Ttl>,
    addresses: Option<Addresses>,
    last: Option<RecordAt>,
}

impl Seen {
    fn note(
        &mut self,
        message: &[u8],
        record: &RecordAt,
        asked: RecordType,
    ) -> Result<(), AnswerError> {
        if record.section == Section::Answer && record.rtype == asked {
            self.note_address(message, record);
        }
        match (record.section, record.rtype) {
            (Section::Answer, rtype) if rtype == asked || asked == RecordType::ANY => {
                self.asked_for = true;
            }
            (Section::Answer, RecordType::CNAME | RecordType::DNAME) => self.alias = true,
            (Section::Authority, RecordType::NS) => self.referral = true,
            (Section::Authority, RecordType::SOA) => {
                let (at, end) = (record.rdata.start, record.rdata.end);
                if let RData::Soa(soa) = RData::read(message, at, end, RecordType::SOA)? {
                    self.negative_ttl = Some(record.ttl.min(soa.minimum));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Addresses can change places when each record differs from the one before in nothing but its data.
    fn note_address(&mut self, message: &[u8], record: &RecordAt) {
        let octets = match record.rtype {
            RecordType::A => 4,
            RecordType::AAAA => 16,
            _ => return,
        };
        let first = record.rdata.start as u16;
        let head = |record: &RecordAt| message.get(record.owner_at..record.rdata.start);
        self.addresses = match (self.addresses, &self.last) {
            _ if record.rdata.len() != octets => None,
            (None, None) => Some(Addresses { first, stride: 0, count: 1, octets: octets as u16 }),
            (Some(so_far), Some(last)) if head(last) == head(record) => {
                let stride = (record.rdata.start - last.rdata.start) as u16;
                let even = so_far.count == 1 || so_far.stride == stride;
                even.then_some(Addresses { stride, count: so_far.count + 1, ..so_far })
            }
            _ => None,
        };
        self.last = Some(record.clone());
    }

    /// RFC 2308 §2.1 and §2.2: a denial has a SOA or no NS in its authority section.
    fn kind(&self, rcode: Rcode) -> Kind {
        match rcode {
            Rcode::NXDOMAIN => Kind::NxDomain,
            Rcode::NOERROR if self.asked_for => Kind::Positive,
            Rcode::NOERROR if self.negative_ttl.is_some() => Kind::NoData,
            Rcode::NOERROR if self.alias => Kind::Positive,
            Rcode::NOERROR if self.referral => Kind::Referral,
            Rcode::NOERROR => Kind::NoData,
            _ => Kind::Failure,
        }
    }
}
