//! Record data from its words, field by field as [`layout`](crate::layout) has them.

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXLOWER_PERMISSIVE};

use super::lexer::Word;
use super::{Mistake, instant, location, name, parameters};
use crate::layout::{Field, layout};
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
    } else if matches!(rtype, RecordType::MD | RecordType::MF) {
        return Err(words.expected("an MX record in its place (RFC 973)"));
    } else if rtype == RecordType::IPSECKEY {
        words.ipsec_key()?;
    } else {
        for &field in layout(rtype).ok_or(Mistake::NoTextForm(rtype))? {
            words.field(field)?;
        }
    }
    match words.left {
        [] => Ok(words.out),
        _ => Err(words.expected("nothing more")),
    }
}

/// The words still to read and the octets they have given.
pub(super) struct Words<'w, 't> {
    pub(super) left: &'w [Word<'t>],
    rtype: RecordType,
    origin: &'w Name,
    pub(super) out: Vec<u8>,
}

impl<'t> Words<'_, 't> {
    pub(super) fn expected(&self, expected: &'static str) -> Mistake {
        Mistake::Data { rtype: self.rtype, expected }
    }

    pub(super) fn next(&mut self, expected: &'static str) -> Result<Word<'t>, Mistake> {
        let (first, rest) = self.left.split_first().ok_or_else(|| self.expected(expected))?;
        self.left = rest;
        Ok(*first)
    }

    fn field(&mut self, field: Field) -> Result<(), Mistake> {
        match field {
            Field::U8 => self.parsed::<u8>("a number up to 255", |n| vec![n]),
            Field::U16 => self.parsed::<u16>("a number up to 65535", |n| n.to_be_bytes().into()),
            Field::U32 => {
                self.parsed::<u32>("a number up to 4294967295", |n| n.to_be_bytes().into())
            }
            Field::Period => self.period(),
            Field::Instant => self.instant(),
            Field::Ipv4 => self.parsed::<Ipv4Addr>("an IPv4 address", |a| a.octets().into()),
            Field::Ipv6 => self.parsed::<Ipv6Addr>("an IPv6 address", |a| a.octets().into()),
            Field::Type => {
                self.parsed::<RecordType>("a record type", |rtype| rtype.0.to_be_bytes().into())
            }
            Field::Algorithm => self.mnemonic("an algorithm's number or name", ALGORITHMS),
            Field::CertificateKind => {
                self.mnemonic("a certificate type's number or name", CERTIFICATES)?;
                let kind = u16::from(self.out.pop().expect("one octet was written"));
                self.out.extend(kind.to_be_bytes());
                Ok(())
            }
            Field::Name => self.name(),
            Field::String => self.string(255),
            Field::Tag => self.tag(),
            Field::Strings => {
                self.string(255)?;
                while !self.left.is_empty() {
                    self.string(255)?;
                }
                Ok(())
            }
            Field::Text => {
                let word = self.next("a quoted text")?;
                let text = self.unescaped(&word)?;
                self.out.extend(text);
                Ok(())
            }
            Field::Hex => self.hex(),
            Field::Salt => self.salt(),
            Field::Hash => self.hash(),
            Field::Base64 => self.base64(),
            Field::Dashed(len) => self.dashed(len as usize, '-', 2),
            Field::Groups64 => self.dashed(8, ':', 4),
            Field::Types => self.types(),
            Field::Location => location::read(self),
            Field::Parameters => parameters::read(self),
            Field::Prefixes => super::prefixes::read(self),
        }
    }

    pub(super) fn parsed<T: std::str::FromStr>(
        &mut self,
        expected: &'static str,
        octets: impl Fn(T) -> Vec<u8>,
    ) -> Result<(), Mistake> {
        let value = self.next(expected)?.text.parse().map_err(|_| self.expected(expected))?;
        self.out.extend(octets(value));
        Ok(())
    }

    /// A number up to 255, or one of the names in `known`.
    fn mnemonic(&mut self, expected: &'static str, known: &[(&str, u8)]) -> Result<(), Mistake> {
        let text = self.next(expected)?.text;
        let named = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = named.map(|(_, number)| *number).or_else(|| text.parse().ok());
        self.out.push(number.ok_or_else(|| self.expected(expected))?);
        Ok(())
    }

    fn name(&mut self) -> Result<(), Mistake> {
        let word = self.next("a name")?;
        self.out.extend(name(&word, self.origin)?.as_wire());
        Ok(())
    }

    /// Unlike TTLs the times of a SOA record use all 32 bits.
    fn period(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "seconds, or digits with s, m, h, d or w";
        let text = self.next(FORM)?.text;
        let seconds = text.parse::<u32>().or_else(|_| text.parse::<Ttl>().map(Ttl::as_secs));
        self.out.extend(seconds.map_err(|_| self.expected(FORM))?.to_be_bytes());
        Ok(())
    }

    fn instant(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "a time as YYYYMMDDHHMMSS in UTC or in seconds since 1970";
        let text = self.next(FORM)?.text;
        let seconds = instant::read(text).ok_or_else(|| self.expected(FORM))?;
        self.out.extend(seconds.to_be_bytes());
        Ok(())
    }

    /// One character string with its length in front.
    fn string(&mut self, most: usize) -> Result<(), Mistake> {
        let word = self.next("strings of at most 255 octets")?;
        let string = self.unescaped(&word)?;
        if string.len() > most {
            return Err(self.expected("strings of at most 255 octets"));
        }
        self.out.push(string.len() as u8);
        self.out.extend(string);
        Ok(())
    }

    fn tag(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "a tag of letters and digits, as issue";
        let text = self.next(FORM)?.text;
        if text.is_empty() || text.len() > 255 || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(self.expected(FORM));
        }
        self.out.push(text.len() as u8);
        self.out.extend(text.as_bytes());
        Ok(())
    }

    pub(super) fn unescaped(&self, word: &Word<'_>) -> Result<Vec<u8>, Mistake> {
        let form = "\\DDD with three digits up to 255, or \\ and a character";
        unescape(word.text).ok_or_else(|| self.expected(form))
    }

    fn joined_words(&mut self) -> String {
        std::mem::take(&mut self.left).iter().map(|word| word.text).collect()
    }

    fn hex(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "octets in hexadecimal, two digits each";
        let digits = self.joined_words();
        match HEXLOWER_PERMISSIVE.decode(digits.as_bytes()) {
            Ok(octets) if !octets.is_empty() => self.out.extend(octets),
            _ => return Err(self.expected(FORM)),
        }
        Ok(())
    }

    fn salt(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "a salt of at most 255 octets in hexadecimal, or - for none";
        let text = self.next(FORM)?.text;
        let octets =
            if text == "-" { Ok(Vec::new()) } else { HEXLOWER_PERMISSIVE.decode(text.as_bytes()) };
        let octets = octets.ok().filter(|octets| octets.len() < 256);
        let octets = octets.ok_or_else(|| self.expected(FORM))?;
        self.out.push(octets.len() as u8);
        self.out.extend(octets);
        Ok(())
    }

    fn hash(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "a hash in base 32 with the digits 0-9 and A-V";
        let text = self.next(FORM)?.text.to_ascii_uppercase();
        let octets = BASE32HEX_NOPAD.decode(text.as_bytes()).ok();
        let octets = octets.filter(|octets| (1..256).contains(&octets.len()));
        let octets = octets.ok_or_else(|| self.expected(FORM))?;
        self.out.push(octets.len() as u8);
        self.out.extend(octets);
        Ok(())
    }

    fn base64(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "octets in base 64";
        let text = self.joined_words();
        match BASE64.decode(text.as_bytes()) {
            Ok(octets) if !octets.is_empty() => self.out.extend(octets),
            _ => return Err(self.expected(FORM)),
        }
        Ok(())
    }

    /// `octets` octets in groups of at most `digits` hexadecimal digits with `between` between them.
    fn dashed(&mut self, octets: usize, between: char, digits: usize) -> Result<(), Mistake> {
        const FORM: &str = "octets in hexadecimal, as 00-00-5e-00-53-2a or 14:4fff:ff20:ee64";
        let text = self.next(FORM)?.text;
        let groups: Vec<&str> = text.split(between).collect();
        if groups.len() * digits != octets * 2 {
            return Err(self.expected(FORM));
        }
        for group in groups {
            let exact = digits != 2 || group.len() == 2;
            let plain = !group.starts_with('+') && group.len() <= digits && exact;
            let value = u16::from_str_radix(group, 16).ok().filter(|_| plain);
            let value = value.ok_or_else(|| self.expected(FORM))?.to_be_bytes();
            self.out.extend(&value[2 - digits / 2..]);
        }
        Ok(())
    }

    fn types(&mut self) -> Result<(), Mistake> {
        let mut types = Vec::with_capacity(self.left.len());
        for word in std::mem::take(&mut self.left) {
            let rtype: RecordType = word.text.parse().map_err(|_| self.expected("record types"))?;
            types.push(rtype.0);
        }
        types.sort_unstable();
        for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
            let mut bits = [0u8; 32];
            let mut len = 0;
            for rtype in window {
                let at = usize::from(rtype & 0xff) / 8;
                bits[at] |= 0x80 >> (rtype & 7);
                len = at + 1;
            }
            self.out.extend([(window[0] >> 8) as u8, len as u8]);
            self.out.extend(&bits[..len]);
        }
        Ok(())
    }

    /// RFC 4025 §3.1: what the gateway is depends on a field before it.
    fn ipsec_key(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "precedence, gateway type up to 3, algorithm, gateway and key";
        for _ in 0..3 {
            self.parsed::<u8>(FORM, |n| vec![n])?;
        }
        let gateway = self.out[1];
        match gateway {
            0 if self.next(FORM)?.text == "." => {}
            1 => self.field(Field::Ipv4)?,
            2 => self.field(Field::Ipv6)?,
            3 => self.name()?,
            _ => return Err(self.expected(FORM)),
        }
        if self.left.is_empty() { Ok(()) } else { self.base64() }
    }

    /// `\# length hex…` (RFC 3597 §5).
    fn generic(&mut self) -> Result<(), Mistake> {
        const FORM: &str = "\\#, the length and as many octets in hexadecimal";
        self.next(FORM)?;
        let len: u16 = self.next(FORM)?.text.parse().map_err(|_| self.expected(FORM))?;
        let hex = self.joined_words();
        match HEXLOWER_PERMISSIVE.decode(hex.as_bytes()) {
            Ok(octets) if octets.len() == len as usize => self.out.extend(octets),
            _ => return Err(self.expected(FORM)),
        }
        Ok(())
    }
}

/// The octets of a character string; `None` with a bad escape.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
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
            _ => return None,
        };
        let (escaped, tail) = rest.split_at_checked(taken)?;
        rest = tail;
        let value = match escaped {
            &[plain] => u16::from(plain),
            digits => digits.iter().fold(0, |value, d| value * 10 + u16::from(d - b'0')),
        };
        octets.push(u8::try_from(value).ok()?);
    }
    Some(octets)
}

/// RFC 4034 A.1 and its successors.
const ALGORITHMS: &[(&str, u8)] = &[
    ("DELETE", 0),
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ECDSA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// RFC 4398 §2.1.
pub(super) const CERTIFICATES: &[(&str, u8)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];
