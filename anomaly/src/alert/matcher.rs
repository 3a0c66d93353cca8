//! Which series are meant, in Alertmanager's words: `{host="a", site!~"test.*"}`.

use std::fmt;
use std::str::FromStr;

use regex_lite::{Regex, RegexBuilder};

use crate::alert::labels::Labels;

/// Matchers that must all hold. A label that a series does not have is the empty string, as
/// Prometheus sees it.
///
/// Parsed from `{name="value", name!="value", name=~"pattern", name!~"pattern"}`; braces and
/// quotes may be left out, a comma may end the list. Patterns are anchored on both ends and
/// matched in linear time (`regex-lite`: no Unicode classes, patterns of at most 1 KiB).
#[derive(Debug, Clone)]
pub struct Matchers(Box<[Matcher]>);

#[derive(Debug, Clone)]
struct Matcher {
    name: Box<str>,
    value: Box<str>,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equal,
    Unequal,
    Like(Regex),
    Unlike(Regex),
}

/// Why a text is no list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// Nothing to match: it would be everything, which `{host=~".*"}` says better.
    #[error("no matcher: give one, like host=\"a\"")]
    Empty,
    /// No label name where one must stand.
    #[error("{at:?}: a label name must stand here")]
    Name {
        /// What stands there.
        at: String,
    },
    /// No `=`, `!=`, `=~` or `!~` behind a name.
    #[error("{name}: one of =, !=, =~, !~ must follow")]
    Operator {
        /// The name.
        name: String,
    },
    /// A value whose quotes or escapes are not in order.
    #[error("{name}: a value wants both its quotes, or none; escapes are \\\\, \\\" and \\n")]
    Value {
        /// The name.
        name: String,
    },
    /// Something else than a comma between matchers, or behind the brace.
    #[error("{at:?}: a comma or the end must stand here")]
    Trailing {
        /// What stands there.
        at: String,
    },
    /// A pattern that is none.
    #[error("{name}: {because}")]
    Pattern {
        /// The name.
        name: String,
        /// What the pattern language says.
        because: String,
    },
    /// More than [`Matchers::MOST`].
    #[error("more than {} matchers", Matchers::MOST)]
    TooMany,
}

impl MatchError {
    /// A closed set of names for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Name { .. } => "name",
            Self::Operator { .. } => "operator",
            Self::Value { .. } => "value",
            Self::Trailing { .. } => "trailing",
            Self::Pattern { .. } => "pattern",
            Self::TooMany => "too_many",
        }
    }
}

impl Matchers {
    /// How many matchers a list may have.
    pub const MOST: usize = 64;

    /// Whether all of them hold. Does not allocate.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| {
            let value = labels.value(&matcher.name).unwrap_or_default();
            match &matcher.test {
                Test::Equal => value == &*matcher.value,
                Test::Unequal => value != &*matcher.value,
                Test::Like(pattern) => pattern.is_match(value),
                Test::Unlike(pattern) => !pattern.is_match(value),
            }
        })
    }
}

/// Same names, operators and values in the same order.
impl PartialEq for Matchers {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Matcher, b: &Matcher| {
            (&a.name, &a.value, a.test.symbol()) == (&b.name, &b.value, b.test.symbol())
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| same(a, b))
    }
}

impl Test {
    fn symbol(&self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Like(_) => "=~",
            Self::Unlike(_) => "!~",
        }
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, Matcher { name, value, test }) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{name}{}\"", test.symbol())?;
            for c in value.chars() {
                match c {
                    '\n' => f.write_str("\\n")?,
                    '"' | '\\' => write!(f, "\\{c}")?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\"")?;
        }
        f.write_str("}")
    }
}

impl FromStr for Matchers {
    type Err = MatchError;

    fn from_str(text: &str) -> Result<Self, MatchError> {
        let mut rest = text.trim();
        let braced = rest.strip_prefix('{');
        rest = braced.unwrap_or(rest).trim_start();
        let mut matchers = Vec::new();
        let over = |rest: &str| rest.is_empty() || (braced.is_some() && rest.starts_with('}'));
        while !over(rest) {
            if matchers.len() == Self::MOST {
                return Err(MatchError::TooMany);
            }
            let (matcher, behind) = matcher(rest, braced.is_some())?;
            matchers.push(matcher);
            rest = behind.trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more.trim_start(),
                None if rest.is_empty() || rest.starts_with('}') => break,
                None => return Err(MatchError::Trailing { at: excerpt(rest) }),
            }
        }
        let ends = if braced.is_some() { rest == "}" } else { rest.is_empty() };
        match (ends, matchers.is_empty()) {
            (false, _) => Err(MatchError::Trailing { at: excerpt(rest) }),
            (true, true) => Err(MatchError::Empty),
            (true, false) => Ok(Self(matchers.into())),
        }
    }
}

