//! Domain names as they stand on the wire (RFC 1035 §3.1): one length octet before each label, the
//! root's zero at the end, at most 63 octets a label and 255 a name.
//!
//! [`Name`] owns one; the functions over slices serve the hit path, which never owns any.

mod order;
mod reverse;
mod text;
mod wire;

use std::fmt;
use std::hash::{Hash, Hasher};

pub(crate) use order::canonical_cmp;
pub use text::NameError;
pub use wire::{WireNameError, equal_ignoring_case, fold_into, labels, measure, read};
pub(crate) use wire::{ancestors, folded_words, is_folded, is_under, runs, skip};

/// Octets in the longest name, root's zero included (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 255;
/// Octets in the longest label (RFC 1035 §2.3.4).
pub const MAX_LABEL: usize = 63;

/// An absolute domain name, owned. Equality and hash ignore ASCII case (RFC 4343); the spelling
/// is kept.
#[derive(Clone)]
pub struct Name {
    wire: Box<[u8]>,
}

impl Name {
    /// The root.
    pub fn root() -> Name {
        Name { wire: Box::new([0]) }
    }

    /// From an uncompressed wire name that fills `wire` exactly.
    ///
    /// # Errors
    /// When it is cut short, too long, holds a compression pointer, or octets follow it.
    pub fn from_wire(wire: &[u8]) -> Result<Name, WireNameError> {
        match measure(wire)? {
            len if len == wire.len() => Ok(Name { wire: wire.into() }),
            _ => Err(WireNameError::TrailingOctets),
        }
    }

    /// The uncompressed wire form, 1 to 255 octets.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }

    /// The labels, leftmost first, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(&self.wire)
    }

    /// How many labels, the root not counted.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.wire.len() == 1
    }

    /// Whether the leftmost label is `*` (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.wire.starts_with(b"\x01*")
    }

    /// The name one label up; `None` above the root.
    pub fn parent(&self) -> Option<Name> {
        (!self.is_root()).then(|| Name { wire: self.wire[1 + self.wire[0] as usize..].into() })
    }

    /// Whether this name is `ancestor` or below it.
    pub fn is_under(&self, ancestor: &Name) -> bool {
        wire::is_under(&self.wire, &ancestor.wire)
    }

    /// `prefix` (wire labels without the root's zero) in front of this name.
    ///
    /// # Errors
    /// When the result is longer than 255 octets.
    pub fn prefixed(&self, prefix: &[u8]) -> Result<Name, WireNameError> {
        let wire = [prefix, &self.wire].concat();
        if wire.len() > MAX_NAME { Err(WireNameError::TooLong) } else { Name::from_wire(&wire) }
    }

    /// The same name in lower case: what keys are made of.
    #[must_use]
    pub fn folded(&self) -> Name {
        Name { wire: self.wire.to_ascii_lowercase().into() }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        equal_ignoring_case(&self.wire, &other.wire)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in &self.wire {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name in a test")
    }

    #[test]
    fn equality_ignores_case_and_keeps_the_spelling() {
        assert_eq!(name("WWW.Example."), name("www.example."));
        assert_eq!(name("WWW.Example.").to_string(), "WWW.Example.");
        assert_ne!(name("www.example."), name("ww.wexample."));
    }

    #[test]
    fn under_respects_label_borders() {
        assert!(name("a.example.").is_under(&name("EXAMPLE.")));
        assert!(name("example.").is_under(&name("example.")));
        assert!(name("a.example.").is_under(&Name::root()));
        assert!(!name("badexample.").is_under(&name("example.")));
        assert!(!name("example.").is_under(&name("a.example.")));
    }

    #[test]
    fn a_prefix_that_makes_it_too_long_is_an_error() {
        let long = name(&format!("{0}.{0}.{0}.{1}.", "a".repeat(63), "b".repeat(59)));
        assert_eq!(long.as_wire().len(), 253);
        assert!(long.prefixed(b"\x01*").is_ok());
        assert_eq!(long.prefixed(b"\x02**"), Err(WireNameError::TooLong));
    }
}
