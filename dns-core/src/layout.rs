//! What the data of a record consists of, type by type: one table for reading, printing, checking and
//! unpacking it. A type that is not in the table keeps its octets as they are (RFC 3597).

#[cfg(feature = "zones")]
use crate::message::MessageError;
use crate::name::measure;
#[cfg(feature = "zones")]
use crate::name::read;
use crate::record_type::RecordType;

/// One field of record data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    U8,
    U16,
    U32,
    /// 64 bits in four groups of hexadecimal digits (RFC 6742 §2.1.2).
    Groups64,
    /// 32 bits of seconds; text may carry units.
    Period,
    /// 32 bits of seconds since 1970, as `YYYYMMDDHHMMSS` (RFC 4034 §3.2).
    Instant,
    /// The number of a type, by its mnemonic.
    Type,
    /// The number of a DNSSEC algorithm, perhaps by its mnemonic (RFC 4034 A.1).
    Algorithm,
    /// The number of a certificate's kind, perhaps by its mnemonic (RFC 4398 §2.1).
    CertificateKind,
    Ipv4,
    Ipv6,
    Name,
    /// A length octet and as many octets.
    String,
    /// Like [`Field::String`], letters and digits only (RFC 8659 §4.1).
    Tag,
    /// Strings up to the end, at least one.
    Strings,
    /// Octets up to the end, written as one string without length.
    Text,
    /// Octets up to the end in hexadecimal, at least one.
    Hex,
    /// So many octets in hexadecimal with dashes between (RFC 7043).
    Dashed(u8),
    /// A length octet and octets in hexadecimal; `-` for none (RFC 5155 §3.3).
    Salt,
    /// A length octet and octets in base 32 (RFC 5155 §3.3).
    Hash,
    /// Octets up to the end in base 64; none only where nothing else is possible.
    Base64,
    /// A bit map of types up to the end (RFC 4034 §4.1.2).
    Types,
    /// Version 0 of RFC 1876: 16 octets.
    Location,
    /// Service parameters up to the end (RFC 9460 §2.2).
    Parameters,
    /// Address prefixes up to the end (RFC 3123).
    Prefixes,
}

/// The fields of `rtype`; `None` for what is opaque here.
pub(crate) const fn layout(rtype: RecordType) -> Option<&'static [Field]> {
    use Field::{
        Algorithm, Base64, CertificateKind, Dashed, Groups64, Hash, Hex, Instant, Ipv4, Ipv6,
        Location, Name, Parameters, Period, Prefixes, Salt, Strings, Tag, Text, Types, U8, U16,
        U32,
    };
    Some(match rtype.0 {
        1 => &[Ipv4],
        2..=5 | 7..=9 | 12 | 39 => &[Name],
        6 => &[Name, Name, U32, Period, Period, Period, Period],
        13 => &[Field::String, Field::String],
        14 | 17 => &[Name, Name],
        15 | 18 | 21 | 36 | 107 => &[U16, Name],
        16 | 20 | 99 | 258 => &[Strings],
        19 => &[Field::String],
        25 | 48 | 60 => &[U16, U8, Algorithm, Base64],
        26 => &[U16, Name, Name],
        28 => &[Ipv6],
        29 => &[Location],
        33 => &[U16, U16, U16, Name],
        35 => &[U16, U16, Field::String, Field::String, Field::String, Name],
        37 => &[CertificateKind, U16, Algorithm, Base64],
        42 => &[Prefixes],
        43 | 59 | 32_769 => &[U16, Algorithm, U8, Hex],
        44 => &[U8, U8, Hex],
        24 | 46 => &[Field::Type, Algorithm, U8, Period, Instant, Instant, U16, Name, Base64],
        47 => &[Name, Types],
        49 | 61 => &[Base64],
        50 => &[U8, U8, U16, Salt, Hash, Types],
        51 => &[U8, U8, U16, Salt],
        52 | 53 => &[U8, U8, U8, Hex],
        62 => &[U32, U16, Types],
        63 => &[U32, U8, U8, Hex],
        64 | 65 => &[U16, Name, Parameters],
        104 | 106 => &[U16, Groups64],
        105 => &[U16, Ipv4],
        108 => &[Dashed(6)],
        109 => &[Dashed(8)],
        256 => &[U16, U16, Text],
        257 => &[U8, Tag, Text],
        _ => return None,
    })
}

impl Field {
    /// How many octets of `rest` this field takes in plain wire form; `None` when it does not stand there.
    pub(crate) fn measure(self, rest: &[u8]) -> Option<usize> {
        let counted = || rest.first().map(|&len| 1 + len as usize);
        let len = match self {
            Field::U8 | Field::Algorithm => 1,
            Field::U16 | Field::Type | Field::CertificateKind => 2,
            Field::U32 | Field::Period | Field::Instant | Field::Ipv4 => 4,
            Field::Groups64 => 8,
            Field::Ipv6 | Field::Location => 16,
            Field::Name => measure(rest).ok()?,
            Field::String | Field::Salt => counted()?,
            Field::Hash => counted().filter(|&len| len > 1)?,
            Field::Tag => counted().filter(|&len| {
                len > 1 && rest.get(1..len).is_some_and(|t| t.iter().all(u8::is_ascii_alphanumeric))
            })?,
            Field::Dashed(len) => len as usize,
            Field::Strings => {
                let mut at = 0;
                while at < rest.len() {
                    at += 1 + rest[at] as usize;
                }
                at.max(1)
            }
            Field::Hex => rest.len().max(1),
            Field::Text | Field::Base64 => rest.len(),
            Field::Types => bit_map(rest)?,
            Field::Parameters => parameters(rest)?,
            Field::Prefixes => prefixes(rest)?,
        };
        (len <= rest.len()).then_some(len)
    }
}

