//! What can be wrong in a master file, where, and what to do about it.

use std::io;

use thiserror::Error;

use super::super::{RecordError, ZoneError};
use crate::name::NameError;
use crate::record_type::{RecordType, UnknownType};
use crate::ttl::TtlError;

/// What is wrong in a master file, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}: {mistake}")]
pub struct MasterFileError {
    /// The file's name as it was given; that of the included file when the mistake is there.
    pub file: String,
    /// The line, counted from 1; the last one for what the whole file lacks.
    pub line: u32,
    /// What is wrong.
    pub mistake: Mistake,
}

impl MasterFileError {
    pub(super) fn at(line: u32, mistake: Mistake) -> MasterFileError {
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
    /// A file that cannot be read.
    #[error("cannot read {path} ({why}): correct the name or the file's permissions")]
    Unreadable {
        /// Its name.
        path: String,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// `$INCLUDE` where there are no files.
    #[error("$INCLUDE without a directory to read from: write the records into this text")]
    NoDirectory,
    /// `$INCLUDE` of a file outside of the directory.
    #[error("{0} lies outside of the zones' directory: move the file into it")]
    Outside(String),
    /// Files that include each other, or too many of them.
    #[error("more than {0} files one in another: write their records into this file")]
    TooDeep(u32),
    /// More files or more octets than one zone may have.
    #[error("the zone's files hold more than {0}: split the zone")]
    TooMuch(&'static str),
    /// `$GENERATE` with arguments that make no sense.
    #[error("$GENERATE: expected {0}")]
    Generate(&'static str),
    /// A word with `$` in front that is no directive.
    #[error(
        "unknown directive {0}: use $ORIGIN, $TTL, $INCLUDE or $GENERATE, or escape the dollar sign of a name"
    )]
    Directive(String),
    /// A directive without its arguments.
    #[error("{0} takes {1}")]
    Argument(&'static str, &'static str),
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
            Mistake::Unreadable { .. } => "unreadable",
            Mistake::NoDirectory => "no_directory",
            Mistake::Outside(_) => "outside",
            Mistake::TooDeep(_) => "too_deep",
            Mistake::TooMuch(_) => "too_much",
            Mistake::Generate(_) => "generate",
            Mistake::Directive(_) => "directive",
            Mistake::Argument(..) => "argument",
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
