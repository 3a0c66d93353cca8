//! Which packets to keep: a small filter language in tcpdump's words, compiled to classic BPF.
//!
//! ```
//! use ring_capture::LinkType;
//! use ring_capture::filter::Filter;
//!
//! let filter = Filter::parse("tcp port 443 or 8443 and !host 192.0.2.7")?;
//! assert_eq!(filter.to_string(), "tcp port 443 or tcp port 8443 and not host 192.0.2.7");
//! let program = filter.compile(LinkType::Ethernet, 65_535)?;
//! assert!(!program.matches(&[0; 60]));
//!
//! let error = Filter::parse("tcp prot 443").unwrap_err();
//! assert_eq!(error.to_string(), "unknown word `prot` at column 5: did you mean `port`?");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! | | matches |
//! |---|---|
//! | `ip` `ip6` `arp` | what the link header says |
//! | `tcp` `udp` `sctp` | the protocol over IPv4 (every fragment) or IPv6 (at once, or behind one fragment header) |
//! | `icmp` `icmp6` | ICMP over IPv4, over IPv6 |
//! | `[ip\|ip6\|arp] [src\|dst] host A` | an address; a bare IPv4 address also inside ARP and RARP, as sender or target |
//! | `[ip\|ip6\|arp] [src\|dst] net A/LEN` | a network; bits beyond the length must be 0 |
//! | `[tcp\|udp\|sctp] [src\|dst] port N` | a port, not in later IPv4 fragments, not behind IPv6 extension headers |
//! | `[tcp\|udp\|sctp] [src\|dst] portrange A-B` | ports from A to B, both included |
//! | `less N` `greater N` | at most, at least N bytes before anything was cut off |
//! | `and` `&&`, `or` `\|\|`, `not` `!`, `( )` | |
//!
//! As in tcpdump, `and` and `or` bind equally and to the left: `a or b and c` is `(a or b) and c`.
//! `src or dst` and `src and dst` are directions too, the first is the default. A bare operand
//! repeats the words before it: `port 80 or 443`, `src host (10.0.0.1 or 10.0.0.2)`; `host` may
//! be left out where nothing else could be meant. Names are never looked up, neither hosts nor
//! services.
//!
//! As in every classic BPF program, a frame that ends before a byte that is asked for does not
//! match, whatever `not` stands in front: a question that cannot be answered rejects.
//!
//! # VLAN tags
//!
//! The kernel takes the outermost tag out of a frame before a socket's filter runs, so a filter on
//! a live capture sees tagged packets as if they were untagged, and `less` and `greater` do not
//! count the tag (4 bytes); `afpacket` puts it back afterwards. In a file the tag is part
//! of the frame, and, as with tcpdump, `ip` and all that needs it does not match there. tcpdump's
//! own `vlan`, which shifts the meaning of every word to the right of it, is refused by name.

mod expr;
mod lex;
mod error;
mod parse;
mod machine;
mod assemble;
mod layout;
mod primitive;
mod compile;

use std::fmt;
use std::str::FromStr;

use crate::packet::LinkType;
pub use assemble::MAX_INSTRUCTIONS;
pub use compile::{CompileError, Program};
pub use error::FilterError;
use expr::Expr;
pub use machine::{Instruction, run};
pub use parse::MAX_DEPTH;

/// A parsed filter expression. Its `Display` is canonical: it spells out what was left out, and
/// parses to the same filter again; what pcapng's `if_filter` should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expr: Expr,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// See [`FilterError`]: each names the column, what stands there and what to write instead.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|expr| Self { expr })
    }

    /// Translates for frames of one link type. What matches keeps its first `snaplen` bytes.
    ///
    /// # Errors
    ///
    /// See [`CompileError`]: a link type without IP, a filter that is too long for the kernel or
    /// cannot match anything on this link, a `snaplen` of 0.
    pub fn compile(&self, link: LinkType, snaplen: u32) -> Result<Program, CompileError> {
        compile::compile(&self.expr, link, snaplen)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}
