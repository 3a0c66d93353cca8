//! What can be wrong with a chain of certificates: a closed set.

use std::fmt;

/// A fault of a chain. The order is that of gravity: a chain is classed by its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The server sent none.
    Absent,
    /// A certificate could not be read, or holds a critical extension that was not understood.
    Unreadable,
    /// A signature in the chain, or over the handshake, does not verify.
    BadSignature,
    /// Revoked, by the stapled response or by a list the verifier has.
    Revoked,
    /// The server's certificate names itself as its issuer, and is not trusted.
    SelfSigned,
    /// The chain reaches a root, and the root is not trusted.
    UntrustedRoot,
    /// The server did not send its issuer's certificate: the chain ends at one that names where
    /// its issuer can be fetched (RFC 5280 §4.2.2.1), which no root's child needs.
    MissingIntermediate,
    /// The chain ends at a certificate whose issuer was neither sent nor is trusted: an
    /// intermediate is missing, or the root is unknown. Nothing that was sent tells which.
    UnknownIssuer,
    /// Past its end.
    Expired,
    /// Before its beginning.
    NotYetValid,
    /// Not for the name that was asked for.
    NameMismatch,
    /// Not for servers (RFC 5280 §4.2.1.12).
    WrongPurpose,
    /// An authority's certificate in a server's place.
    AuthorityAsServer,
    /// It demands a stapled status (RFC 7633), and none that is fresh and good came.
    MustStapleViolated,
    /// The stapled status is past its time, or not for this certificate's issuer to say.
    StapleStale,
    /// A signature by an algorithm that no longer binds: MD2, MD5, SHA-1.
    WeakSignature,
    /// A key too short: RSA under 2,048 bits, EC under 224, any DSA (NIST SP 800-131A).
    WeakKey,
    /// The verifier refuses the chain for another reason.
    Refused,
}

impl Fault {
    /// Every fault, gravest first.
    pub const ALL: [Self; 18] = [
        Self::Absent,
        Self::Unreadable,
        Self::BadSignature,
        Self::Revoked,
        Self::SelfSigned,
        Self::UntrustedRoot,
        Self::MissingIntermediate,
        Self::UnknownIssuer,
        Self::Expired,
        Self::NotYetValid,
        Self::NameMismatch,
        Self::WrongPurpose,
        Self::AuthorityAsServer,
        Self::MustStapleViolated,
        Self::StapleStale,
        Self::WeakSignature,
        Self::WeakKey,
        Self::Refused,
    ];

    /// A word for metrics and reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unreadable => "unreadable",
            Self::BadSignature => "bad_signature",
            Self::Revoked => "revoked",
            Self::SelfSigned => "self_signed",
            Self::UntrustedRoot => "untrusted_root",
            Self::MissingIntermediate => "missing_intermediate",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::NameMismatch => "name_mismatch",
            Self::WrongPurpose => "wrong_purpose",
            Self::AuthorityAsServer => "authority_as_server",
            Self::MustStapleViolated => "must_staple_violated",
            Self::StapleStale => "staple_stale",
            Self::WeakSignature => "weak_signature",
            Self::WeakKey => "weak_key",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there_in_order_under_different_names() {
        assert!(Fault::ALL.is_sorted());
        let mut labels: Vec<_> = Fault::ALL.iter().map(|fault| fault.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Fault::ALL.len());
        assert_eq!(Fault::ALL[Fault::ALL.len() - 1], Fault::Refused);
    }
}
