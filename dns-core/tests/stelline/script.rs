//! Scripts as they are written: what a server replies at which steps, what is asked, what must come back.

use std::net::IpAddr;

use super::records::{Record, record};

/// A script.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) config: Vec<String>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) steps: Vec<Step>,
}

/// What a server replies from one step to another.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) steps: std::ops::RangeInclusive<u32>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) number: u32,
    pub(crate) does: Does,
}

#[derive(Debug)]
pub(crate) enum Does {
    /// From this address.
    Query(Option<IpAddr>, Entry),
    Check(Entry),
    /// Seconds.
    Wait(u64),
}

/// A message, and how it is compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) matches: Vec<String>,
    /// Flags and response code.
    pub(crate) reply: Vec<String>,
    pub(crate) opcode: u8,
    /// Name and type, and class.
    pub(crate) question: Option<(Record, u16)>,
    /// Answer, authority, additional.
    pub(crate) sections: [Vec<Record>; 3],
    /// Answers that would do as well, or that follow.
    pub(crate) extra: Vec<Vec<Record>>,
    pub(crate) edns: Option<Vec<u8>>,
}

impl Entry {
    pub(crate) fn wants(&self, word: &str) -> bool {
        self.matches.iter().any(|have| have == word)
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.reply.iter().any(|have| have == word)
    }
}

/// Lines that say something, their comments left out.
struct Lines<'t> {
    lines: std::iter::Peekable<Box<dyn Iterator<Item = &'t str> + 't>>,
}

impl Script {
    pub(crate) fn parse(text: &str) -> Script {
        let said =
            text.lines().map(|line| uncommented(line).trim()).filter(|line| !line.is_empty());
        let said: Box<dyn Iterator<Item = &str>> = Box::new(said);
        let mut lines = Lines { lines: said.peekable() };
        let mut script = Script::default();
        while let Some(line) = lines.lines.next() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["RANGE_BEGIN", from, to] => script.ranges.push(lines.range(from, to)),
                ["STEP", number, "QUERY"] => {
                    let does = Does::Query(None, lines.entry());
                    script.steps.push(Step { number: number.parse().expect("a number"), does });
                }
                ["STEP", number, "QUERY", "ADDRESS", address] => {
                    let does =
                        Does::Query(Some(address.parse().expect("an address")), lines.entry());
                    script.steps.push(Step { number: number.parse().expect("a number"), does });
                }
                ["STEP", number, "CHECK_ANSWER"] => {
                    let does = Does::Check(lines.entry());
                    script.steps.push(Step { number: number.parse().expect("a number"), does });
                }
                ["STEP", number, "TIME_PASSES", "ELAPSE", seconds] => {
                    let does = Does::Wait(seconds.parse().expect("seconds"));
                    script.steps.push(Step { number: number.parse().expect("a number"), does });
                }
                ["CONFIG_END"] | ["SCENARIO_BEGIN", ..] => {}
                ["SCENARIO_END"] => break,
                _ => script.config.push(line.to_owned()),
            }
        }
        script
    }

    /// The values of a configuration key, without their quotes.
    pub(crate) fn values(&self, key: &str) -> impl Iterator<Item = String> {
        let lines =
            self.config.iter().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(':'));
        lines.map(|value| value.trim().trim_matches('"').to_owned())
    }
}

impl Lines<'_> {
    fn range(&mut self, from: &str, to: &str) -> Range {
        let number = |text: &str| text.parse::<u32>().expect("a number");
        let mut range =
            Range { steps: number(from)..=number(to), address: None, entries: Vec::new() };
        loop {
            let line = self.lines.peek().expect("a range ends");
            if let Some(address) = line.strip_prefix("ADDRESS") {
                range.address = address.trim().parse().ok();
                self.lines.next();
            } else if line.starts_with("ENTRY_BEGIN") {
                range.entries.push(self.entry());
            } else {
                assert_eq!(self.lines.next(), Some("RANGE_END"));
                return range;
            }
        }
    }

    fn entry(&mut self) -> Entry {
        assert_eq!(self.lines.next(), Some("ENTRY_BEGIN"));
        let (mut entry, mut section, mut origin) = (Entry::default(), None, String::new());
        loop {
            let line = self.lines.next().expect("an entry ends");
            let words: Vec<&str> = line.split_whitespace().collect();
            let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
            match words[..] {
                ["ENTRY_END"] => return entry,
                ["MATCH", ref rest @ ..] => entry.matches.extend(owned(rest)),
                ["ADJUST", ..] => {}
                ["REPLY", ref rest @ ..] => {
                    entry.reply = owned(rest);
                    entry.opcode = if rest.contains(&"NOTIFY") { 4 } else { entry.opcode };
                }
                ["OPCODE", "NOTIFY"] => entry.opcode = 4,
                ["SECTION", name] => {
                    let names = ["ANSWER", "AUTHORITY", "ADDITIONAL"];
                    section = names.iter().position(|known| *known == name);
                }
                ["EXTRA_PACKET"] => entry.extra.push(Vec::new()),
                ["HEX_EDNSDATA_BEGIN"] => entry.edns = Some(self.hex()),
                ["$ORIGIN", name] => name.clone_into(&mut origin),
                _ => {
                    let (record, class) = record(line, &origin, section.is_none());
                    match (section, entry.extra.last_mut()) {
                        (None, _) => entry.question = Some((record, class)),
                        (Some(_), Some(extra)) => extra.push(record),
                        (Some(section), None) => entry.sections[section].push(record),
                    }
                }
            }
        }
    }

    fn hex(&mut self) -> Vec<u8> {
        let lines = std::iter::from_fn(|| self.lines.next_if(|line| !line.starts_with("HEX_")));
        let octets: Vec<u8> = lines
            .flat_map(|line| line.split_whitespace().map(|octet| u8::from_str_radix(octet, 16)))
            .collect::<Result<_, _>>()
            .expect("octets");
        assert_eq!(self.lines.next(), Some("HEX_EDNSDATA_END"));
        octets
    }
}

/// What stands before a semicolon or a hash that is in no quotes.
fn uncommented(line: &str) -> &str {
    let mut quoted = false;
    let end = line.char_indices().find(|&(at, c)| {
        quoted ^= c == '"';
        // `\#` begins data of an unknown type.
        !quoted && (c == ';' || c == '#' && !line[..at].ends_with('\\'))
    });
    end.map_or(line, |(end, _)| &line[..end])
}
