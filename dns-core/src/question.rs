//! Queries read without allocating: header, one question, at most one OPT. That is nearly every
//! query there is; the rest comes back as [`Unusual`] and takes the slow path.

use std::hash::{Hash, Hasher};

use thiserror::Error;

use crate::message::{AD, CD, HEADER, MessageError, OPCODE, QR, RD, TC, u16_at};
use crate::name::{Name, WireNameError, equal_ignoring_case, folded_words, measure};
use crate::record_type::{Class, RecordType};

/// A query, borrowed from the octets it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The id to answer with.
    pub id: u16,
    /// The name in the asker's own spelling: plain wire form.
    pub name: &'a [u8],
    /// The type asked for.
    pub rtype: RecordType,
    /// The class asked for.
    pub class: Class,
    /// RD: recursion is desired.
    pub recursion_desired: bool,
    /// AD: the asker understands the AD bit (RFC 6840 §5.7).
    pub authentic_data: bool,
    /// CD: the asker checks signatures itself (RFC 4035 §3.2.2).
    pub checking_disabled: bool,
    /// The OPT record, when there is one.
    pub edns: Option<Edns<'a>>,
}

/// What an OPT record says (RFC 6891 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns<'a> {
    /// The largest answer the asker takes over UDP, in octets, as it came.
    pub udp_size: u16,
    /// DO: signatures are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// The options, well-formed as a list; their meaning is not checked.
    pub options: &'a [u8],
}

/// Why a query takes the slow path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unusual {
    /// Octets are missing.
    #[error("query cut short")]
    Short,
    /// The QR bit is set: not a query at all.
    #[error("a response, not a query")]
    Response,
    /// Another operation than QUERY.
    #[error("opcode {0}")]
    Opcode(u8),
    /// The TC bit is set.
    #[error("truncated query")]
    Truncated,
    /// No question, or more than one (RFC 9619).
    #[error("{0} questions")]
    Questions(u16),
    /// Answer or authority records in a query.
    #[error("records before the additional section")]
    Records,
    /// Additional records other than one OPT.
    #[error("additional records other than one OPT")]
    Additional,
    /// The name in the question is not plain.
    #[error("unusual name")]
    Name(#[source] WireNameError),
    /// A version of EDNS we do not know (RFC 6891 §6.1.3).
    #[error("EDNS version {0}")]
    EdnsVersion(u8),
    /// EDNS options that overrun their record.
    #[error("malformed EDNS options")]
    EdnsOptions,
    /// Octets behind the last record.
    #[error("octets after the message")]
    TrailingOctets,
}

impl Unusual {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Unusual::Short => "short",
            Unusual::Response => "response",
            Unusual::Opcode(_) => "opcode",
            Unusual::Truncated => "truncated",
            Unusual::Questions(_) => "questions",
            Unusual::Records => "records",
            Unusual::Additional => "additional",
            Unusual::Name(_) => "name",
            Unusual::EdnsVersion(_) => "edns_version",
            Unusual::EdnsOptions => "edns_options",
            Unusual::TrailingOctets => "trailing_octets",
        }
    }
}

impl From<MessageError> for Unusual {
    fn from(error: MessageError) -> Unusual {
        match error {
            MessageError::Short => Unusual::Short,
            MessageError::Name(error) => Unusual::from(error),
        }
    }
}

impl From<WireNameError> for Unusual {
    fn from(error: WireNameError) -> Unusual {
        match error {
            WireNameError::Short => Unusual::Short,
            other => Unusual::Name(other),
        }
    }
}

