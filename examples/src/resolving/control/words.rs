//! What can be said, on the command line and on the socket alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use clap::Parser;
use dns_core::{Name, RecordType};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub(super) enum Verb {
    /// Forget cached answers
    #[command(group(clap::ArgGroup::new("which").required(true).args(["name", "all"])))]
    Purge {
        /// Those of this name
        #[arg(value_name = "NAME")]
        name: Option<Name>,
        /// Only those of this type
        #[arg(long = "type", value_name = "TYPE", requires = "name")]
        rtype: Option<RecordType>,
        /// And of all names below it
        #[arg(long, requires = "name")]
        suffix: bool,
        /// All of them
        #[arg(long)]
        all: bool,
    },
    /// Show cached answers, one JSON object a line
    Inspect {
        /// Those of this name
        #[arg(value_name = "NAME")]
        name: Name,
        /// Only those of this type
        #[arg(long = "type", value_name = "TYPE")]
        rtype: Option<RecordType>,
        /// And of all names below it
        #[arg(long)]
        suffix: bool,
    },
    /// Put records into the cache, as NAME TTL TYPE DATA; several with `;` between
    Inject {
        /// The records
        #[arg(
            value_name = "RECORD",
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        records: Vec<String>,
    },
    /// Say which layer answers, what the cache holds, whom it asks and how long that takes
    Explain {
        /// The name
        #[arg(value_name = "NAME")]
        name: Name,
        /// The record type
        #[arg(value_name = "TYPE", default_value = "A")]
        rtype: RecordType,
        /// As if this address asked
        #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
        client: IpAddr,
    },
    /// Read zones, hosts and overlay again, as SIGHUP does, and say whether they were taken
    Reload,
    /// Ask the primaries of a zone that other servers send for a newer one
    Refresh {
        /// Where the zone begins
        #[arg(value_name = "ZONE")]
        zone: Name,
    },
    /// Show counts since the start, and the servers that are asked, as one JSON object
    Stats,
}

/// One line on the socket.
#[derive(Debug, Parser)]
#[command(multicall = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

impl Verb {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub(super) fn read(line: &str) -> Result<Verb, String> {
        // Records keep the spaces in their strings.
        let line = line.trim();
        let words = match line.split_once(char::is_whitespace) {
            Some(("inject", records)) => vec!["inject", records],
            _ => line.split_whitespace().collect(),
        };
        let read = Line::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        });
        read.map(|line| line.verb)
    }
}

impl fmt::Display for Verb {
    /// The line that [`read`](Verb::read) reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = |f: &mut fmt::Formatter<'_>, rtype: &Option<RecordType>, suffix: bool| {
            if let Some(rtype) = rtype {
                write!(f, " --type {rtype}")?;
            }
            f.write_str(if suffix { " --suffix" } else { "" })
        };
        match self {
            Verb::Purge { name: Some(name), rtype, suffix, .. } => {
                write!(f, "purge {name}")?;
                rest(f, rtype, *suffix)
            }
            Verb::Purge { .. } => f.write_str("purge --all"),
            Verb::Inspect { name, rtype, suffix } => {
                write!(f, "inspect {name}")?;
                rest(f, rtype, *suffix)
            }
            Verb::Inject { records } => {
                write!(f, "inject {}", records.join(" ").replace('\n', ";"))
            }
            Verb::Explain { name, rtype, client } => {
                write!(f, "explain {name} {rtype} --client {client}")
            }
            Verb::Reload => f.write_str("reload"),
            Verb::Refresh { zone } => write!(f, "refresh {zone}"),
            Verb::Stats => f.write_str("stats"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for line in [
            "purge www.example. --type AAAA",
            "purge example. --suffix",
            "purge --all",
            "inspect example. --type A --suffix",
            "inject x.example. 300 TXT \"two  spaces\"; y.example. 1 A 192.0.2.1",
            "explain example. MX --client 192.0.2.7",
            "reload",
            "refresh corp.",
            "stats",
        ] {
            let verb = Verb::read(line).expect(line);
            assert_eq!(verb.to_string(), line);
            assert_eq!(Verb::read(&verb.to_string()), Ok(verb));
        }
        for line in
            ["", "purge", "purge a. --all", "purge --type A", "inject", "nonsense", "stats now"]
        {
            let error = Verb::read(line).expect_err(line);
            assert!(!error.is_empty() && !error.contains('\n'), "{line}: {error:?}");
        }
    }
}
