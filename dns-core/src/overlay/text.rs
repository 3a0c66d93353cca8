//! The overlay as a file: a line for each site, a line for each record.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use super::{OVERLAY_TTL, Overlay, Scope, Tagged};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::zone::Zone;

/// A line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
#[non_exhaustive]
pub struct OverlayError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it, and how it should be.
    pub what: String,
}

impl OverlayError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        "overlay"
    }
}

/// One record's line.
struct Line<'t> {
    number: usize,
    scope: Scope,
    name: Name,
    ttl: u32,
    rtype: RecordType,
    data: &'t str,
}

impl Overlay {
    /// Reads lines such as
    ///
    /// ```text
    /// site munich 10.2.0.0/16 fd00:2::/32
    /// till.corp.example  @munich       300 A 10.2.0.52
    /// *.shop.example     @10.1.0.0/16      CNAME pos.corp.example.
    /// printer.corp.example                 A 10.0.0.9   ; everybody's
    /// ```
    ///
    /// Names are absolute, with or without the final dot; data is as in master files. The TTL is a minute
    /// unless it is given. Addresses of names that are no wildcards get PTR records.
    ///
    /// # Errors
    /// The first line that is wrong: an overlay is taken as a whole or not at all.
    pub fn parse(text: &str) -> Result<Overlay, OverlayError> {
        let mut overlay = Overlay::new();
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what: String| OverlayError { line: number, what };
            let line = uncommented(line).trim();
            if let Some(rest) = line.strip_prefix("site ") {
                let mut words = rest.split_whitespace();
                let site = words.next().ok_or_else(|| wrong("a site has a name".to_owned()))?;
                for word in words {
                    let network =
                        word.parse().map_err(|error| wrong(format!("{word}: {error}")))?;
                    overlay = overlay.site(site, [network]);
                }
            } else if !line.is_empty() {
                lines.push(record(number, line).map_err(wrong)?);
            }
        }
        let mut sets: HashMap<(&Scope, &Name), Vec<&Line<'_>>> = HashMap::new();
        for line in &lines {
            sets.entry((&line.scope, &line.name)).or_default().push(line);
        }
        let mut sets: Vec<_> = sets.into_values().collect();
        sets.sort_by_key(|set| set[0].number);
        for set in sets {
            let (scope, name) = (set[0].scope.clone(), set[0].name.clone());
            overlay.names.push(Tagged { scope, name, zone: Arc::new(zone(&set)?) });
        }
        for line in lines.iter().filter(|line| !line.name.is_wildcard()) {
            if let (RecordType::A | RecordType::AAAA, Ok(address)) = (line.rtype, line.data.parse())
            {
                overlay.back(&line.scope, address, &line.name);
            }
        }
        if let Some(site) = overlay.unknown_sites().next() {
            let (line, what) = (0, format!("no line says which networks site {site} has"));
            let named = lines.iter().find(|line| line.scope == Scope::Site(site.to_owned()));
            return Err(OverlayError { line: named.map_or(line, |line| line.number), what });
        }
        Ok(overlay)
    }
}

/// What stands before a semicolon or hash that is not in quotes.
fn uncommented(line: &str) -> &str {
    let mut quoted = false;
    let end = line.char_indices().find(|&(_, c)| {
        quoted ^= c == '"';
        !quoted && matches!(c, ';' | '#')
    });
    end.map_or(line, |(end, _)| &line[..end])
}

fn record(number: usize, line: &str) -> Result<Line<'_>, String> {
    let (name, mut rest) = word(line);
    let name: Name = name.parse().map_err(|error| format!("{name}: {error}"))?;
    if name.is_root() {
        return Err("the root is not for an overlay".to_owned());
    }
    let mut scope = Scope::Everybody;
    if let Some(tagged) = rest.strip_prefix('@') {
        let (tag, after) = word(tagged);
        scope = if tag.contains(['/', '.', ':']) {
            Scope::Network(tag.parse().map_err(|error| format!("@{tag}: {error}"))?)
        } else {
            Scope::Site(tag.to_owned())
        };
        rest = after;
    }
    let mut ttl = OVERLAY_TTL.as_secs();
    if let (first, after) = word(rest)
        && let Ok(secs) = first.parse()
    {
        (ttl, rest) = (secs, after);
    }
    let (rtype, data) = word(rest);
    let rtype = rtype.parse().map_err(|_| {
        format!("{rtype:?} is no record type: write NAME [@SITE or @NETWORK] [TTL] TYPE DATA")
    })?;
    Ok(Line { number, scope, name, ttl, rtype, data })
}

/// The first word, and what stands behind it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// The zone that answers for one name.
fn zone(lines: &[&Line<'_>]) -> Result<Zone, OverlayError> {
    let name = &lines[0].name;
    let origin = name.parent().unwrap_or(Name::root());
    let ttl = OVERLAY_TTL.as_secs();
    let head = format!(
        "{origin} {ttl} SOA {origin} nobody.invalid. 1 3600 600 86400 {ttl}\n{origin} {ttl} NS {origin}\n"
    );
    let records = lines.iter().map(|line| {
        let Line { name, ttl, rtype, data, .. } = line;
        format!("{name} {ttl} {rtype} {data}\n")
    });
    let text: String = std::iter::once(head).chain(records).collect();
    Zone::from_saved(&origin, "overlay", &text).map_err(|error| {
        let last = lines.last().map_or(0, |line| line.number);
        OverlayError { line: last, what: error.to_string() }
    })
}
