//! The fields of an object, one after another, objects within it laid flat.

use std::fmt;

use super::scan::{string_end, value_end, white_end};
use super::text::Text;

/// A field of a payload.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The names that lead to it.
    pub path: Path<'a>,
    /// What it holds.
    pub value: Value<'a>,
}

/// The names of the objects around a field, and its own.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    names: [Text<'a>; MOST_NAMES],
    length: usize,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A string.
    String(Text<'a>),
    /// An array, as it is written: well-formed JSON.
    Array(&'a str),
    /// An object that is empty or lies eight names deep, as it is written.
    Object(&'a str),
}

/// The fields in their order. Repeated names come as often as they stand there.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    /// A well-formed object.
    json: &'a str,
    at: usize,
    path: Path<'a>,
}

impl<'a> Fields<'a> {
    /// Of a well-formed object.
    pub(super) fn of(json: &'a str) -> Self {
        Self { json, at: 1, path: Path { names: [Text(""); MOST_NAMES], length: 0 } }
    }

    /// The value that starts at `at`, and `at` after it.
    fn value(&mut self) -> Value<'a> {
        let end = value_end(self.json.as_bytes(), self.at).unwrap_or(self.json.len());
        let text = &self.json[self.at..end];
        self.at = end;
        match text.as_bytes().first() {
            Some(b'"') => Value::String(Text(&text[1..text.len() - 1])),
            Some(b'{') => Value::Object(text),
            Some(b'[') => Value::Array(text),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') | None => Value::Null,
            Some(_) => Value::Number(text),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let json = self.json.as_bytes();
        loop {
            self.at = white_end(json, self.at);
            match json.get(self.at)? {
                b',' => self.at += 1,
                b'"' => {
                    let end = string_end(json, self.at).ok()?;
                    let name = Text(&self.json[self.at + 1..end - 1]);
                    // Over the colon.
                    self.at = white_end(json, white_end(json, end) + 1);
                    self.path.names[self.path.length] = name;
                    self.path.length += 1;
                    let inside = json.get(self.at) == Some(&b'{')
                        && json.get(white_end(json, self.at + 1)) != Some(&b'}')
                        && self.path.length < MOST_NAMES;
                    if !inside {
                        let field = Field { value: self.value(), path: self.path };
                        self.path.length -= 1;
                        return Some(field);
                    }
                    self.at += 1;
                }
                _ => {
                    // The end of an object.
                    self.at += 1;
                    self.path.length = self.path.length.checked_sub(1)?;
                }
            }
        }
    }
}

impl<'a> Path<'a> {
    /// The names, the outermost first.
    pub fn names(&self) -> impl Iterator<Item = Text<'a>> {
        self.names.into_iter().take(self.length)
    }

    /// Whether these are the names, joined by points: `http.status` is the path of
    /// `{"http":{"status":200}}` and of `{"http.status":200}`.
    pub fn is(&self, joined: &str) -> bool {
        let mut rest = joined;
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                let Some(after) = rest.strip_prefix('.') else { return false };
                rest = after;
            }
            for c in name.chars() {
                let Some(after) = rest.strip_prefix(c) else { return false };
                rest = after;
            }
        }
        rest.is_empty()
    }
}

/// The names joined by points.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            let point = if index > 0 { "." } else { "" };
            write!(f, "{point}{name}")?;
        }
        Ok(())
    }
}

/// Names that lead to a field: below it objects are not laid flat.
const MOST_NAMES: usize = 8;