/// The fields of `rdata` with their octets; `None` when it does not have the shape of its type, nothing
/// inside when the type is opaque.
pub(crate) fn fields(rtype: RecordType, rdata: &[u8]) -> Option<Vec<(Field, &[u8])>> {
    let Some(layout) = layout(rtype) else { return Some(Vec::new()) };
    let (mut found, mut rest) = (Vec::with_capacity(layout.len()), rdata);
    for &field in layout {
        let (octets, after) = rest.split_at(field.measure(rest)?);
        found.push((field, octets));
        rest = after;
    }
    rest.is_empty().then_some(found)
}

/// Plain wire form of the data at `at..end` of `message`, names in it uncompressed.
///
/// # Errors
/// When it does not have the shape of its type.
#[cfg(feature = "zones")]
pub(crate) fn expand(
    message: &[u8],
    at: usize,
    end: usize,
    rtype: RecordType,
) -> Result<Vec<u8>, MessageError> {
    let data = message.get(at..end).ok_or(MessageError::Short)?;
    let Some(layout) = layout(rtype).filter(|layout| layout.contains(&Field::Name)) else {
        fields(rtype, data).ok_or(MessageError::Short)?;
        return Ok(data.to_vec());
    };
    let (mut plain, mut at) = (Vec::with_capacity(data.len() + 32), at);
    for field in layout {
        if *field == Field::Name {
            let (name, next) = read(message, at)?;
            plain.extend(name.as_wire());
            at = next;
        } else {
            let rest = message.get(at..end).ok_or(MessageError::Short)?;
            let len = field.measure(rest).ok_or(MessageError::Short)?;
            plain.extend(&rest[..len]);
            at += len;
        }
    }
    if at == end { Ok(plain) } else { Err(MessageError::Short) }
}

/// RFC 4034 §4.1.2: windows in order, none empty, none with zeros at the end. An empty map is possible in
/// NSEC3 (RFC 5155 §3.2.1).
fn bit_map(rest: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (0, None);
    while at < rest.len() {
        let (&window, &len) = (rest.get(at)?, rest.get(at + 1)?);
        let bits = rest.get(at + 2..at + 2 + len as usize)?;
        if !(1..=32).contains(&len) || bits.last() == Some(&0) || last.is_some_and(|l| l >= window)
        {
            return None;
        }
        (at, last) = (at + 2 + bits.len(), Some(window));
    }
    Some(at)
}

/// RFC 9460 §2.2: keys in strictly rising order.
fn parameters(rest: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (0, None);
    while at < rest.len() {
        let head = rest.get(at..at + 4)?;
        let (key, len) =
            (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
        if last.is_some_and(|last| last >= key) {
            return None;
        }
        (at, last) = (at + 4 + len as usize, Some(key));
    }
    Some(at)
}

fn prefixes(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < rest.len() {
        let head = rest.get(at..at + 4)?;
        let (most, octets) = match u16::from_be_bytes([head[0], head[1]]) {
            1 => (32, 4),
            2 => (128, 16),
            _ => return None,
        };
        let len = (head[3] & 0x7f) as usize;
        if head[2] > most || len > octets {
            return None;
        }
        at += 4 + len;
    }
    Some(at)
}

#[cfg(all(test, feature = "zones"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shapes_are_kept() {
        for (rtype, good, bad) in [
            (RecordType::A, &[10, 0, 0, 1][..], &[10, 0, 0][..]),
            (RecordType::NS, b"\x01a\x00", b"\xc0\x00"),
            (RecordType::TXT, b"\x01a\x00", b""),
            (RecordType::CAA, b"\x00\x05issueca.x", b"\x00\x05iss-eca.x"),
            (RecordType::NSEC, b"\x00\x00\x01\x40", b"\x00\x00\x01\x00"),
            (RecordType::HTTPS, b"\x00\x01\x00\x00\x03\x00\x02\x00\x50", b"\x00\x01\x00\x00\x03"),
            (RecordType::DS, b"\x00\x01\x08\x02\xff", b"\x00\x01\x08\x02"),
        ] {
            assert!(fields(rtype, good).is_some(), "{rtype}");
            assert!(fields(rtype, bad).is_none(), "{rtype}");
        }
    }

    #[test]
    fn names_are_unpacked() {
        let message = b"\x03www\x00\x00\x0a\xc0\x00";
        assert_eq!(
            expand(message, 5, 9, RecordType::MX).as_deref(),
            Ok(&b"\x00\x0a\x03www\x00"[..])
        );
        assert_eq!(expand(message, 5, 8, RecordType::MX), Err(MessageError::Short));
    }

    proptest! {
        #[test]
        fn what_has_a_shape_is_its_fields(
            data in prop::collection::vec(any::<u8>(), 0..60), rtype in 0u16..300
        ) {
            let rtype = RecordType(rtype);
            if let Some(found) = fields(rtype, &data) {
                let whole: Vec<u8> = found.iter().flat_map(|(_, octets)| *octets).copied().collect();
                prop_assert!(layout(rtype).is_none() || whole == data);
                prop_assert_eq!(expand(&data, 0, data.len(), rtype).ok(), Some(data));
            }
        }
    }
}
