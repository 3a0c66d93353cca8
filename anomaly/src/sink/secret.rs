//! What must not be read in a log.

use std::fmt;

/// A key or a URL that carries one: neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps a text to itself.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for those who need it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A URL as it may stand in a log: scheme, host and port, without user, path and query, where
/// chat services put their keys.
pub fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".into() };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let more = if authority.len() < rest.len() { "/…" } else { "" };
    format!("{scheme}://{host}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::new("R0UTE");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "… Secret(…) Some(Secret(…))"
        );
        assert_eq!(secret.expose(), "R0UTE");
        for (url, shown) in [
            ("https://hooks.example/services/T0/B0/key", "https://hooks.example/…"),
            ("http://user:word@host:8080?key=1", "http://host:8080/…"),
            ("http://user:p@ss@host", "http://host"),
            ("key", "…"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
