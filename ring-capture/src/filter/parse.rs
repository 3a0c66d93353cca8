//! From words to the tree: recursive descent with one bound for depth.

use std::net::IpAddr;

use super::error::{FilterError, cut, unknown};
use super::expr::{Expr, Joint, Layer, Net, Protocol, Side, Transport};
use super::lex::{Kind, Token, tokens};

/// How deep `(` and `not` may nest.
pub const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Expr, FilterError> {
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Err(FilterError::Empty);
    }
    let end = text.chars().count() + 1;
    let bare = Words { protocol: None, side: Side::Either, kind: None };
    let mut parser = Parser { tokens: &tokens, end, inherited: Some(bare), operands_only: false };
    let expr = parser.chain(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(Token { kind: Kind::Word(word), column, .. }) if !is_known(word) => {
            Err(unknown(word, column))
        }
        Some(_) => Err(parser.unexpected("`and`, `or` or the end")),
    }
}

/// What stands before an operand.
#[derive(Clone, Copy)]
struct Words {
    protocol: Option<(Protocol, usize)>,
    side: Side,
    kind: Option<Operand>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Host,
    Net,
    Port,
    PortRange,
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    /// The column behind the last character.
    end: usize,
    /// The words a bare operand repeats; `None` where the last primitive had no operand.
    inherited: Option<Words>,
    /// Inside the parentheses of `port (80 or 443)`.
    operands_only: bool,
}

