//! Zones from master files (RFC 1035 §5, RFC 2308 §4, RFC 3597 §5).

mod data;
mod lexer;

use thiserror::Error;

use super::{RecordError, Zone, ZoneBuilder, ZoneError};
use crate::name::{Name, NameError};
use crate::rdata::RData;
use crate::record_type::{RecordType, UnknownType};
use crate::ttl::{Ttl, TtlError};
use lexer::{Entry, Lexer, Word};

/// What is wrong in a master file, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}: {mistake}")]
pub struct MasterFileError {
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1; the last one for what the whole file lacks.
    pub line: u32,
    /// What is wrong.
    pub mistake: Mistake,
}

impl MasterFileError {
    fn at(line: u32, mistake: Mistake) -> MasterFileError {
        MasterFileError { file: String::new(), line, mistake }
    }

    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        self.mistake.label()
    }
}

/// What can be wrong in a master file. Every text ends in what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mistake {
    /// A quoted string that does not end on its line.
    #[error("quote without its end: close it on the same line")]
    UnclosedQuote,
    /// A parenthesis that is never closed.
    #[error("parenthesis without its end: close it")]
    UnclosedParenthesis,
    /// A closing parenthesis that was never opened.
    #[error("closing parenthesis without its beginning: remove it")]
    StrayParenthesis,
    /// `$INCLUDE` or `$GENERATE`.
    #[error("{0} is not read here: write its records into this file")]
    NotRead(&'static str),
    /// A word with `$` in front that is no directive.
    #[error("unknown directive {0}: use $ORIGIN or $TTL, or escape the dollar sign of a name")]
    Directive(String),
    /// A directive without its one argument.
    #[error("{0} takes exactly one argument")]
    Argument(&'static str),
    /// The first record has no owner.
    #[error("no owner yet: begin the first record with a name or @")]
    NoOwner,
    /// A word that should be a name.
    #[error("`{text}` is no name: {why}")]
    Name {
        /// The word.
        text: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// A word that should be a time to live.
    #[error("`{text}`: {why}")]
    Ttl {
        /// The word.
        text: String,
        /// What is wrong with it.
        why: TtlError,
    },
    /// No TTL in the record and none to take over.
    #[error("no TTL: write one into the record or $TTL above it")]
    NoTtl,
    /// Another class than IN.
    #[error("class {0} is not served: use IN")]
    Class(String),
    /// The record ends before its type.
    #[error("no record type: write owner, TTL, IN, type and data")]
    NoType,
    /// A word that should be a type.
    #[error("`{text}`: {why}")]
    Type {
        /// The word.
        text: String,
        /// What is wrong with it.
        why: UnknownType,
    },
    /// Data that does not fit its type.
    #[error("{rtype} data: expected {expected}")]
    Data {
        /// The record's type.
        rtype: RecordType,
        /// What should stand there.
        expected: &'static str,
    },
    /// A type whose text form we do not read.
    #[error(
        "{0} data cannot be read from text: write \\# with its length and hexadecimal octets (RFC 3597)"
    )]
    NoTextForm(RecordType),
    /// The record does not go into this zone.
    #[error("{0}")]
    Record(RecordError),
    /// The file as a whole is no zone.
    #[error("{0}")]
    Zone(ZoneError),
}

impl Mistake {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Mistake::UnclosedQuote => "unclosed_quote",
            Mistake::UnclosedParenthesis => "unclosed_parenthesis",
            Mistake::StrayParenthesis => "stray_parenthesis",
            Mistake::NotRead(_) => "not_read",
            Mistake::Directive(_) => "directive",
            Mistake::Argument(_) => "argument",
            Mistake::NoOwner => "no_owner",
            Mistake::Name { .. } => "name",
            Mistake::Ttl { .. } => "ttl",
            Mistake::NoTtl => "no_ttl",
            Mistake::Class(_) => "class",
            Mistake::NoType => "no_type",
            Mistake::Type { .. } => "type",
            Mistake::Data { .. } => "data",
            Mistake::NoTextForm(_) => "no_text_form",
            Mistake::Record(error) => error.label(),
            Mistake::Zone(error) => error.label(),
        }
    }
}

