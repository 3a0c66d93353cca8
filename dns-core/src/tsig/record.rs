//! The TSIG record itself (RFC 8945 §4.2): found at the end of a message, cut off, put on.

use super::{Key, TsigError};
use crate::message::{put_u16, records, u16_at};
use crate::name::Name;
use crate::record_type::RecordType;

/// A TSIG record as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Where it begins in its message.
    pub(super) at: usize,
    /// The key's name, in lower case.
    pub(super) name: Name,
    /// The algorithm's name, in lower case.
    pub(super) algorithm: Name,
    pub(super) timers: Timers,
    pub(super) code: Box<[u8]>,
    pub(super) original_id: u16,
    pub(super) error: u16,
    pub(super) other: Box<[u8]>,
}

/// When a message was signed, in seconds since 1970, and how far off clocks may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timers {
    pub(super) signed: u64,
    pub(super) fudge: u16,
}

impl Timers {
    pub(super) fn octets(self) -> [u8; 8] {
        ((self.signed & 0xffff_ffff_ffff) << 16 | u64::from(self.fudge)).to_be_bytes()
    }

    pub(super) fn holds(self, now: u64) -> bool {
        self.signed.abs_diff(now) <= u64::from(self.fudge)
    }
}

impl Record {
    /// The TSIG record of `message`; `None` when it has none.
    pub(super) fn find(message: &[u8]) -> Result<Option<Record>, TsigError> {
        let malformed = |_| TsigError::Malformed;
        let mut walk = records(message).map_err(malformed)?;
        let (mut found, mut end) = (None, message.len());
        for record in &mut walk {
            let record = record.map_err(malformed)?;
            // It stands last, and once (RFC 8945 §5.1).
            if found.is_some() {
                return Err(TsigError::Malformed);
            }
            end = record.rdata.end;
            if record.rtype == RecordType::TSIG {
                found = Some(record);
            }
        }
        let Some(at) = found else { return Ok(None) };
        if at.class.0 != ANY || end != message.len() {
            return Err(TsigError::Malformed);
        }
        let (name, _) =
            crate::name::read(message, at.owner_at).map_err(|_| TsigError::Malformed)?;
        let data = &message[at.rdata];
        let record = Record::read(at.owner_at, name.folded(), data);
        record.map(Some).ok_or(TsigError::Malformed)
    }

    fn read(at: usize, name: Name, data: &[u8]) -> Option<Record> {
        let (algorithm, data) = data.split_at(crate::name::measure(data).ok()?);
        let algorithm = Name::from_wire(algorithm).ok()?.folded();
        let (timers, data) = data.split_first_chunk()?;
        let timers = u64::from_be_bytes(*timers);
        let timers = Timers { signed: timers >> 16, fudge: timers as u16 };
        let (code, data) = counted(data)?;
        let (&[i1, i2, e1, e2], data) = data.split_first_chunk()?;
        let (other, rest) = counted(data)?;
        let (original_id, error) = (u16::from_be_bytes([i1, i2]), u16::from_be_bytes([e1, e2]));
        let (code, other) = (code.into(), other.into());
        rest.is_empty().then_some(Record {
            at,
            name,
            algorithm,
            timers,
            code,
            original_id,
            error,
            other,
        })
    }

    /// `message` without it, as it was when it was signed (RFC 8945 §4.3.2).
    pub(super) fn cut_off(&self, message: &[u8]) -> Vec<u8> {
        let mut plain = message[..self.at].to_vec();
        let additional = u16_at(&plain, 10).unwrap_or(1).saturating_sub(1);
        put_u16(&mut plain, 10, additional);
        put_u16(&mut plain, 0, self.original_id);
        plain
    }
}

/// Puts a TSIG record with `code` behind `message`.
pub(super) fn append(
    message: &mut Vec<u8>,
    key: &Key,
    timers: Timers,
    code: &[u8],
    error: u16,
    other: &[u8],
) {
    let (original_id, additional) =
        (u16_at(message, 0).unwrap_or(0), u16_at(message, 10).unwrap_or(0));
    put_u16(message, 10, additional.saturating_add(1));
    message.extend(key.name().as_wire());
    for word in [RecordType::TSIG.0, ANY, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    let len_at = message.len();
    message.extend([0, 0]);
    message.extend(key.algorithm().wire());
    message.extend(timers.octets());
    message.extend((code.len() as u16).to_be_bytes());
    message.extend(code);
    message.extend(original_id.to_be_bytes());
    message.extend(error.to_be_bytes());
    message.extend((other.len() as u16).to_be_bytes());
    message.extend(other);
    let len = message.len() - len_at - 2;
    put_u16(message, len_at, len as u16);
}

/// What is signed besides the message (RFC 8945 §4.3.3).
pub(super) fn variables(key: &Key, timers: Timers, error: u16, other: &[u8]) -> Vec<u8> {
    let mut octets = key.name().as_wire().to_vec();
    octets.extend(ANY.to_be_bytes());
    octets.extend([0; 4]);
    octets.extend(key.algorithm().wire());
    octets.extend(timers.octets());
    octets.extend(error.to_be_bytes());
    octets.extend((other.len() as u16).to_be_bytes());
    octets.extend(other);
    octets
}

fn counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, data) = data.split_first_chunk()?;
    data.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// Class ANY.
const ANY: u16 = 255;
