//! What to probe, as people write it.

use std::{fmt, net::IpAddr, str::FromStr};

use rustls::pki_types::ServerName;
use thiserror::Error;

use super::starttls::Protocol;

/// Which addresses of a name to probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// The first that takes the connection, in the resolver's order.
    #[default]
    Any,
    /// The first of IPv4 that does.
    V4,
    /// The first of IPv6.
    V6,
    /// One of each, each a probe of its own.
    Both,
}

/// A server to probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A DNS name, or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The name to ask for and to hold the certificate against, if not the host.
    pub server_name: Option<String>,
    /// The protocol to speak before TLS.
    pub starttls: Option<Protocol>,
}

/// Why a target cannot be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// There is no host.
    #[error("give HOST:PORT")]
    NoHost,
    /// The port is no number from 1 to 65535.
    #[error("the port is no number from 1 to 65535")]
    BadPort,
    /// What stands before `://` is no protocol that changes to TLS.
    #[error("before :// goes tls, smtp, imap, pop3, ftp, xmpp, postgres or ldap")]
    BadProtocol,
    /// The name to ask for is neither a DNS name nor an address.
    #[error("neither a DNS name nor an address")]
    BadName,
}

impl TargetError {
    /// A word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoHost => "no_host",
            Self::BadPort => "bad_port",
            Self::BadProtocol => "bad_protocol",
            Self::BadName => "bad_name",
        }
    }
}

impl Target {
    /// The name to ask for and to hold the certificate against.
    pub fn name(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.host)
    }

    /// The same as rustls takes it.
    ///
    /// # Errors
    /// [`TargetError::BadName`] if it is neither a DNS name nor an address.
    pub fn tls_name(&self) -> Result<ServerName<'static>, TargetError> {
        let name = self.name();
        ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned())
            .map_err(|_| TargetError::BadName)
    }
}

/// `[PROTOCOL://]HOST[:PORT]`: the port is 443, or the protocol's own, unless it is given; an
/// IPv6 address with a port stands in brackets.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (starttls, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("tls" | "https", rest)) => (None, rest),
            Some((protocol, rest)) => {
                (Some(protocol.parse().map_err(|_| TargetError::BadProtocol)?), rest)
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(TargetError::BadPort)?)),
            None if rest.parse::<IpAddr>().is_ok() => (rest, None),
            None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
            return Err(TargetError::NoHost);
        }
        let usual = starttls.map_or(443, Protocol::port);
        let port = port.map_or(Ok(usual), str::parse).map_err(|_| TargetError::BadPort)?;
        if port == 0 {
            return Err(TargetError::BadPort);
        }
        let target = Self { host: host.to_owned(), port, server_name: None, starttls };
        target.tls_name()?;
        Ok(target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(protocol) = self.starttls {
            write!(f, "{}://", protocol.label())?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_as_people_write_them() {
        for (text, want) in [
            ("edge.test:8443", "edge.test:8443"),
            ("edge.test", "edge.test:443"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
            ("2001:db8::1", "[2001:db8::1]:443"),
            ("smtp://mx.test", "smtp://mx.test:25"),
            ("https://edge.test/", "edge.test:443"),
        ] {
            assert_eq!(text.parse::<Target>().expect(text).to_string(), want);
        }
        for (text, want) in [
            ("", TargetError::NoHost),
            (":443", TargetError::NoHost),
            ("edge.test:", TargetError::BadPort),
            ("edge.test:0", TargetError::BadPort),
            ("edge.test:65536", TargetError::BadPort),
            ("[::1]443", TargetError::BadPort),
            ("nntp://edge.test", TargetError::BadProtocol),
            ("https://edge.test/path", TargetError::NoHost),
            ("under_score..test:1", TargetError::BadName),
        ] {
            assert_eq!(text.parse::<Target>(), Err(want), "{text}");
        }
    }
}
