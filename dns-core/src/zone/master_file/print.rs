//! Records as master files write them: what we print we read back.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXLOWER};

use super::super::{Zone, ZoneRecord};
use super::{instant, location, parameters, prefixes};
use crate::layout::{Field, fields};
use crate::name::Name;
use crate::record_type::RecordType;

impl fmt::Display for ZoneRecord<'_> {
    /// One line of a master file, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {}", self.owner, self.ttl.as_secs(), self.rtype)?;
        f.write_str(&data(self.rtype, self.rdata))
    }
}

impl Zone {
    /// The zone as a master file: absolute names, one record a line, SOA first.
    pub fn to_master_file(&self) -> String {
        let mut text = String::new();
        for record in self.records() {
            let _ = writeln!(text, "{record}");
        }
        text
    }
}

/// The data with a blank before each word; in the form of RFC 3597 §5 when there is no other.
fn data(rtype: RecordType, rdata: &[u8]) -> String {
    let mut text = String::new();
    let found = fields(rtype, rdata).unwrap_or_default();
    let all = found.iter().all(|(field, octets)| one(&mut text, *field, octets).is_some());
    if all && !found.is_empty() {
        return text;
    }
    let blank = if rdata.is_empty() { "" } else { " " };
    format!(" \\# {}{blank}{}", rdata.len(), HEXLOWER.encode(rdata))
}

fn one(text: &mut String, field: Field, octets: &[u8]) -> Option<()> {
    let number = || octets.iter().fold(0u64, |value, octet| value << 8 | u64::from(*octet));
    if matches!(field, Field::Prefixes | Field::Types | Field::Parameters | Field::Strings) {
        return several(text, field, octets);
    }
    text.push(' ');
    let _ = match field {
        Field::U8 | Field::Algorithm | Field::U16 | Field::U32 | Field::Period => {
            write!(text, "{}", number())
        }
        Field::CertificateKind => write!(text, "{}", number()),
        Field::Type => write!(text, "{}", RecordType(number() as u16)),
        Field::Instant => write!(text, "{}", instant::write(number() as u32)),
        Field::Ipv4 => write!(text, "{}", Ipv4Addr::from(number() as u32)),
        Field::Ipv6 => write!(text, "{}", Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
        Field::Name => write!(text, "{}", Name::from_wire(octets).ok()?),
        Field::String => {
            quoted(text, octets.get(1..)?);
            Ok(())
        }
        Field::Tag => write!(text, "{}", octets.get(1..)?.escape_ascii()),
        Field::Text => {
            quoted(text, octets);
            Ok(())
        }
        Field::Hex => write!(text, "{}", HEXLOWER.encode(octets)),
        Field::Salt if octets.len() == 1 => write!(text, "-"),
        Field::Salt => write!(text, "{}", HEXLOWER.encode(octets.get(1..)?)),
        Field::Hash => write!(text, "{}", BASE32HEX_NOPAD.encode(octets.get(1..)?)),
        // Nothing in base 64 is no word at all.
        Field::Base64 if octets.is_empty() => return None,
        Field::Base64 => write!(text, "{}", BASE64.encode(octets)),
        Field::Dashed(_) => write!(text, "{}", groups(octets, 1, "-")),
        Field::Groups64 => write!(text, "{}", groups(octets, 2, ":")),
        Field::Location => write!(text, "{}", location::write(octets)?),
        Field::Prefixes | Field::Types | Field::Parameters | Field::Strings => Ok(()),
    };
    Some(())
}

fn several(text: &mut String, field: Field, mut rest: &[u8]) -> Option<()> {
    match field {
        Field::Parameters => text.push_str(&parameters::write(rest)?),
        Field::Strings => {
            while let Some((&len, after)) = rest.split_first() {
                let (string, after) = after.split_at_checked(len as usize)?;
                text.push(' ');
                quoted(text, string);
                rest = after;
            }
        }
        Field::Prefixes => {
            while !rest.is_empty() {
                text.push(' ');
                rest = &rest[prefixes::write(rest, text)..];
            }
        }
        _ => {
            for rtype in types(rest) {
                let _ = write!(text, " {rtype}");
            }
        }
    }
    Some(())
}

/// The types of a bit map that has been checked.
fn types(mut rest: &[u8]) -> Vec<RecordType> {
    let mut types = Vec::new();
    while let Some((&[window, len], after)) = rest.split_first_chunk() {
        let (bits, after) = after.split_at(after.len().min(len as usize));
        for (at, octet) in bits.iter().enumerate() {
            let set = (0..8u16).filter(|bit| octet & 0x80 >> bit != 0);
            let first = u16::from(window) << 8 | (at as u16) << 3;
            types.extend(set.map(|bit| RecordType(first + bit)));
        }
        rest = after;
    }
    types
}

fn groups(octets: &[u8], each: usize, between: &str) -> String {
    let groups: Vec<String> = octets.chunks(each).map(|group| HEXLOWER.encode(group)).collect();
    groups.join(between)
}

/// In quotes, with what cannot stand there escaped.
pub(super) fn quoted(text: &mut String, string: &[u8]) {
    text.push('"');
    for &octet in string {
        let _ = match octet {
            b'"' | b'\\' => write!(text, "\\{}", octet as char),
            0x20..=0x7e => write!(text, "{}", octet as char),
            _ => write!(text, "\\{octet:03}"),
        };
    }
    text.push('"');
}
