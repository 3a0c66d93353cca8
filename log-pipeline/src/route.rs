//! Which messages a sink wants: a small language for the command line.
//!
//! ```text
//! severity >= warning and facility in (auth, authpriv)
//! host = "web*" and not app = nginx
//! peer in 192.0.2.0/24 or match "link down"
//! all
//! ```
//!
//! | test | true when |
//! |---|---|
//! | `severity` `= != < <= > >=` keyword | compared by urgency: `severity >= err` is err and worse |
//! | `facility = auth`, `facility in (auth, authpriv)` | the facility is that, or one of those |
//! | `host`, `app`, `msgid` `= !=` pattern | the field is that, ASCII case ignored; `*` stands for any text |
//! | `peer in` network | the sender's address lies in it |
//! | `match` text | the message contains the text, byte for byte |
//! | `all` | always |
//!
//! Tests are joined by `not`, `and`, `or`, binding in this order, and parentheses. Values with
//! spaces or signs stand in double quotes, where `\"` and `\\` are escapes. A field the message
//! does not have equals nothing; `!=` is true of it.

mod token;
mod grammar;

use std::net::IpAddr;

use memchr::memmem::Finder;

use crate::message::Message;
use crate::network::Network;
use crate::pri::{Facility, Severity};

pub use grammar::RouteError;

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Route(Expr);

#[derive(Debug, Clone)]
enum Expr {
    All,
    Severity(Relation, Severity),
    Facility(Vec<Facility>),
    Field(Field, Pattern),
    Peer(Network),
    Match(Box<Finder<'static>>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Host,
    App,
    MsgId,
}

/// Text with `*` between its parts.
#[derive(Debug, Clone)]
struct Pattern(Vec<String>);

impl Route {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`RouteError`], which says where and what was expected.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        grammar::parse(text).map(Self)
    }

    /// Whether `message`, sent by `peer`, is wanted. Does not allocate.
    pub fn matches(&self, message: &Message<'_>, peer: Option<IpAddr>) -> bool {
        self.0.holds(message, peer)
    }
}

impl Expr {
    fn holds(&self, message: &Message<'_>, peer: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Severity(relation, wanted) => match message.pri {
                // Small numbers are urgent: the operands change places.
                Some(pri) => relation.holds(wanted.number(), pri.severity().number()),
                None => *relation == Relation::NotEqual,
            },
            Self::Facility(wanted) => {
                message.pri.is_some_and(|pri| wanted.contains(&pri.facility()))
            }
            Self::Field(field, pattern) => {
                let value = match field {
                    Field::Host => message.hostname,
                    Field::App => message.appname,
                    Field::MsgId => message.msgid,
                };
                value.is_some_and(|value| pattern.covers(value))
            }
            Self::Peer(network) => peer.is_some_and(|peer| network.contains(peer)),
            Self::Match(text) => text.find(message.message).is_some(),
            Self::Not(expr) => !expr.holds(message, peer),
            Self::And(all) => all.iter().all(|expr| expr.holds(message, peer)),
            Self::Or(any) => any.iter().any(|expr| expr.holds(message, peer)),
        }
    }
}

impl Relation {
    fn holds(self, left: u8, right: u8) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase().split('*').map(str::to_owned).collect())
    }

    /// Each part is looked for after the one before it: quadratic at worst, in fields of 255 bytes.
    fn covers(&self, value: &str) -> bool {
        let (first, rest) = self.0.split_first().expect("splitting gives at least one part");
        let Some((last, middle)) = rest.split_last() else {
            return value.eq_ignore_ascii_case(first);
        };
        let mut value = value.as_bytes();
        for (part, from_end) in [(first, false), (last, true)] {
            let Some(left) = value.len().checked_sub(part.len()) else { return false };
            let (text, kept) = if from_end {
                (&value[left..], &value[..left])
            } else {
                (&value[..part.len()], &value[part.len()..])
            };
            if !text.eq_ignore_ascii_case(part.as_bytes()) {
                return false;
            }
            value = kept;
        }
        middle.iter().filter(|part| !part.is_empty()).all(|part| {
            let found = value
                .windows(part.len())
                .position(|window| window.eq_ignore_ascii_case(part.as_bytes()));
            if let Some(at) = found {
                value = &value[at + part.len()..];
            }
            found.is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_say() {
        for (pattern, yes, no) in [
            ("web", &["web", "WEB"][..], &["webs", "aweb", ""][..]),
            ("web*", &["web", "web1"], &["we", "aweb"]),
            ("*.de", &["a.de", ".de"], &["de", "a.de.x"]),
            ("a*a", &["aa", "aba"], &["a", "ab"]),
            ("a*b*c", &["abc", "axxbyyc"], &["acb", "abb"]),
            ("*b*b*", &["bb", "xbxbx"], &["b"]),
            ("*", &["", "x"], &[]),
        ] {
            let pattern = Pattern::new(pattern);
            for value in yes {
                assert!(pattern.covers(value), "{pattern:?} {value}");
            }
            for value in no {
                assert!(!pattern.covers(value), "{pattern:?} {value}");
            }
        }
    }
}
