//! Names in a response must not be read out of octets that differ from copy to copy: the header, TTLs, addresses
//! that change places. Nobody compresses like that but to have every asker read another name.

use std::ops::Range;

use super::Addresses;
use crate::message::{HEADER, MessageError, RecordAt};
use crate::name::{WireNameError, runs};
use crate::record_type::RecordType;

/// The octets that are written anew for each asker, in order.
pub(super) fn changing(ttls_at: &[u8], addresses: Option<Addresses>) -> Vec<Range<usize>> {
    let (places, _) = ttls_at.as_chunks::<2>();
    let ttls = places.iter().map(|place| usize::from(u16::from_be_bytes(*place)));
    let mut changing: Vec<_> = ttls.map(|at| at..at + 4).collect();
    if let Some(Addresses { first, stride, count, octets }) = addresses {
        let starts =
            (0..usize::from(count)).map(|place| usize::from(first) + usize::from(stride) * place);
        changing.extend(starts.map(|at| at..at + usize::from(octets)));
        changing.sort_unstable_by_key(|range| range.start);
    }
    changing
}

/// Looks at the names of `record`, its owner and those that may be compressed in its data. `changing` are the
/// octets behind the header that are written anew for each asker, in order.
pub(super) fn check(
    message: &[u8],
    record: &RecordAt,
    changing: &[Range<usize>],
) -> Result<(), MessageError> {
    let names = [Some(record.owner_at), name_in(record)];
    for at in names.into_iter().flatten() {
        let mut next = Some(at);
        while let Some(at) = next {
            let end = check_one(message, at, changing)?;
            let second = record.rtype == RecordType::SOA && Some(at) == name_in(record);
            next = second.then_some(end);
        }
    }
    Ok(())
}

/// Where the first name in the data stands (RFC 1035; RFC 3597 §4 for SRV; DNAME is met compressed too).
fn name_in(record: &RecordAt) -> Option<usize> {
    let before = match record.rtype {
        RecordType::NS
        | RecordType::CNAME
        | RecordType::PTR
        | RecordType::DNAME
        | RecordType::SOA => 0,
        RecordType::MX => 2,
        RecordType::SRV => 6,
        _ => return None,
    };
    Some(record.rdata.start + before)
}

/// Gives back where the octets after the name begin.
fn check_one(message: &[u8], at: usize, changing: &[Range<usize>]) -> Result<usize, MessageError> {
    let mut end = None;
    for run in runs(message, at) {
        let run = run?;
        end.get_or_insert(run.end);
        let nearest = changing.partition_point(|range| range.end <= run.start);
        let meets = changing.get(nearest).is_some_and(|range| range.start < run.end);
        if run.start < HEADER || meets {
            return Err(WireNameError::BadPointer.into());
        }
    }
    Ok(end.unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use crate::answer::{Answer, AnswerError};
    use crate::message::MessageError;
    use crate::name::WireNameError;

    /// `www.example A` with two addresses, the second one owned by the name at `owner`.
    fn response(owner: u16) -> Vec<u8> {
        let mut wire =
            b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x03www\x07example\0\0\x01\0\x01".to_vec();
        for pointer in [0xc00c, 0xc000 | owner] {
            wire.extend(u16::to_be_bytes(pointer));
            wire.extend(b"\0\x01\0\x01\0\0\0\0\0\x04\0\x01\x61\0");
        }
        wire
    }

    #[test]
    fn names_stand_where_nothing_changes() {
        let taken = |owner| Answer::from_response(&response(owner)).map(drop);
        let bad = Err(AnswerError::Message(MessageError::Name(WireNameError::BadPointer)));
        assert_eq!(taken(12), Ok(()), "the question");
        assert_eq!(taken(16), Ok(()), "the end of its name");
        assert_eq!(taken(11), bad, "the header");
        assert_eq!(taken(35), bad, "a TTL");
        // Another owner: the address has a place of its own, and stays.
        assert_eq!(taken(42), Ok(()), "data that does not change");
    }
}
