//! Entries and their words (RFC 1035 §5.1): quotes, parentheses, comments, escapes.

use super::{MasterFileError, Mistake};

/// One word as it stands in the file, escapes untouched, quotes taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) quoted: bool,
    /// Nothing stands between it and the word before.
    pub(super) joined: bool,
}

/// A line, or several within parentheses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// Where it begins, counted from 1.
    pub(super) line: u32,
    /// The line begins with a blank: the owner is the last one's.
    pub(super) indented: bool,
    /// At least one.
    pub(super) words: Vec<Word<'t>>,
}

/// Cuts a text into entries.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        // A byte order mark is no part of the first name.
        Lexer { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0, line: 1 }
    }

    /// The next entry that has words; `None` at the end.
    pub(super) fn entry(&mut self) -> Result<Option<Entry<'t>>, MasterFileError> {
        let mut entry = Entry { line: self.line, indented: false, words: Vec::new() };
        let (mut depth, mut opened) = (0u32, self.line);
        let mut begins = true;
        let mut word_end = usize::MAX;
        while let Some(octet) = self.peek() {
            match octet {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if depth == 0 {
                        if !entry.words.is_empty() {
                            return Ok(Some(entry));
                        }
                        (entry.line, entry.indented, begins) = (self.line, false, true);
                        continue;
                    }
                }
                b' ' | b'\t' | b'\r' => {
                    entry.indented |= begins && octet != b'\r';
                    self.at += 1;
                }
                b';' => {
                    let comment = self.text[self.at..].find('\n');
                    self.at += comment.unwrap_or(self.text.len() - self.at);
                }
                b'(' => {
                    if depth == 0 {
                        opened = self.line;
                    }
                    depth += 1;
                    self.at += 1;
                }
                b')' => {
                    depth = depth
                        .checked_sub(1)
                        .ok_or_else(|| self.mistake(Mistake::StrayParenthesis))?;
                    self.at += 1;
                }
                octet => {
                    let joined = word_end == self.at;
                    let word = if octet == b'"' { self.quoted()? } else { self.plain() };
                    entry.words.push(Word { joined, ..word });
                    word_end = self.at;
                }
            }
            begins = false;
        }
        if depth > 0 {
            return Err(MasterFileError::at(opened, Mistake::UnclosedParenthesis));
        }
        Ok(Some(entry).filter(|entry| !entry.words.is_empty()))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn mistake(&self, mistake: Mistake) -> MasterFileError {
        MasterFileError::at(self.line, mistake)
    }

    fn plain(&mut self) -> Word<'t> {
        let start = self.at;
        while let Some(octet) = self.peek() {
            match octet {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' => self.escape(),
                _ => self.at += 1,
            }
        }
        Word { text: &self.text[start..self.at], quoted: false, joined: false }
    }

    fn quoted(&mut self) -> Result<Word<'t>, MasterFileError> {
        self.at += 1;
        let start = self.at;
        while let Some(octet) = self.peek() {
            match octet {
                b'"' => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Word { text, quoted: true, joined: false });
                }
                b'\n' => break,
                b'\\' => self.escape(),
                _ => self.at += 1,
            }
        }
        Err(self.mistake(Mistake::UnclosedQuote))
    }

    /// Steps over a backslash and the character behind it, unless that ends the line.
    fn escape(&mut self) {
        let next = self.text[self.at + 1..].chars().next();
        self.at += 1 + next.filter(|&c| c != '\n').map_or(0, char::len_utf8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(u32, bool, Vec<String>)> {
        let mut lexer = Lexer::new(text);
        let mut all = Vec::new();
        while let Some(entry) = lexer.entry().expect("well-formed") {
            let words = entry.words.iter().map(|word| word.text.to_owned()).collect();
            all.push((entry.line, entry.indented, words));
        }
        all
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn parentheses_join_lines_and_comments_end_them() {
        let text = "; nothing\n\na ( b ; c\n  d\n) e\r\n\tf \"g ; h\\\" (\" i\\;j";
        assert_eq!(
            entries(text),
            [
                (3, false, owned(&["a", "b", "d", "e"])),
                (6, true, owned(&["f", "g ; h\\\" (", "i\\;j"])),
            ]
        );
    }

    #[test]
    fn what_is_open_must_be_closed() {
        for (text, line, mistake) in [
            ("\na \"b\nc\"", 2, Mistake::UnclosedQuote),
            ("a (\nb\n", 1, Mistake::UnclosedParenthesis),
            ("a\nb )", 2, Mistake::StrayParenthesis),
        ] {
            let mut lexer = Lexer::new(text);
            let error = loop {
                match lexer.entry() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text:?} was taken"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error, MasterFileError::at(line, mistake), "{text:?}");
        }
    }
}