impl<'a> Query<'a> {
    /// A question of our own, without EDNS and with every bit clear.
    pub fn ask(name: &'a Name, rtype: RecordType) -> Query<'a> {
        Query {
            id: 0,
            name: name.as_wire(),
            rtype,
            class: Class::IN,
            recursion_desired: false,
            authentic_data: false,
            checking_disabled: false,
            edns: None,
        }
    }

    /// Reads a query. Never allocates.
    ///
    /// # Errors
    /// [`Unusual`], with what makes it so: the slow path decides what to answer.
    #[expect(clippy::inline_always, reason = "else results pass through memory in pieces")]
    #[inline(always)]
    pub fn parse(wire: &'a [u8]) -> Result<Query<'a>, Unusual> {
        let flags = u16_at(wire, 2)?;
        let (questions, additional) = (u16_at(wire, 4)?, u16_at(wire, 10)?);
        if flags & QR != 0 {
            return Err(Unusual::Response);
        }
        if flags & OPCODE != 0 {
            return Err(Unusual::Opcode((flags >> 11) as u8 & 15));
        }
        if flags & TC != 0 {
            return Err(Unusual::Truncated);
        }
        if questions != 1 {
            return Err(Unusual::Questions(questions));
        }
        if u16_at(wire, 6)? != 0 || u16_at(wire, 8)? != 0 {
            return Err(Unusual::Records);
        }
        if additional > 1 {
            return Err(Unusual::Additional);
        }
        let rest = &wire[HEADER..];
        let name = &rest[..measure(rest)?];
        let at = HEADER + name.len();
        let (rtype, class) = (RecordType(u16_at(wire, at)?), Class(u16_at(wire, at + 2)?));
        let rest = &wire[at + 4..];
        let edns = match additional {
            0 if rest.is_empty() => None,
            0 => return Err(Unusual::TrailingOctets),
            _ => Some(Edns::parse(rest)?),
        };
        Ok(Query {
            id: u16_at(wire, 0)?,
            name,
            rtype,
            class,
            recursion_desired: flags & RD != 0,
            authentic_data: flags & AD != 0,
            checking_disabled: flags & CD != 0,
            edns,
        })
    }

    /// Whether the asker wants signatures.
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }
}

impl<'a> Edns<'a> {
    /// Reads the OPT record that fills `wire`.
    #[expect(clippy::inline_always, reason = "else results pass through memory in pieces")]
    #[inline(always)]
    fn parse(wire: &'a [u8]) -> Result<Edns<'a>, Unusual> {
        let (owner, rtype) = (*wire.first().ok_or(Unusual::Short)?, u16_at(wire, 1)?);
        if owner != 0 || rtype != RecordType::OPT.0 {
            return Err(Unusual::Additional);
        }
        let (udp_size, upper, flags) = (u16_at(wire, 3)?, u16_at(wire, 5)?, u16_at(wire, 7)?);
        let len = u16_at(wire, 9)? as usize;
        let options = &wire[OPT_FIXED..];
        if options.len() < len {
            return Err(Unusual::Short);
        }
        if options.len() > len {
            return Err(Unusual::TrailingOctets);
        }
        match upper & 0xff {
            0 => {}
            version => return Err(Unusual::EdnsVersion(version as u8)),
        }
        let mut rest = options;
        while !rest.is_empty() {
            let end = 4 + u16_at(rest, 2).map_err(|_| Unusual::EdnsOptions)? as usize;
            rest = rest.get(end..).ok_or(Unusual::EdnsOptions)?;
        }
        Ok(Edns { udp_size, dnssec_ok: flags & 0x8000 != 0, options })
    }
}

/// A question that is asked of others, whoever wanted to know: the name in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name, in lower case.
    pub(crate) name: Name,
    /// The type.
    pub(crate) rtype: RecordType,
    /// The class.
    pub(crate) class: Class,
    /// Whether signatures are wanted.
    pub(crate) dnssec_ok: bool,
    /// Whether the asker checks signatures itself.
    pub(crate) checking_disabled: bool,
}

impl Question {
    /// A question without signatures in class IN.
    pub fn new(name: &Name, rtype: RecordType) -> Question {
        let name = name.folded();
        Question { name, rtype, class: Class::IN, dnssec_ok: false, checking_disabled: false }
    }

    /// As a query of nobody in particular.
    pub(crate) fn as_query(&self) -> Query<'_> {
        let edns = Edns { udp_size: 0, dnssec_ok: true, options: &[] };
        Query {
            class: self.class,
            checking_disabled: self.checking_disabled,
            edns: self.dnssec_ok.then_some(edns),
            ..Query::ask(&self.name, self.rtype)
        }
    }

