//! Words, signs and quoted text.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, or quoted text when the flag is set.
    Word(String, bool),
    /// One of `( ) , = != < <= > >=`.
    Sign(&'static str),
}

/// Tokens with the byte each begins at; `Err` is where a quote is not closed or a sign is unknown.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if c.is_whitespace() {
            c.len_utf8()
        } else if c == '"' {
            let (word, length) = quoted(rest).ok_or(at)?;
            found.push((at, Token::Word(word, true)));
            length
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push((at, Token::Sign(sign)));
            sign.len()
        } else {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if length == 0 {
                return Err(at);
            }
            found.push((at, Token::Word(rest[..length].to_owned(), false)));
            length
        };
        at += length;
    }
    Ok(found)
}

fn quoted(text: &str) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut chars = text.char_indices().skip(1);
    loop {
        match chars.next()? {
            (at, '"') => return Some((word, at + 1)),
            (_, '\\') => word.push(chars.next()?.1),
            (_, c) => word.push(c),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "*_-.:/@".contains(c)
}

/// The longer before those they begin with.
const SIGNS: [&str; 9] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ","];