impl<'a> Parser<'a> {
    fn chain(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let first = self.term(depth)?;
        let mut rest = Vec::new();
        while let Some(joint) = self.joint() {
            self.advance();
            rest.push((joint, self.term(depth)?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Chain(Box::new(first), rest) })
    }

    fn term(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let Some(token) = self.peek() else { return Err(self.unexpected(PRIMITIVE)) };
        match token.kind {
            Kind::Open | Kind::Not if depth == MAX_DEPTH => {
                Err(FilterError::TooDeep { column: token.column, max: MAX_DEPTH })
            }
            Kind::Not => {
                self.advance();
                Ok(Expr::Not(Box::new(self.term(depth + 1)?)))
            }
            Kind::Open => self.group(token.column, depth + 1),
            Kind::Word(word) if self.operands_only => {
                let words = self.inherited.ok_or_else(|| self.unexpected(PRIMITIVE))?;
                self.operand(words, word)
            }
            Kind::Word(word) => self.primitive(word, depth),
            Kind::Close | Kind::And | Kind::Or => Err(self.unexpected(PRIMITIVE)),
        }
    }

    fn group(&mut self, opened: usize, depth: usize) -> Result<Expr, FilterError> {
        self.advance();
        let expr = self.chain(depth)?;
        match self.peek() {
            Some(Token { kind: Kind::Close, .. }) => {
                self.advance();
                Ok(expr)
            }
            None => Err(FilterError::Unclosed { column: opened }),
            Some(Token { kind: Kind::Word(word), column, .. }) if !is_known(word) => {
                Err(unknown(word, column))
            }
            Some(_) => Err(self.unexpected("`and`, `or` or `)`")),
        }
    }

    fn primitive(&mut self, word: &'a str, depth: usize) -> Result<Expr, FilterError> {
        if word == "less" || word == "greater" {
            self.advance();
            self.inherited = None;
            let bytes = self.number(LENGTH)?;
            return Ok(if word == "less" { Expr::AtMost(bytes) } else { Expr::AtLeast(bytes) });
        }
        if looks_like_operand(word) {
            let words = self.inherited.ok_or_else(|| self.unexpected(WORDS_FIRST))?;
            return self.operand(words, word);
        }
        if !is_known(word) {
            return Err(self.unknown(word));
        }
        let words = self.words();
        match (self.peek(), words) {
            (Some(Token { kind: Kind::Open, column, .. }), Words { side, kind, .. })
                if kind.is_some() || side != Side::Either =>
            {
                if depth == MAX_DEPTH {
                    return Err(FilterError::TooDeep { column, max: MAX_DEPTH });
                }
                self.inherited = Some(words);
                self.operands_only = true;
                let group = self.group(column, depth + 1);
                self.operands_only = false;
                group
            }
            (Some(Token { kind: Kind::Word(next), .. }), Words { side, kind, .. })
                if kind.is_some() || side != Side::Either || looks_like_operand(next) =>
            {
                self.operand(words, next)
            }
            (_, Words { protocol: Some((protocol, _)), side: Side::Either, kind: None }) => {
                self.inherited = None;
                Ok(Expr::Protocol(protocol))
            }
            _ => Err(self.unexpected(words.expected())),
        }
    }

    /// A protocol, a side and a kind, in this order, each of which may be missing.
    fn words(&mut self) -> Words {
        let mut words = Words { protocol: None, side: Side::Either, kind: None };
        if let Some((word, column)) = self.word()
            && let Some(protocol) = protocol(word)
        {
            self.advance();
            words.protocol = Some((protocol, column));
        }
        let one = self.word().and_then(|(word, _)| side(word));
        if let Some(one) = one {
            self.advance();
            words.side = one;
            // `src or dst`, `dst and src`: a direction, for no operand stands between.
            let other = self.tokens.get(1).and_then(|next| side(next.text));
            if let (Some(joint), Some(other)) = (self.joint(), other)
                && other != one
            {
                self.advance();
                self.advance();
                words.side = if joint == Joint::And { Side::Both } else { Side::Either };
            }
        }
        if let Some(kind) = self.word().and_then(|(word, _)| operand_kind(word)) {
            self.advance();
            words.kind = Some(kind);
        }
        words
    }

    /// What the words are about. `text` is the next token.
    fn operand(&mut self, words: Words, text: &str) -> Result<Expr, FilterError> {
        self.inherited = Some(words);
        let Words { side, protocol, kind } = words;
        if kind.is_none() && decimal::<u32>(text).is_some() {
            return Err(self.unexpected("`port` before a number, or an address"));
        }
        if is_known(text) {
            return Err(self.unexpected(words.expected()));
        }
        if kind.is_none() && !looks_like_operand(text) {
            return Err(self.unknown(text));
        }
        let expr = match kind.unwrap_or(Operand::Host) {
            Operand::Host => {
                let layer = addressed(protocol)?;
                let address = text.parse().map_err(|_| self.unexpected(words.expected()))?;
                Expr::Address { layer, side, net: Net::host(self.of(layer, address)?) }
            }
            Operand::Net => {
                let layer = addressed(protocol)?;
                Expr::Address { layer, side, net: self.net(layer, text)? }
            }
            Operand::Port => {
                let transport = ported(protocol)?;
                let port = decimal(text).ok_or_else(|| self.unexpected(PORT))?;
                Expr::Port { transport, side, low: port, high: port }
            }
            Operand::PortRange => {
                let transport = ported(protocol)?;
                let range = text.split_once('-');
                let ends = range.and_then(|(a, b)| Some((decimal::<u16>(a)?, decimal::<u16>(b)?)));
                let (a, b) = ends.ok_or_else(|| self.unexpected(PORT_RANGE))?;
                Expr::Port { transport, side, low: a.min(b), high: a.max(b) }
            }
        };
        self.advance();
        Ok(expr)
    }

    fn net(&self, layer: Option<Layer>, text: &str) -> Result<Net, FilterError> {
        let parts = text.split_once('/');
        let net = parts.and_then(|(a, len)| Net::new(a.parse().ok()?, decimal(len)?));
        let net = net.ok_or_else(|| self.unexpected(NETWORK))?;
        self.of(layer, net.address)?;
        let trimmed = net.trimmed();
        if net != trimmed {
            return Err(FilterError::StrayBits {
                found: cut(text),
                column: self.column(),
                meant: format!("{}/{}", trimmed.address, trimmed.prefix),
            });
        }
        Ok(net)
    }

    /// The address, if the layer has such.
    fn of(&self, layer: Option<Layer>, address: IpAddr) -> Result<IpAddr, FilterError> {
        match layer {
            Some(layer) if (layer == Layer::Ip6) != address.is_ipv6() => {
                let (found, column) = (cut(self.text()), self.column());
                Err(FilterError::WrongFamily { found, column, layer: layer.word() })
            }
            _ => Ok(address),
        }
    }

    fn number(&mut self, expected: &'static str) -> Result<u32, FilterError> {
        let number = decimal(self.text()).ok_or_else(|| self.unexpected(expected))?;
        self.advance();
        Ok(number)
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.first().copied()
    }

    fn word(&self) -> Option<(&'a str, usize)> {
        match self.peek()? {
            Token { kind: Kind::Word(word), column, .. } => Some((word, column)),
            _ => None,
        }
    }

    fn joint(&self) -> Option<Joint> {
        match self.peek()?.kind {
            Kind::And => Some(Joint::And),
            Kind::Or => Some(Joint::Or),
            _ => None,
        }
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.split_first().map_or(&[], |(_, rest)| rest);
    }

    fn text(&self) -> &'a str {
        self.peek().map_or("", |token| token.text)
    }

