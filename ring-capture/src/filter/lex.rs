//! From text to words, each with its column.

/// One word and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    /// As written.
    pub(super) text: &'a str,
    /// Counted in characters from 1.
    pub(super) column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Open,
    Close,
    Not,
    And,
    Or,
    Word(&'a str),
}

/// All tokens of a text. Every text has some reading; what a word means is not decided here.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest, mut column) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            column += 1;
            continue;
        }
        let length = symbol(rest).unwrap_or_else(|| word_length(rest));
        let (token, after) = rest.split_at(length);
        tokens.push(Token { kind: kind(token), text: token, column });
        column += token.chars().count();
        rest = after;
    }
    tokens
}

/// How long the symbol at the start is, if there is one.
fn symbol(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'&', b'&', ..] | [b'|', b'|', ..] => Some(2),
        [b'(' | b')' | b'!', ..] => Some(1),
        _ => None,
    }
}

/// Up to a space or a symbol.
fn word_length(text: &str) -> usize {
    let ends = |(at, c): &(usize, char)| c.is_whitespace() || symbol(&text[*at..]).is_some();
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

fn kind(token: &str) -> Kind<'_> {
    match token {
        "(" => Kind::Open,
        ")" => Kind::Close,
        "!" | "not" => Kind::Not,
        "&&" | "and" => Kind::And,
        "||" | "or" => Kind::Or,
        word => Kind::Word(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_need_no_spaces_and_columns_count_characters() {
        let found: Vec<_> =
            tokens(" é(!tcp&&10.0.0.0/8||a&b)").iter().map(|t| (t.text, t.column)).collect();
        assert_eq!(
            found,
            [
                ("é", 2),
                ("(", 3),
                ("!", 4),
                ("tcp", 5),
                ("&&", 8),
                ("10.0.0.0/8", 10),
                ("||", 20),
                ("a&b", 22),
                (")", 25),
            ]
        );
        assert_eq!(tokens(" \t\n"), []);
    }
}
