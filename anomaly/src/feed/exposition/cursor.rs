//! Words, quotes and braces of one line.

use std::borrow::Cow;

use super::line::Malformed;

/// Labels as they stand in a line: names and values.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a str);

impl<'a> Cursor<'a> {
    pub(super) fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    pub(super) fn take(&mut self, prefix: &str) -> bool {
        self.0.strip_prefix(prefix).map(|rest| self.0 = rest).is_some()
    }

    /// Up to the next blank.
    pub(super) fn word(&mut self) -> &'a str {
        let (word, rest) = self.0.split_at(self.0.find([' ', '\t']).unwrap_or(self.0.len()));
        self.0 = rest;
        word
    }

    /// A name of the usual letters; empty when none stands here.
    pub(super) fn name(&mut self, colons: bool) -> &'a str {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        let end = self.0.find(|c| !fits(c)).unwrap_or(self.0.len());
        if self.0.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        name
    }

    /// What stands between quotes, escapes undone.
    pub(super) fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.0.strip_prefix('"')?;
        let end = rest.find(['"', '\\'])?;
        if rest.as_bytes()[end] == b'"' {
            self.0 = &rest[end + 1..];
            return Some(Cow::Borrowed(&rest[..end]));
        }
        let (mut text, mut chars) = (rest[..end].to_owned(), rest[end..].char_indices());
        loop {
            match chars.next()? {
                (at, '"') => {
                    self.0 = &rest[end + at + 1..];
                    return Some(Cow::Owned(text));
                }
                (_, '\\') => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    c @ ('"' | '\\') => text.push(c),
                    // As Prometheus reads it: a backslash before anything else is itself.
                    c => text.extend(['\\', c]),
                },
                (_, c) => text.push(c),
            }
        }
    }

    /// `{name="value", …}`; a quoted name without a value is the metric's own.
    pub(super) fn labels(&mut self) -> Result<(Option<Cow<'a, str>>, Pairs<'a>), Malformed> {
        let (mut metric, mut pairs) = (None, Vec::new());
        if !self.take("{") {
            return Ok((metric, pairs));
        }
        loop {
            self.blanks();
            if self.take("}") {
                return Ok((metric, pairs));
            }
            let quoted = self.0.starts_with('"');
            let name = if quoted {
                self.quoted().ok_or(Malformed::Labels)?
            } else {
                Cow::Borrowed(self.name(false))
            };
            self.blanks();
            if self.take("=") {
                self.blanks();
                let value = self.quoted().ok_or(Malformed::Labels)?;
                if name.is_empty() || pairs.len() >= MOST_LABELS {
                    return Err(Malformed::Labels);
                }
                pairs.push((name, value));
            } else if quoted && metric.is_none() {
                metric = Some(name);
            } else {
                return Err(Malformed::Labels);
            }
            self.blanks();
            if !self.take(",") && !self.0.starts_with('}') {
                return Err(Malformed::Labels);
            }
        }
    }
}

/// No metric worth watching has more.
const MOST_LABELS: usize = 64;