/// One matcher, and what stands behind it.
fn matcher(text: &str, braced: bool) -> Result<(Matcher, &str), MatchError> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
    let (name, rest) = text.split_at(text.find(|c| !word(c)).unwrap_or(text.len()));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(MatchError::Name { at: excerpt(text) });
    }
    let rest = rest.trim_start();
    let symbols = ["=~", "!~", "!=", "="];
    let symbol = symbols.into_iter().find(|symbol| rest.starts_with(symbol));
    let symbol = symbol.ok_or_else(|| MatchError::Operator { name: name.into() })?;
    let rest = rest[symbol.len()..].trim_start();
    let wrong = || MatchError::Value { name: name.into() };
    let (value, rest) = if let Some(quoted) = rest.strip_prefix('"') {
        unquoted(quoted).ok_or_else(wrong)?
    } else {
        let end = |c: char| c == ',' || (braced && c == '}');
        let (value, rest) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
        if value.contains('"') {
            return Err(wrong());
        }
        (value.trim_end().to_owned(), rest)
    };
    let pattern = || {
        let built = RegexBuilder::new(&format!("^(?s:{value})$")).size_limit(PATTERN_BYTES).build();
        let because = |error: regex_lite::Error| error.to_string();
        built.map_err(|e| MatchError::Pattern { name: name.into(), because: because(e) })
    };
    let test = match symbol {
        "=" => Test::Equal,
        "!=" => Test::Unequal,
        "=~" => Test::Like(pattern()?),
        _ => Test::Unlike(pattern()?),
    };
    Ok((Matcher { name: name.into(), value: value.into(), test }, rest))
}

/// A value up to its closing quote, and what stands behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                // Alertmanager keeps what it does not know, and patterns need it: "a\.b".
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

fn excerpt(text: &str) -> String {
    text.chars().take(20).collect()
}

/// What a compiled pattern may take: many silences are kept at once.
const PATTERN_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Matchers, MatchError> {
        text.parse()
    }

    #[test]
    fn alertmanagers_forms_are_read() {
        let labels = Labels::new([("host", "a.b"), ("site", "bonn, rhein"), ("quote", "\"\n\\")]);
        for text in [
            "host=a.b",
            r#"{host="a.b"}"#,
            r#" { host = "a.b" , } "#,
            r#"host="a.b",site="bonn, rhein""#,
            r#"{host=~"a\.b|c",host!~"a|b",host!="a"}"#,
            r"host=~a[.]b,site=~bonn.*",
            r#"quote="\"\n\\""#,
            r#"absent="",absent!="x",absent=~"|x",absent!~".+""#,
            "{host=a.b}",
        ] {
            let matchers = of(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(matchers.matches(&labels), "{text}");
            assert_eq!(of(&matchers.to_string()), Ok(matchers), "{text}");
        }
        for text in ["host=a", "host=~a", r#"host!~".*""#, "absent=~.+", "host=a.b,site=bonn"] {
            assert!(!of(text).expect(text).matches(&labels), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_its_place() {
        let labels = [
            ("", "empty"),
            ("{}", "empty"),
            ("{", "trailing"),
            ("=a", "name"),
            ("1a=b", "name"),
            ("a", "operator"),
            ("a~b", "operator"),
            (r#"a="b"#, "value"),
            (r#"a=b""#, "value"),
            (r#"a="b"c"#, "trailing"),
            (r#"{a="b"} x"#, "trailing"),
            ("a=b}", ""),
            ("a=~(", "pattern"),
        ];
        for (text, label) in labels {
            assert_eq!(of(text).as_ref().map_or_else(MatchError::label, |_| ""), label, "{text}");
        }
        assert_eq!(of(&"a=b,".repeat(65)), Err(MatchError::TooMany));
        assert!(of(&format!("a=~{}", "(a{99}){99}".repeat(4))).is_err());
    }
}