    fn column(&self) -> usize {
        self.peek().map_or(self.end, |token| token.column)
    }

    fn unexpected(&self, expected: &'static str) -> FilterError {
        FilterError::Unexpected { found: cut(self.text()), column: self.column(), expected }
    }

    fn unknown(&self, word: &str) -> FilterError {
        unknown(word, self.column())
    }
}

impl Words {
    fn expected(&self) -> &'static str {
        match self.kind {
            None => "`host`, `net`, `port` or `portrange`, or an address",
            Some(Operand::Host) => "an address such as 10.0.0.1 or 2001:db8::1 (networks: `net`)",
            Some(Operand::Net) => NETWORK,
            Some(Operand::Port) => PORT,
            Some(Operand::PortRange) => PORT_RANGE,
        }
    }
}

fn addressed(protocol: Option<(Protocol, usize)>) -> Result<Option<Layer>, FilterError> {
    match protocol {
        None => Ok(None),
        Some((Protocol::Layer(layer), _)) => Ok(Some(layer)),
        Some((other, column)) => Err(FilterError::NoAddresses { protocol: other.word(), column }),
    }
}

fn ported(protocol: Option<(Protocol, usize)>) -> Result<Option<Transport>, FilterError> {
    match protocol {
        None => Ok(None),
        Some((Protocol::Transport(transport), _)) => Ok(Some(transport)),
        Some((other, column)) => Err(FilterError::NoPorts { protocol: other.word(), column }),
    }
}

fn protocol(word: &str) -> Option<Protocol> {
    Some(match word {
        "ip" => Protocol::Layer(Layer::Ip),
        "ip6" => Protocol::Layer(Layer::Ip6),
        "arp" => Protocol::Layer(Layer::Arp),
        "tcp" => Protocol::Transport(Transport::Tcp),
        "udp" => Protocol::Transport(Transport::Udp),
        "sctp" => Protocol::Transport(Transport::Sctp),
        "icmp" => Protocol::Icmp,
        "icmp6" => Protocol::Icmp6,
        _ => return None,
    })
}

fn side(word: &str) -> Option<Side> {
    match word {
        "src" => Some(Side::Source),
        "dst" => Some(Side::Destination),
        _ => None,
    }
}

fn operand_kind(word: &str) -> Option<Operand> {
    Some(match word {
        "host" => Operand::Host,
        "net" => Operand::Net,
        "port" => Operand::Port,
        "portrange" => Operand::PortRange,
        _ => return None,
    })
}

fn is_known(word: &str) -> bool {
    protocol(word).is_some()
        || side(word).is_some()
        || operand_kind(word).is_some()
        || matches!(word, "less" | "greater")
}

/// No word of the language starts with a digit or has a colon.
fn looks_like_operand(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) || word.contains(':')
}

/// Digits only, and no leading 0, which tcpdump would read as octal.
fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

const PRIMITIVE: &str = "a primitive such as `tcp`, `host 10.0.0.1` or `port 443`";
const WORDS_FIRST: &str = "a word such as `host` or `port` before it";
const NETWORK: &str = "a network such as 10.0.0.0/8 or 2001:db8::/32";
const PORT: &str = "a port from 0 to 65535 (ranges: `portrange`)";
const PORT_RANGE: &str = "a range of ports such as 6000-6008";
const LENGTH: &str = "a number of bytes";
