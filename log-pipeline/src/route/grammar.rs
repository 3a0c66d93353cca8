//! From tokens to an expression.

use memchr::memmem::Finder;

use super::token::{Token, tokens};
use super::{Expr, Field, Pattern, Relation};
use crate::pri::{Facility, Pri, Severity};

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct RouteError {
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// What would have been understood there.
    pub expected: &'static str,
}

impl RouteError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        "route"
    }
}

pub(super) fn parse(text: &str) -> Result<Expr, RouteError> {
    let tokens = tokens(text)
        .map_err(|at| RouteError { at, expected: "a word, text in closed quotes, or a sign" })?;
    let mut parser = Parser { tokens, next: 0, end: text.len(), depth: 0 };
    let expr = parser.or()?;
    if parser.next < parser.tokens.len() {
        return Err(parser.expected("`and`, `or`, or the end"));
    }
    Ok(expr)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// Length of the text.
    end: usize,
    depth: u32,
}

impl Parser {
    fn or(&mut self) -> Result<Expr, RouteError> {
        let mut any = vec![self.and()?];
        while self.keyword("or") {
            any.push(self.and()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Expr::Or(any) })
    }

    fn and(&mut self) -> Result<Expr, RouteError> {
        let mut all = vec![self.not()?];
        while self.keyword("and") {
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::And(all) })
    }

    fn not(&mut self) -> Result<Expr, RouteError> {
        if self.depth == MOST_DEPTH {
            return Err(self.expected("an expression nested less deeply"));
        }
        self.depth += 1;
        let expr = if self.keyword("not") {
            Expr::Not(Box::new(self.not()?))
        } else if self.sign("(") {
            let expr = self.or()?;
            if !self.sign(")") {
                return Err(self.expected("`)`"));
            }
            expr
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, RouteError> {
        const TESTS: &str =
            "`severity`, `facility`, `host`, `app`, `msgid`, `peer`, `match`, `all`, `not` or `(`";
        for (word, field) in [("host", Field::Host), ("app", Field::App), ("msgid", Field::MsgId)] {
            if self.keyword(word) {
                let negated = self.equality()?;
                let pattern = Pattern::new(&self.word("a value, in quotes if it has spaces")?);
                return Ok(negate(Expr::Field(field, pattern), negated));
            }
        }
        if self.keyword("all") {
            Ok(Expr::All)
        } else if self.keyword("severity") {
            let relation = self.relation()?;
            let severity = self.known("a severity such as `warning`", severity)?;
            Ok(Expr::Severity(relation, severity))
        } else if self.keyword("facility") {
            self.facility()
        } else if self.keyword("peer") {
            if !self.keyword("in") {
                return Err(self.expected("`in`"));
            }
            let network =
                self.known("a network such as `192.0.2.0/24`", |text| text.parse().ok())?;
            Ok(Expr::Peer(network))
        } else if self.keyword("match") {
            let text = self.word("the text to look for, in quotes")?;
            Ok(Expr::Match(Box::new(Finder::new(text.as_bytes()).into_owned())))
        } else {
            Err(self.expected(TESTS))
        }
    }

    fn facility(&mut self) -> Result<Expr, RouteError> {
        const A_FACILITY: &str = "a facility such as `auth`";
        if !self.keyword("in") {
            let negated = self.equality()?;
            let facility = self.known(A_FACILITY, facility)?;
            return Ok(negate(Expr::Facility(vec![facility]), negated));
        }
        if !self.sign("(") {
            return Err(self.expected("`(`"));
        }
        let mut any = vec![self.known(A_FACILITY, facility)?];
        while self.sign(",") {
            any.push(self.known(A_FACILITY, facility)?);
        }
        if !self.sign(")") {
            return Err(self.expected("`,` or `)`"));
        }
        Ok(Expr::Facility(any))
    }

    /// True for `!=`.
    fn equality(&mut self) -> Result<bool, RouteError> {
        if self.sign("=") {
            Ok(false)
        } else if self.sign("!=") {
            Ok(true)
        } else {
            Err(self.expected("`=` or `!=`"))
        }
    }

    fn relation(&mut self) -> Result<Relation, RouteError> {
        for (sign, relation) in [
            ("=", Relation::Equal),
            ("!=", Relation::NotEqual),
            ("<", Relation::Less),
            ("<=", Relation::LessOrEqual),
            (">", Relation::Greater),
            (">=", Relation::GreaterOrEqual),
        ] {
            if self.sign(sign) {
                return Ok(relation);
            }
        }
        Err(self.expected("`=`, `!=`, `<`, `<=`, `>` or `>=`"))
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.skip_if(|token| matches!(token, Token::Word(text, false) if text == word))
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.skip_if(|token| matches!(token, Token::Sign(text) if *text == sign))
    }

    fn skip_if(&mut self, is_it: impl Fn(&Token) -> bool) -> bool {
        let found = self.tokens.get(self.next).is_some_and(|(_, token)| is_it(token));
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, expected: &'static str) -> Result<String, RouteError> {
        self.known(expected, |text| Some(text.to_owned()))
    }

    fn known<T>(
        &mut self,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, RouteError> {
        let Some((_, Token::Word(text, _))) = self.tokens.get(self.next) else {
            return Err(self.expected(expected));
        };
        let value = read(text).ok_or_else(|| self.expected(expected))?;
        self.next += 1;
        Ok(value)
    }

    fn expected(&self, expected: &'static str) -> RouteError {
        RouteError { at: self.tokens.get(self.next).map_or(self.end, |(at, _)| *at), expected }
    }
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

fn severity(text: &str) -> Option<Severity> {
    let mut all = (0..8).filter_map(Pri::from_number).map(Pri::severity);
    all.find(|severity| severity.name() == text)
}

fn facility(text: &str) -> Option<Facility> {
    let mut all = (0..24).filter_map(|number| Pri::from_number(number * 8)).map(Pri::facility);
    all.find(|facility| facility.name() == text)
}

/// `not` and parentheses within each other.
const MOST_DEPTH: u32 = 32;
