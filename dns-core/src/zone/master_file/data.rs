//! Record data from its words. The types people write by hand are read here; others through
//! `hickory-proto`, where it knows their text form; all in the form of RFC 3597 §5.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RData as HickoryData;
use hickory_proto::serialize::binary::BinEncodable;

use super::lexer::Word;
use super::{Mistake, name};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// The wire form of what `words` say of a record of type `rtype`; relative names stand below `origin`.
pub(super) fn encode(
    rtype: RecordType,
    words: &[Word<'_>],
    origin: &Name,
) -> Result<Vec<u8>, Mistake> {
    let mut words = Words { left: words, rtype, origin, out: Vec::new() };
    if words.left.first().is_some_and(|word| word.text == "\\#" && !word.quoted) {
        words.generic()?;
        return Ok(words.out);
    }
    match rtype {
        RecordType::A => words.parsed::<Ipv4Addr>("an IPv4 address", |a| a.octets().into())?,
        RecordType::AAAA => words.parsed::<Ipv6Addr>("an IPv6 address", |a| a.octets().into())?,
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => words.name()?,
        RecordType::MX => {
            words.u16("a preference up to 65535 and a name")?;
            words.name()?;
        }
        RecordType::SRV => {
            for _ in 0..3 {
                words.u16("priority, weight and port up to 65535 and a name")?;
            }
            words.name()?;
        }
        RecordType::SOA => words.soa()?,
        RecordType::TXT | RecordType::SPF => {
            words.string()?;
            while !words.left.is_empty() {
                words.string()?;
            }
        }
        RecordType::CAA => {
            words.parsed::<u8>("flags up to 255, a tag and a quoted value", |flags| vec![flags])?;
            words.string()?;
            let value = words.next("a quoted value")?;
            let value = words.unescaped(&value)?;
            words.out.extend(value);
        }
        _ => words.through_hickory()?,
    }
    match words.left {
        [] => Ok(words.out),
        _ => Err(words.expected("nothing more")),
    }
}

/// The words still to read and the octets they have given.
struct Words<'w, 't> {
    left: &'w [Word<'t>],
    rtype: RecordType,
    origin: &'w Name,
    out: Vec<u8>,
}

impl<'t> Words<'_, 't> {
    fn expected(&self, expected: &'static str) -> Mistake {
        Mistake::Data { rtype: self.rtype, expected }
    }

    fn next(&mut self, expected: &'static str) -> Result<Word<'t>, Mistake> {
        let (first, rest) = self.left.split_first().ok_or_else(|| self.expected(expected))?;
        self.left = rest;
        Ok(*first)
    }

    fn parsed<T: std::str::FromStr>(
        &mut self,
        expected: &'static str,
        octets: impl Fn(T) -> Vec<u8>,
    ) -> Result<(), Mistake> {
        let value = self.next(expected)?.text.parse().map_err(|_| self.expected(expected))?;
        self.out.extend(octets(value));
        Ok(())
    }

    fn u16(&mut self, expected: &'static str) -> Result<(), Mistake> {
        self.parsed::<u16>(expected, |value| value.to_be_bytes().into())
    }

    fn name(&mut self) -> Result<(), Mistake> {
        let word = self.next("a name")?;
        self.out.extend(name(&word, self.origin)?.as_wire());
        Ok(())
    }

    /// Serial, then four times, which may carry units.
    fn soa(&mut self) -> Result<(), Mistake> {
        const FIELDS: &str = "primary, mailbox, serial, refresh, retry, expire and minimum";
        self.name()?;
        self.name()?;
        self.parsed::<u32>(FIELDS, |serial| serial.to_be_bytes().into())?;
        for _ in 0..4 {
            self.parsed::<Ttl>(FIELDS, |time| time.as_secs().to_be_bytes().into())?;
        }
        Ok(())
    }

    /// One character string with its length in front.
    fn string(&mut self) -> Result<(), Mistake> {
        let word = self.next("strings of at most 255 octets")?;
        let string = self.unescaped(&word)?;
        let len = u8::try_from(string.len());
        self.out.push(len.map_err(|_| self.expected("strings of at most 255 octets"))?);
        self.out.extend(string);
        Ok(())
    }

    fn unescaped(&self, word: &Word<'_>) -> Result<Vec<u8>, Mistake> {
        let wrong = || self.expected("\\DDD with three digits up to 255, or \\ and a character");
        let mut octets = Vec::with_capacity(word.text.len());
        let mut rest = word.text.as_bytes();
        while let Some((&octet, tail)) = rest.split_first() {
            rest = tail;
            if octet != b'\\' {
                octets.push(octet);
                continue;
            }
            let digits = rest.iter().take(3).take_while(|octet| octet.is_ascii_digit()).count();
            let taken = match digits {
                0 => 1,
                3 => 3,
                _ => return Err(wrong()),
            };
            let (escaped, tail) = rest.split_at_checked(taken).ok_or_else(wrong)?;
            rest = tail;
            let value = match escaped {
                &[plain] => u16::from(plain),
                digits => digits.iter().fold(0, |value, d| value * 10 + u16::from(d - b'0')),
            };
            octets.push(u8::try_from(value).map_err(|_| wrong())?);
        }
        Ok(octets)
    }

    /// `\# length hex…`
    fn generic(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "\\#, the length and as many octets in hexadecimal";
        self.next(FORM)?;
        let len: u16 = self.next(FORM)?.text.parse().map_err(|_| self.expected(FORM))?;
        let hex: String = self.left.iter().map(|word| word.text).collect();
        if hex.len() != 2 * len as usize || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(self.expected(FORM));
        }
        let octet =
            |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).expect("two hexadecimal digits");
        self.out.extend((0..hex.len()).step_by(2).map(octet));
        Ok(())
    }

    fn through_hickory(&mut self) -> Result<(), Mistake> {
        let target_at = match self.rtype {
            RecordType::SVCB | RecordType::HTTPS => Some(1),
            RecordType::NAPTR => Some(5),
            _ => None,
        };
        let mut text = String::new();
        for (i, word) in self.left.iter().enumerate() {
            if Some(i) == target_at {
                text += &name(word, self.origin)?.to_string();
            } else if word.quoted {
                text.extend(["\"", word.text, "\""]);
            } else {
                text += word.text;
            }
            text.push(' ');
        }
        self.left = &[];
        let none = Mistake::NoTextForm(self.rtype);
        let data =
            HickoryData::try_from_str(self.rtype.0.into(), &text).map_err(|_| none.clone())?;
        self.out = data.to_bytes().map_err(|_| none)?;
        Ok(())
    }
}