    /// Whether this is what `query` asks.
    pub(crate) fn is_of(&self, query: &Query<'_>) -> bool {
        self.rtype == query.rtype
            && self.class == query.class
            && self.dnssec_ok == query.dnssec_ok()
            && self.checking_disabled == query.checking_disabled
            && equal_ignoring_case(self.name.as_wire(), query.name)
    }

    /// What `query` asks.
    pub(crate) fn of(query: &Query<'_>) -> Option<Question> {
        Some(Question {
            name: Name::from_wire(query.name).ok()?.folded(),
            rtype: query.rtype,
            class: query.class,
            dnssec_ok: query.dnssec_ok(),
            checking_disabled: query.checking_disabled,
        })
    }

    /// The name, in lower case.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The type.
    pub fn rtype(&self) -> RecordType {
        self.rtype
    }
}

/// The site a question comes from. Answers cached for one view are never given to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct View(pub u16);

/// What an answer is cached under: view, type, class, the DO and CD bits and the name, whatever the case of its
/// letters. Borrowed: to look something up copies nothing.
#[derive(Clone, Copy)]
pub struct Key<'n> {
    pub(crate) view: View,
    pub(crate) rtype: RecordType,
    pub(crate) class: Class,
    pub(crate) dnssec_ok: bool,
    pub(crate) checking_disabled: bool,
    /// Plain wire form.
    pub(crate) name: &'n [u8],
}

impl<'n> Key<'n> {
    /// The key of `query` as asked from `view`.
    #[inline]
    pub fn new(query: &Query<'n>, view: View) -> Key<'n> {
        let Query { name, rtype, class, checking_disabled, .. } = *query;
        Key { view, rtype, class, dnssec_ok: query.dnssec_ok(), checking_disabled, name }
    }

    /// All but the name, and its length.
    #[inline]
    pub(crate) fn fixed(&self) -> u64 {
        let bits = u8::from(self.dnssec_ok) | u8::from(self.checking_disabled) << 1;
        u64::from(self.view.0)
            | u64::from(self.rtype.0) << 16
            | u64::from(self.class.0) << 32
            | u64::from(bits) << 48
            | (self.name.len() as u64) << 56
    }

    /// The key whose [`fixed`](Self::fixed) is `fixed`, of `name`.
    pub(crate) fn from_fixed(fixed: u64, name: &'n [u8]) -> Key<'n> {
        Key {
            view: View(fixed as u16),
            rtype: RecordType((fixed >> 16) as u16),
            class: Class((fixed >> 32) as u16),
            dnssec_ok: fixed >> 48 & 1 != 0,
            checking_disabled: fixed >> 48 & 2 != 0,
            name,
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Key<'_>) -> bool {
        self.fixed() == other.fixed() && equal_ignoring_case(self.name, other.name)
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fixed());
        folded_words(self.name).for_each(|word| state.write_u64(word));
    }
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:016x} {})", self.fixed(), self.name.escape_ascii())
    }
}

/// Octets of an OPT record before its options.
pub(crate) const OPT_FIXED: usize = 11;

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn keys_differ_where_answers_may() {
        let (name, other): (Name, Name) = ("A.b.".parse().unwrap(), "a.B.".parse().unwrap());
        let base = Query::ask(&name, RecordType::A);
        let same = Query::ask(&other, RecordType::A);
        let hashes = RandomState::new();
        let (one, two) = (Key::new(&base, View(0)), Key::new(&same, View(0)));
        assert!(one == two && hashes.hash_one(one) == hashes.hash_one(two));
        let edns = Some(Edns { udp_size: 1232, dnssec_ok: true, options: &[] });
        let longer = "a.b.c.".parse().unwrap();
        let different = [
            one,
            Key::new(&base, View(1)),
            Key::new(&Query { rtype: RecordType::AAAA, ..base }, View(0)),
            Key::new(&Query { class: Class(3), ..base }, View(0)),
            Key::new(&Query { checking_disabled: true, ..base }, View(0)),
            Key::new(&Query { edns, ..base }, View(0)),
            Key::new(&Query::ask(&longer, RecordType::A), View(0)),
        ];
        for (i, a) in different.iter().enumerate() {
            assert!(different[..i].iter().all(|b| a != b), "{i}");
            assert_eq!(Key::from_fixed(a.fixed(), a.name), *a);
        }
    }
}