impl Zone {
    /// Reads the zone at `origin` from the text of a master file. `file` is only for errors.
    ///
    /// `$INCLUDE` and `$GENERATE` are not read: they are a [`Mistake::NotRead`].
    ///
    /// # Errors
    /// The first thing wrong, with file, line and mend. There is no half-read zone.
    pub fn from_master_file(
        origin: &Name,
        file: &str,
        text: &str,
    ) -> Result<Zone, MasterFileError> {
        let named = |error: MasterFileError| MasterFileError { file: file.to_owned(), ..error };
        let mut reader = Reader::new(origin);
        let (mut lexer, mut line) = (Lexer::new(text), 1);
        while let Some(entry) = lexer.entry().map_err(named)? {
            line = entry.line;
            reader.entry(&entry).map_err(|mistake| named(MasterFileError::at(line, mistake)))?;
        }
        let zone = reader.builder.build();
        zone.map_err(|error| named(MasterFileError::at(line, Mistake::Zone(error))))
    }
}

/// What one entry takes over from those before it.
struct Reader {
    builder: ZoneBuilder,
    origin: Name,
    owner: Option<Name>,
    default_ttl: Option<Ttl>,
    last_ttl: Option<Ttl>,
}

impl Reader {
    fn new(origin: &Name) -> Reader {
        let (builder, origin) = (Zone::builder(origin.clone()), origin.clone());
        Reader { builder, origin, owner: None, default_ttl: None, last_ttl: None }
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Mistake> {
        let first = entry.words[0];
        if first.text.starts_with('$') && !first.quoted && !entry.indented {
            return self.directive(first.text, &entry.words[1..]);
        }
        let mut words = &entry.words[..];
        if !entry.indented {
            self.owner = Some(name(&first, &self.origin)?);
            words = &words[1..];
        }
        self.record(words)
    }

    fn directive(&mut self, word: &str, arguments: &[Word<'_>]) -> Result<(), Mistake> {
        let one = |what| match arguments {
            [argument] => Ok(argument),
            _ => Err(Mistake::Argument(what)),
        };
        match word.to_ascii_uppercase().as_str() {
            "$ORIGIN" => self.origin = name(one("$ORIGIN")?, &self.origin)?,
            "$TTL" => {
                let text = one("$TTL")?.text;
                let why = |why| Mistake::Ttl { text: text.to_owned(), why };
                self.default_ttl = Some(text.parse().map_err(why)?);
            }
            "$INCLUDE" => return Err(Mistake::NotRead("$INCLUDE")),
            "$GENERATE" => return Err(Mistake::NotRead("$GENERATE")),
            _ => return Err(Mistake::Directive(word.to_owned())),
        }
        Ok(())
    }

    /// TTL and class come in either order, and either may be missing (RFC 1035 §5.1).
    fn record(&mut self, mut words: &[Word<'_>]) -> Result<(), Mistake> {
        let (mut ttl, mut class) = (None, false);
        let rtype = loop {
            let (word, rest) = words.split_first().ok_or(Mistake::NoType)?;
            words = rest;
            let text = word.text;
            if ttl.is_none() && text.starts_with(|c: char| c.is_ascii_digit()) {
                ttl =
                    Some(text.parse().map_err(|why| Mistake::Ttl { text: text.to_owned(), why })?);
            } else if !class && is_class(text) {
                class = true;
                if !text.eq_ignore_ascii_case("IN") && !text.eq_ignore_ascii_case("CLASS1") {
                    return Err(Mistake::Class(text.to_owned()));
                }
            } else {
                let why = |why| Mistake::Type { text: text.to_owned(), why };
                break text.parse::<RecordType>().map_err(why)?;
            }
        };
        let rdata = data::encode(rtype, words, &self.origin)?;
        let ttl = match ttl.or(self.default_ttl).or(self.last_ttl) {
            Some(ttl) => ttl,
            None => soa_minimum(rtype, &rdata).ok_or(Mistake::NoTtl)?,
        };
        self.last_ttl = Some(ttl);
        let owner = self.owner.as_ref().ok_or(Mistake::NoOwner)?;
        self.builder.record(owner, ttl, rtype, &rdata).map_err(Mistake::Record)
    }
}

/// Before `$TTL` existed MINIMUM was the default; a SOA without any TTL still takes it (RFC 2308 §4).
fn soa_minimum(rtype: RecordType, rdata: &[u8]) -> Option<Ttl> {
    match RData::read(rdata, 0, rdata.len(), rtype) {
        Ok(RData::Soa(soa)) => Some(soa.minimum),
        _ => None,
    }
}

fn is_class(text: &str) -> bool {
    ["IN", "CH", "HS", "CS"].iter().any(|class| class.eq_ignore_ascii_case(text))
        || text.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CLASS"))
}

fn name(word: &Word<'_>, origin: &Name) -> Result<Name, Mistake> {
    let wrong = |why| Mistake::Name { text: word.text.to_owned(), why };
    Name::parse_relative(word.text, origin).map_err(wrong)
}
