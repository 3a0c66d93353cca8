//! How to probe, and what came of it.

use std::time::Duration;

use super::{failure::Failure, target::Family, verifier::Unvalidated};
use crate::{certificate::Chain, config::Config, report::Report};

/// How long each part of a probe may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The name.
    pub dns: Duration,
    /// The connection to one address.
    pub tcp: Duration,
    /// The dialogue before TLS.
    pub starttls: Duration,
    /// The handshake.
    pub tls: Duration,
}

impl Default for Limits {
    /// 5 s each, 10 s for the handshake.
    fn default() -> Self {
        let five = Duration::from_secs(5);
        Self { dns: five, tcp: five, starttls: five, tls: Duration::from_secs(10) }
    }
}

/// How to probe.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How long each part may take.
    pub limits: Limits,
    /// Which addresses of a name.
    pub family: Family,
    /// What to do with a server whose certificate does not validate.
    pub unvalidated: Unvalidated,
    /// After each full handshake a second one, on a connection of its own, that offers to resume.
    pub resume: bool,
    /// How silences are judged.
    pub config: Config,
}

/// What came of the offer to resume a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resumed {
    /// The server took it.
    Accepted,
    /// The server insisted on a full handshake.
    Refused,
}

/// One probe. With feature `serde` it is the object of `probe`: that of [`Report`], with what only
/// a client knows.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Probed {
    /// The target as it was written.
    pub target: String,
    /// Why it did not succeed, if it did not.
    pub failure: Option<Failure>,
    /// The handshake.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub report: Report,
    /// The protocol spoken before TLS.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub starttls: Option<&'static str>,
    /// What came of the offer to resume, if this handshake made one.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "resumption")
    )]
    pub resumption: Option<Resumed>,
    /// The certificates and all that is wrong with them.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub certificate: Option<Chain>,
    /// From the start to the end, resolver and dialogue in clear included.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds"))]
    pub took: Duration,
}

#[cfg(feature = "serde")]
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn resumption<S: serde::Serializer>(of: &Option<Resumed>, to: S) -> Result<S::Ok, S::Error> {
    match of {
        Some(Resumed::Accepted) => to.serialize_str("accepted"),
        Some(Resumed::Refused) => to.serialize_str("refused"),
        None => to.serialize_none(),
    }
}

impl Probed {
    /// The handshake was established and the certificate validates.
    pub fn success(&self) -> bool {
        self.failure.is_none()
    }
}
