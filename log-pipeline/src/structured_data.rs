//! STRUCTURED-DATA (RFC 5424 §6.3): borrowed from the message and unescaped only when asked.

mod buf;

use std::borrow::Cow;

pub use buf::StructuredDataBuf;

/// All elements of a message, as they stand on the wire and known to be well formed. The default
/// is the NILVALUE: no element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StructuredData<'a> {
    wire: &'a [u8],
}

/// One SD-ELEMENT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    id: &'a str,
    params: &'a [u8],
}

/// One SD-PARAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    name: &'a str,
    escaped: &'a [u8],
}

/// Why bytes are not structured data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StructuredDataError {
    /// Neither `-` nor `[`.
    #[error("neither NILVALUE nor an element")]
    Start,
    /// An SD-NAME is empty or holds what §6.3.2 forbids.
    #[error("bad name of an element or parameter")]
    Name,
    /// A name is not followed by `="`.
    #[error("parameter without a quoted value")]
    Value,
    /// The bytes end inside an element.
    #[error("element without an end")]
    Unterminated,
}

impl StructuredDataError {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Name => "name",
            Self::Value => "value",
            Self::Unterminated => "unterminated",
        }
    }
}

impl<'a> StructuredData<'a> {
    /// Reads structured data at the start of `input` and gives the length it took. A `]` inside a
    /// quoted value, which §6.3.3 wants escaped, is taken as it is, and so are two spaces for one and
    /// spaces before a value: all are common and none is ambiguous.
    ///
    /// # Errors
    /// [`StructuredDataError`] at the first byte that fits nothing. Never allocates.
    pub fn parse(input: &'a [u8]) -> Result<(Self, usize), StructuredDataError> {
        match input.first() {
            Some(b'-') => Ok((Self::default(), 1)),
            Some(b'[') => {
                let mut at = 0;
                while input.get(at) == Some(&b'[') {
                    at = element_end(input, at + 1)?;
                }
                Ok((Self { wire: &input[..at] }, at))
            }
            _ => Err(StructuredDataError::Start),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }

    /// The bytes as they came, empty for the NILVALUE.
    pub fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// The elements in their order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let mut rest = self.wire;
        std::iter::from_fn(move || {
            let inside = rest.strip_prefix(b"[")?;
            let id_length = name_length(inside);
            let end = element_end(rest, 1).ok()?;
            let params = &rest[1 + id_length..end - 1];
            rest = &rest[end..];
            Some(Element { id: ascii(&inside[..id_length]), params })
        })
    }

    /// The first value of `name` in the first element called `id`.
    pub fn value(&self, id: &str, name: &str) -> Option<Cow<'a, str>> {
        let element = self.elements().find(|element| element.id == id)?;
        element.params().find(|param| param.name == name).map(|param| param.value())
    }
}

impl<'a> Element<'a> {
    /// SD-ID, for example `timeQuality` or `flight@32473`.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The parameters in their order; a name may come more than once.
    pub fn params(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.params;
        std::iter::from_fn(move || {
            rest = rest.trim_ascii_start();
            let name_end = name_length(rest);
            let value = value_start(rest.get(name_end..)?)?;
            let length = quoted_length(value)?;
            let param = Param { name: ascii(&rest[..name_end]), escaped: &value[..length] };
            rest = &value[length + 1..];
            Some(param)
        })
    }
}

impl<'a> Param<'a> {
    /// PARAM-NAME.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// PARAM-VALUE as it stands on the wire, with its escapes.
    pub fn escaped(&self) -> &'a [u8] {
        self.escaped
    }

    /// PARAM-VALUE without escapes; bytes that are not UTF-8 become U+FFFD. Borrows unless
    /// there was an escape or a bad byte. A backslash before anything but `"`, `\` or `]` is itself
    /// (§6.3.3).
    pub fn value(&self) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.escaped);
        if memchr::memchr(b'\\', self.escaped).is_none() {
            return text;
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(&next @ ('"' | '\\' | ']'))) => {
                    plain.push(next);
                    chars.next();
                }
                _ => plain.push(c),
            }
        }
        Cow::Owned(plain)
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"')
}

fn name_length(input: &[u8]) -> usize {
    input.iter().position(|&byte| !NAME[usize::from(byte)]).unwrap_or(input.len())
}

