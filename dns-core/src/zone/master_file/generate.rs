//! `$GENERATE start-stop[/step] owner [TTL] [class] type data`: BIND's way to write many alike records.

use std::fmt::Write as _;

use super::Mistake;
use super::lexer::Word;

/// The numbers of a `$GENERATE` and its template.
pub(super) struct Generate {
    start: u32,
    stop: u32,
    step: u32,
    template: String,
}

impl Generate {
    pub(super) fn parse(arguments: &[Word<'_>]) -> Result<Generate, Mistake> {
        let [range, words @ ..] = arguments else {
            return Err(Mistake::Generate(RANGE));
        };
        if words.len() < 3 {
            return Err(Mistake::Generate("a range, an owner, a type and its data"));
        }
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number) if i32::try_from(number).is_ok() => Ok(number),
            _ => Err(Mistake::Generate(RANGE)),
        };
        let (bounds, step) = range.text.split_once('/').unwrap_or((range.text, "1"));
        let (start, stop) = bounds.split_once('-').ok_or(Mistake::Generate(RANGE))?;
        let (start, stop, step) = (number(start)?, number(stop)?, number(step)?);
        if start > stop || step == 0 {
            return Err(Mistake::Generate(RANGE));
        }
        if (stop - start) / step >= MOST {
            return Err(Mistake::Generate("at most 65536 records"));
        }
        // As BIND does it, quotes come off before the text is read again.
        let words: Vec<&str> = words.iter().map(|word| word.text).collect();
        Ok(Generate { start, stop, step, template: words.join(" ") })
    }

    pub(super) fn count(&self) -> u32 {
        (self.stop - self.start) / self.step + 1
    }

    /// The lines, each a record.
    pub(super) fn lines(&self) -> impl Iterator<Item = Result<String, Mistake>> {
        (self.start..=self.stop)
            .step_by(self.step as usize)
            .map(|number| expand(&self.template, i64::from(number)))
    }
}

fn expand(template: &str, number: i64) -> Result<String, Mistake> {
    let mut line = String::with_capacity(template.len() + 8);
    let mut rest = template;
    while let Some(at) = rest.find(['$', '\\']) {
        line.push_str(&rest[..at]);
        let tail = &rest[at..];
        if let Some(after) = tail.strip_prefix('\\') {
            let escaped = after.chars().next().map_or(0, char::len_utf8);
            line.push_str(&tail[..=escaped]);
            rest = &after[escaped..];
        } else if let Some(after) = tail.strip_prefix("$$") {
            line.push_str("\\$");
            rest = after;
        } else if let Some(after) = tail.strip_prefix("${") {
            let (modifier, after) = after.split_once('}').ok_or(Mistake::Generate(MODIFIER))?;
            modified(&mut line, modifier, number)?;
            rest = after;
        } else {
            let _ = write!(line, "{number}");
            rest = &tail[1..];
        }
        if line.len() > MOST_LINE {
            return Err(Mistake::Generate("records of at most 65536 octets"));
        }
    }
    line.push_str(rest);
    Ok(line)
}

/// `offset[,width[,base]]`.
fn modified(line: &mut String, modifier: &str, number: i64) -> Result<(), Mistake> {
    let wrong = || Mistake::Generate(MODIFIER);
    let mut parts = modifier.split(',');
    let offset: i32 = parts.next().unwrap_or("0").parse().map_err(|_| wrong())?;
    let width: usize = parts.next().unwrap_or("0").parse().map_err(|_| wrong())?;
    let base = parts.next().unwrap_or("d");
    if width > 255 || parts.next().is_some() {
        return Err(wrong());
    }
    let value = number + i64::from(offset);
    if value < 0 && base != "d" {
        return Err(wrong());
    }
    let _ = match base {
        "d" => write!(line, "{value:0width$}"),
        "o" => write!(line, "{value:0width$o}"),
        "x" => write!(line, "{value:0width$x}"),
        "X" => write!(line, "{value:0width$X}"),
        "n" | "N" => {
            nibbles(line, value as u64, width, base == "N");
            Ok(())
        }
        _ => return Err(wrong()),
    };
    Ok(())
}

/// Hexadecimal digits from the lowest up with dots between, as `ip6.arpa` wants them; the width counts the
/// dots.
fn nibbles(line: &mut String, mut value: u64, width: usize, upper: bool) {
    let begin = line.len();
    loop {
        let digit = char::from_digit((value & 15) as u32, 16).expect("four bits are a digit");
        line.push(if upper { digit.to_ascii_uppercase() } else { digit });
        value >>= 4;
        if value == 0 && line.len() - begin >= width {
            break;
        }
        line.push('.');
        if value == 0 && line.len() - begin >= width {
            break;
        }
    }
}

const RANGE: &str = "a range as 1-10 or 0-254/2, up to 2147483647";
const MODIFIER: &str =
    "${offset,width,base} with base d, o, x, X, n or N, and no negative number but with d";
/// Records of one directive: a whole /16.
const MOST: u32 = 65_536;
/// Octets of one generated line.
const MOST_LINE: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers() {
        for (template, number, line) in [
            ("h$", 7, "h7"),
            ("${10,4,x}", 0, "000a"),
            ("${-1}", 0, "-1"),
            ("$$ \\$ ${0,2,d}", 3, "\\$ \\$ 03"),
            ("${0,3,n}", 0x1a, "a.1"),
            ("${0,4,N}", 0x1a, "A.1."),
        ] {
            assert_eq!(expand(template, number).as_deref(), Ok(line), "{template}");
        }
        for template in ["${", "${a}", "${0,1,z}", "${0,999}", "${-9,1,x}"] {
            assert!(expand(template, 1).is_err(), "{template}");
        }
    }
}
