//! What can be wrong with an expression, said so that it can be mended.

/// Why a text is not a filter. Columns count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There is nothing but space.
    #[error("the filter is empty: leave it out to keep every packet")]
    Empty,
    /// A word of no meaning.
    #[error("unknown word `{word}` at column {column}: {}", mend(*.meant))]
    UnknownWord {
        /// As written, cut to 40 characters.
        word: String,
        /// Where it starts.
        column: usize,
        /// A word that looks like it.
        meant: Option<&'static str>,
    },
    /// A word of tcpdump's that this language leaves out.
    #[error("`{word}` at column {column} is not supported: {instead}")]
    Unsupported {
        /// As written, cut to 40 characters.
        word: String,
        /// Where it starts.
        column: usize,
        /// What to do without it.
        instead: &'static str,
    },
    /// Something else should stand here.
    #[error("found {} at column {column}, expected {expected}", quoted(.found))]
    Unexpected {
        /// As written, cut to 40 characters; empty at the end of the text.
        found: String,
        /// Where it starts.
        column: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// A network with bits set beyond its length.
    #[error("`{found}` at column {column} has bits beyond its length: did you mean `{meant}`?")]
    StrayBits {
        /// As written.
        found: String,
        /// Where it starts.
        column: usize,
        /// The network it lies in.
        meant: String,
    },
    /// An IPv6 address for `ip` or `arp`, or an IPv4 address for `ip6`.
    #[error("`{found}` at column {column} is no address of `{layer}`: leave `{layer}` out")]
    WrongFamily {
        /// The address, as written.
        found: String,
        /// Where it starts.
        column: usize,
        /// The word before it.
        layer: &'static str,
    },
    /// `icmp port 80`: what carries no ports.
    #[error("`{protocol}` at column {column} has no ports: write `tcp`, `udp`, `sctp` or nothing")]
    NoPorts {
        /// The protocol's word.
        protocol: &'static str,
        /// Where it starts.
        column: usize,
    },
    /// `udp host 10.0.0.1`: what carries no addresses of its own.
    #[error("`{protocol}` at column {column} has no addresses: write `{protocol} and` before them")]
    NoAddresses {
        /// The protocol's word.
        protocol: &'static str,
        /// Where it starts.
        column: usize,
    },
    /// A parenthesis without its partner.
    #[error("the parenthesis at column {column} is never closed: add `)`")]
    Unclosed {
        /// Where it opens.
        column: usize,
    },
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) of `(` and `not` within each other.
    #[error("nested more than {max} deep at column {column}: take some parentheses out")]
    TooDeep {
        /// Where it goes too deep.
        column: usize,
        /// What is allowed.
        max: usize,
    },
}

impl FilterError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::UnknownWord { .. } => "unknown_word",
            Self::Unsupported { .. } => "unsupported",
            Self::Unexpected { .. } => "unexpected",
            Self::StrayBits { .. } => "stray_bits",
            Self::WrongFamily { .. } => "wrong_family",
            Self::NoPorts { .. } => "no_ports",
            Self::NoAddresses { .. } => "no_addresses",
            Self::Unclosed { .. } => "unclosed",
            Self::TooDeep { .. } => "too_deep",
        }
    }

    /// Where it is, in characters from 1.
    pub fn column(&self) -> usize {
        match self {
            Self::Empty => 1,
            Self::UnknownWord { column, .. }
            | Self::Unsupported { column, .. }
            | Self::Unexpected { column, .. }
            | Self::StrayBits { column, .. }
            | Self::WrongFamily { column, .. }
            | Self::NoPorts { column, .. }
            | Self::NoAddresses { column, .. }
            | Self::Unclosed { column }
            | Self::TooDeep { column, .. } => *column,
        }
    }
}

fn mend(meant: Option<&'static str>) -> String {
    match meant {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("the words are {}", WORDS.join(", ")),
    }
}

fn quoted(found: &str) -> String {
    if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") }
}

/// A word that is none of ours: the error says which is near, or why it is left out.
pub(super) fn unknown(word: &str, column: usize) -> FilterError {
    let shown = cut(word);
    if word.contains('[') {
        return FilterError::Unsupported { word: shown, column, instead: NO_BYTES };
    }
    if let Some((_, instead)) = LEFT_OUT.iter().find(|(known, _)| *known == word) {
        return FilterError::Unsupported { word: shown, column, instead };
    }
    let lower = shown.to_lowercase();
    let near = WORDS.into_iter().map(|known| (distance(&lower, known), known)).min();
    let meant = near.filter(|(d, known)| *d <= known.len() / 3).map(|(_, known)| known);
    FilterError::UnknownWord { word: shown, column, meant }
}

/// The first 40 characters: an error need not repeat a megabyte.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// How many letters to change, add, take away or swap with their neighbour (optimal string
/// alignment).
fn distance(one: &str, other: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

const WORDS: [&str; 19] = [
    "host",
    "net",
    "port",
    "portrange",
    "src",
    "dst",
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "less",
    "greater",
    "and",
    "or",
    "not",
];

const NO_BYTES: &str = "bytes of a packet cannot be named";
const NO_LINK: &str = "addresses and types of the link cannot be named";
const NO_VLAN: &str = "leave it out, live captures are filtered as if they had no tags";
const NO_PROTOCOL: &str = "the protocols are ip, ip6, arp, tcp, udp, sctp, icmp and icmp6";

/// Words that tcpdump knows and people may try.
const LEFT_OUT: [(&str, &str); 18] = [
    ("ah", NO_PROTOCOL),
    ("broadcast", NO_LINK),
    ("esp", NO_PROTOCOL),
    ("ether", NO_LINK),
    ("gateway", NO_LINK),
    ("igmp", NO_PROTOCOL),
    ("inbound", "choose directions where the socket is opened"),
    ("len", "write `less N` or `greater N`"),
    ("mask", "write the length behind the network, as in `net 10.0.0.0/8`"),
    ("mpls", NO_LINK),
    ("multicast", "write `net 224.0.0.0/4` or `net ff00::/8`"),
    ("outbound", "choose directions where the socket is opened"),
    ("pim", NO_PROTOCOL),
    ("proto", NO_PROTOCOL),
    ("protochain", NO_PROTOCOL),
    ("rarp", NO_PROTOCOL),
    ("vlan", NO_VLAN),
    ("vrrp", NO_PROTOCOL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_is_one_step() {
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("", "port"), 4);
        assert_eq!(distance("hots", "host"), 1);
        assert_eq!(distance("udp", "tcp"), 2);
    }

    #[test]
    fn near_words_are_offered_and_far_ones_listed() {
        let meant = |word: &str| match unknown(word, 1) {
            FilterError::UnknownWord { meant, .. } => meant,
            other => panic!("{other}"),
        };
        assert_eq!(meant("prot"), Some("port"));
        assert_eq!(meant("TCP"), Some("tcp"));
        assert_eq!(meant("portange"), Some("portrange"));
        assert_eq!(meant("&"), None);
        assert_eq!(meant("xyzzy"), None);
        assert_eq!(meant(&"é".repeat(1000)), None);
        assert!(unknown("xyzzy", 1).to_string().contains("host, net, port"));
    }
}