/// What follows `="`, spaces before the quote passed over.
fn value_start(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'=', b'"', value @ ..] => Some(value),
        [b'=', b' ', after @ ..] => after.trim_ascii_start().strip_prefix(b"\""),
        _ => None,
    }
}

/// Length up to the closing quote.
fn quoted_length(input: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        // Values are short: a plain loop is through before a search by vectors has begun.
        at += input.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if input[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Index after the `]` that ends the element whose identifier starts at `at`.
fn element_end(input: &[u8], mut at: usize) -> Result<usize, StructuredDataError> {
    use StructuredDataError::{Name, Unterminated, Value};
    let id = name_length(&input[at..]);
    if id == 0 {
        return Err(Name);
    }
    at += id;
    loop {
        let spaces = input[at..].iter().take_while(|&&byte| byte == b' ').count();
        at += spaces;
        match input.get(at) {
            Some(b']') => return Ok(at + 1),
            Some(_) if spaces == 0 => return Err(Name),
            Some(_) => {}
            None => return Err(Unterminated),
        }
        let name = name_length(&input[at..]);
        if name == 0 {
            return Err(Name);
        }
        at += name;
        let Some(value) = value_start(&input[at..]) else {
            let ends = input[at..].strip_prefix(b"=").unwrap_or(&input[at..]).is_empty();
            return Err(if ends { Unterminated } else { Value });
        };
        at = input.len() - value.len() + quoted_length(value).ok_or(Unterminated)? + 1;
    }
}

fn ascii(name: &[u8]) -> &str {
    std::str::from_utf8(name).expect("names were admitted byte by byte as graphic ASCII")
}

/// [`is_name_byte`] of every byte.
static NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_name_byte(byte as u8);
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_and_params_in_order() {
        let wire = br#"[a@1 x="1" y="\"q\" \] \\ \n"][b][c z=""] rest"#;
        let (data, length) = StructuredData::parse(wire).unwrap();
        assert_eq!(&wire[length..], b" rest");
        let ids: Vec<_> = data.elements().map(|element| element.id()).collect();
        assert_eq!(ids, ["a@1", "b", "c"]);
        assert_eq!(data.value("a@1", "x").unwrap(), "1");
        assert_eq!(data.value("a@1", "y").unwrap(), r#""q" ] \ \n"#);
        assert_eq!(data.value("c", "z").unwrap(), "");
        assert_eq!(data.value("b", "z"), None);
    }

    #[test]
    fn malformed_data_says_how() {
        use StructuredDataError::{Name, Start, Unterminated, Value};
        for (text, error) in [
            ("", Start),
            ("x", Start),
            ("[]", Name),
            ("[ a=\"1\"]", Name),
            ("[a x= 1]", Value),
            ("[a x]", Value),
            ("[a x=", Unterminated),
            ("[a =\"1\"]", Name),
            ("[a x=\"1\"y=\"2\"]", Name),
            ("[a x=\"1\\\"]", Unterminated),
            ("[a x=\"1\"", Unterminated),
            ("[a", Unterminated),
        ] {
            assert_eq!(StructuredData::parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            params in proptest::collection::vec(("[a-z@]{1,6}", "[a-z]{1,6}", ".*"), 0..8)
        ) {
            let mut buf = StructuredDataBuf::default();
            for (id, name, value) in &params {
                buf.push(id, name, value);
            }
            let wire = buf.view().wire();
            let read = if wire.is_empty() { StructuredData::default() } else {
                let (data, length) = StructuredData::parse(wire).unwrap();
                prop_assert_eq!(length, wire.len());
                data
            };
            let flat: Vec<_> = read.elements().flat_map(|element| {
                element.params().map(move |param| {
                    (element.id().to_owned(), param.name().to_owned(), param.value().into_owned())
                })
            }).collect();
            prop_assert_eq!(flat, params);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(
            proptest::sample::select(&b"[]\\\"= -ab\xff"[..]), 0..40)
        ) {
            if let Ok((data, length)) = StructuredData::parse(&bytes) {
                prop_assert!(length <= bytes.len());
                let copy = StructuredDataBuf::from(data);
                for (ours, theirs) in copy.view().elements().zip(data.elements()) {
                    prop_assert_eq!(ours.id(), theirs.id());
                    prop_assert!(ours.params().map(|p| p.value().into_owned())
                        .eq(theirs.params().map(|p| p.value().into_owned())));
                }
            }
        }
    }
}
