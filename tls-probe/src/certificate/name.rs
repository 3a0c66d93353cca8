//! Whether a certificate is for a name (RFC 9525 §6).

use std::net::IpAddr;

/// Whether one of the `presented` identifiers, DNS names and addresses as text, is the name or
/// address `asked` for. Letters match whatever their case; a wildcard stands for exactly one whole
/// label, the first; an address matches itself only. Common names do not count.
pub fn matches<'a>(presented: impl IntoIterator<Item = &'a str>, asked: &str) -> bool {
    if let Ok(address) = asked.parse::<IpAddr>() {
        return presented.into_iter().any(|one| one.parse() == Ok(address));
    }
    let asked = asked.strip_suffix('.').unwrap_or(asked);
    presented.into_iter().any(|one| {
        if one.parse::<IpAddr>().is_ok() {
            return false;
        }
        let one = one.strip_suffix('.').unwrap_or(one);
        if one.eq_ignore_ascii_case(asked) {
            return true;
        }
        let Some(parent) = one.strip_prefix("*.") else { return false };
        // `*.test` would be for every site there is.
        let Some((label, rest)) = asked.split_once('.') else { return false };
        !label.is_empty() && parent.contains('.') && rest.eq_ignore_ascii_case(parent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_whole_label() {
        let names = ["*.edge.test", "API.edge.test", "192.0.2.1", "2001:db8::1"];
        for yes in
            ["www.edge.test", "WWW.Edge.test", "api.EDGE.test", "api.edge.test.", "192.0.2.1"]
        {
            assert!(matches(names, yes), "{yes}");
        }
        for no in ["edge.test", "a.b.edge.test", ".edge.test", "192.0.2.2", "x.other.test", ""] {
            assert!(!matches(names, no), "{no}");
        }
        assert!(matches(names, "2001:DB8:0::1"));
        assert!(!matches(["*.test"], "edge.test"));
        assert!(!matches(["w*.edge.test"], "www.edge.test"));
    }
}
