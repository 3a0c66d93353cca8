//! Those we ask: where they are, how they are spoken to, and how well they have been doing.

mod budget;
mod exchange;
mod health;
mod quantile;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

pub(crate) use budget::Budget;
pub(crate) use exchange::{Exchange, Offer, Reply, Spelling};
#[cfg(feature = "server")]
pub(crate) use exchange::{keepalive_of, wire_query};
pub use health::{Availability, Health};

/// A server that is asked: its address and how it is spoken to.
///
/// ```
/// use dns_core::upstream::{Protocol, Upstream};
///
/// let plain: Upstream = "192.0.2.53".parse()?;
/// assert_eq!((plain.address.port(), plain.protocol), (53, Protocol::Plain));
/// let tls: Upstream = "tls://[2001:db8::1]#dns.example".parse()?;
/// assert_eq!((tls.address.port(), tls.server_name.as_deref()), (853, Some("dns.example")));
/// # Ok::<(), dns_core::upstream::UpstreamError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Upstream {
    /// Where it is.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// The name its certificate must hold; the address when there is none.
    pub server_name: Option<String>,
    /// The path of DNS over HTTPS.
    pub path: String,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// UDP, and TCP when an answer is truncated (RFC 7766).
    Plain,
    /// DNS over TLS (RFC 7858), its certificate checked (RFC 8310 §5, strict).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

/// Why a text is not a server to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// Neither an address nor an address with a port.
    #[error(
        "not an address: write 192.0.2.53, [2001:db8::1]:5353, tls://192.0.2.53#dns.example or https://192.0.2.53/dns-query#dns.example"
    )]
    Address,
    /// A scheme that is not spoken.
    #[error("unknown scheme: udp, tls and https are spoken")]
    Scheme,
}

impl UpstreamError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            UpstreamError::Address => "address",
            UpstreamError::Scheme => "scheme",
        }
    }
}

impl Protocol {
    /// A constant name for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Protocol::Plain => "udp",
            Protocol::Tls => "tls",
            Protocol::Https => "https",
        }
    }

    /// The port when none is given.
    pub const fn default_port(self) -> u16 {
        match self {
            Protocol::Plain => 53,
            Protocol::Tls => 853,
            Protocol::Https => 443,
        }
    }

    /// Whether strangers on the path can neither read nor forge.
    pub const fn is_encrypted(self) -> bool {
        !matches!(self, Protocol::Plain)
    }
}

impl Upstream {
    /// A server spoken to in plain DNS.
    pub fn plain(address: SocketAddr) -> Upstream {
        let path = String::new();
        Upstream { address, protocol: Protocol::Plain, server_name: None, path }
    }
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    /// `[SCHEME://]ADDRESS[:PORT][/PATH][#NAME]`. The address is one already: a name would have to be
    /// looked up before anything can be.
    fn from_str(text: &str) -> Result<Upstream, UpstreamError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let protocol = match scheme {
            "udp" | "dns" => Protocol::Plain,
            "tls" => Protocol::Tls,
            "https" => Protocol::Https,
            _ => return Err(UpstreamError::Scheme),
        };
        let (rest, server_name) = match rest.split_once('#') {
            Some((rest, name)) if !name.is_empty() => (rest, Some(name.to_owned())),
            Some((rest, _)) => (rest, None),
            None => (rest, None),
        };
        let (host, path) = match (protocol, rest.split_once('/')) {
            (Protocol::Https, Some((host, path))) => (host, format!("/{path}")),
            (Protocol::Https, None) => (rest, "/dns-query".to_owned()),
            (_, Some(_)) => return Err(UpstreamError::Address),
            (_, None) => (rest, String::new()),
        };
        let address = socket_address(host, protocol.default_port())?;
        Ok(Upstream { address, protocol, server_name, path })
    }
}

fn socket_address(text: &str, default_port: u16) -> Result<SocketAddr, UpstreamError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address: IpAddr = bare.parse().map_err(|_| UpstreamError::Address)?;
    Ok(SocketAddr::new(address, default_port))
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Plain => write!(f, "{}", self.address)?,
            other => write!(f, "{}://{}{}", other.label(), self.address, self.path)?,
        }
        self.server_name.as_ref().map_or(Ok(()), |name| write!(f, "#{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written_back() {
        for (text, written) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("udp://[2001:db8::1]", "[2001:db8::1]:53"),
            ("tls://192.0.2.1#dns.example", "tls://192.0.2.1:853#dns.example"),
            ("https://192.0.2.1", "https://192.0.2.1:443/dns-query"),
            ("https://192.0.2.1:8443/q#a.example", "https://192.0.2.1:8443/q#a.example"),
        ] {
            assert_eq!(text.parse::<Upstream>().expect(text).to_string(), written);
        }
        for (text, why) in [
            ("dns.example", UpstreamError::Address),
            ("192.0.2.1/x", UpstreamError::Address),
            ("", UpstreamError::Address),
            ("quic://192.0.2.1", UpstreamError::Scheme),
        ] {
            assert_eq!(text.parse::<Upstream>(), Err(why), "{text}");
        }
    }
}
