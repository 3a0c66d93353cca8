//! Record data in typed form: read from messages, printed as master files write it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::message::{MessageError, u16_at, u32_at};
use crate::name::{Name, read};
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// The data of one record. Types without a variant of their own keep their octets (RFC 3597).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name that NS, CNAME, PTR and DNAME records hold.
    Name(Name),
    /// A mail exchange (RFC 1035 §3.3.9).
    Mx {
        /// Lower is preferred.
        preference: u16,
        /// The host that takes the mail.
        exchange: Name,
    },
    /// Character strings, each at most 255 octets (RFC 1035 §3.3.14).
    Txt(Vec<Box<[u8]>>),
    /// The location of a service (RFC 2782).
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// Share among equals in priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: Name,
    },
    /// The start of a zone (RFC 1035 §3.3.13).
    Soa(Box<Soa>),
    /// A certification authority's permission (RFC 8659 §4.1).
    Caa {
        /// Bit 7: critical.
        flags: u8,
        /// `issue`, `issuewild`, `iodef`.
        tag: Box<[u8]>,
        /// What the tag says.
        value: Box<[u8]>,
    },
    /// Any other type, as it came.
    Other(Box<[u8]>),
}

/// The start of a zone of authority (RFC 1035 §3.3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The primary server.
    pub primary: Name,
    /// The mailbox of who is responsible, its `@` written as a dot.
    pub mailbox: Name,
    /// The version of the zone (RFC 1982 arithmetic).
    pub serial: u32,
    /// How often a secondary asks, in seconds.
    pub refresh: u32,
    /// How soon it asks again after a failure, in seconds.
    pub retry: u32,
    /// After how long without contact it stops answering, in seconds.
    pub expire: u32,
    /// How long a denial may be kept (RFC 2308 §4).
    pub minimum: Ttl,
}

impl RData {
    /// Reads the data of a record of type `rtype` that stands at `at..end` in `message`, following
    /// compression pointers.
    ///
    /// # Errors
    /// When it ends too early, has octets left over or holds a bad name.
    pub fn read(
        message: &[u8],
        at: usize,
        end: usize,
        rtype: RecordType,
    ) -> Result<RData, MessageError> {
        let data = message.get(at..end).ok_or(MessageError::Short)?;
        let name_at = |from: usize| match read(message, from)? {
            (name, next) if next == end => Ok(name),
            _ => Err(MessageError::Short),
        };
        Ok(match rtype {
            RecordType::A => {
                RData::A(<[u8; 4]>::try_from(data).map_err(|_| MessageError::Short)?.into())
            }
            RecordType::AAAA => {
                RData::Aaaa(<[u8; 16]>::try_from(data).map_err(|_| MessageError::Short)?.into())
            }
            RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => {
                RData::Name(name_at(at)?)
            }
            RecordType::MX => {
                RData::Mx { preference: u16_at(message, at)?, exchange: name_at(at + 2)? }
            }
            RecordType::TXT | RecordType::SPF => RData::Txt(strings(data)?),
            RecordType::SRV => RData::Srv {
                priority: u16_at(message, at)?,
                weight: u16_at(message, at + 2)?,
                port: u16_at(message, at + 4)?,
                target: name_at(at + 6)?,
            },
            RecordType::SOA => RData::Soa(Box::new(read_soa(message, at, end)?)),
            RecordType::CAA => {
                let (&flags, rest) = data.split_first().ok_or(MessageError::Short)?;
                let (&len, rest) = rest.split_first().ok_or(MessageError::Short)?;
                let (tag, value) =
                    rest.split_at_checked(len as usize).ok_or(MessageError::Short)?;
                RData::Caa { flags, tag: tag.into(), value: value.into() }
            }
            _ => RData::Other(data.into()),
        })
    }
}

fn read_soa(message: &[u8], at: usize, end: usize) -> Result<Soa, MessageError> {
    let (primary, at) = read(message, at)?;
    let (mailbox, at) = read(message, at)?;
    if at + 20 != end {
        return Err(MessageError::Short);
    }
    Ok(Soa {
        primary,
        mailbox,
        serial: u32_at(message, at)?,
        refresh: u32_at(message, at + 4)?,
        retry: u32_at(message, at + 8)?,
        expire: u32_at(message, at + 12)?,
        minimum: Ttl::from_wire(u32_at(message, at + 16)?),
    })
}

fn strings(mut data: &[u8]) -> Result<Vec<Box<[u8]>>, MessageError> {
    let mut strings = Vec::new();
    while let Some((&len, rest)) = data.split_first() {
        let (string, tail) = rest.split_at_checked(len as usize).ok_or(MessageError::Short)?;
        strings.push(string.into());
        data = tail;
    }
    Ok(strings)
}

impl fmt::Display for RData {
    /// As a master file writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RData::A(address) => address.fmt(f),
            RData::Aaaa(address) => address.fmt(f),
            RData::Name(name) => name.fmt(f),
            RData::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            RData::Txt(strings) => {
                for (i, string) in strings.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { " " })?;
                    quoted(f, string)?;
                }
                Ok(())
            }
            RData::Srv { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} {target}")
            }
            RData::Soa(soa) => write!(
                f,
                "{} {} {} {} {} {} {}",
                soa.primary,
                soa.mailbox,
                soa.serial,
                soa.refresh,
                soa.retry,
                soa.expire,
                soa.minimum.as_secs()
            ),
            RData::Caa { flags, tag, value } => {
                write!(f, "{flags} {} ", tag.escape_ascii())?;
                quoted(f, value)
            }
            RData::Other(octets) => {
                write!(f, "\\# {}", octets.len())?;
                f.write_str(if octets.is_empty() { "" } else { " " })?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, string: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for &octet in string {
        match octet {
            b'"' | b'\\' => write!(f, "\\{}", octet as char)?,
            0x20..=0x7e => write!(f, "{}", octet as char)?,
            _ => write!(f, "\\{octet:03}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_what_it_read() {
        let read =
            |rtype, data: &[u8]| RData::read(data, 0, data.len(), rtype).map(|d| d.to_string());
        assert_eq!(read(RecordType::A, &[192, 0, 2, 1]).as_deref(), Ok("192.0.2.1"));
        assert_eq!(read(RecordType::A, &[192, 0, 2]), Err(MessageError::Short));
        assert_eq!(read(RecordType::PTR, b"\x01h\x00").as_deref(), Ok("h."));
        assert_eq!(read(RecordType::PTR, b"\x01h\x00x"), Err(MessageError::Short));
        assert_eq!(read(RecordType::MX, b"\x00\x0a\x01m\x00").as_deref(), Ok("10 m."));
        assert_eq!(read(RecordType::TXT, b"\x02a\"\x01\x07").as_deref(), Ok(r#""a\"" "\007""#));
        assert_eq!(read(RecordType::TXT, b"\x03a"), Err(MessageError::Short));
        assert_eq!(read(RecordType::CAA, b"\x00\x05issueca.x").as_deref(), Ok("0 issue \"ca.x\""));
        assert_eq!(read(RecordType(65280), &[1, 0xab]).as_deref(), Ok("\\# 2 01ab"));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(
            data in prop::collection::vec(any::<u8>(), 0..80), rtype in 0u16..300
        ) {
            if let Ok(data) = RData::read(&data, 0, data.len(), RecordType(rtype)) {
                let _ = data.to_string();
            }
        }
    }
}
