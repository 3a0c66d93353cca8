//! `watch silence`: the file of silences that live tasks follow, listed and edited.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use anomaly::{UnixNanos, Zone};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::silences::edit::{self, New, Word};
use crate::silences::{Entry, parse, read};
use crate::watch_live::now;

/// List, add and end silences in the file that live tasks follow (--silences)
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The file of silences
    #[arg(long, value_name = "FILE", global = true, default_value = "silences.toml")]
    pub silences: PathBuf,
    /// The zone whose local time weekly windows without one of their own follow
    #[arg(long, value_name = "ZONE", global = true, default_value = "UTC")]
    pub zone: String,
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Task {
    /// What the file says, in order; also whether it is in order
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
    },
    /// Silence series from now on
    Add(Add),
    /// End a silence now
    Expire {
        /// Its number, as `list` shows it
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

/// A new silence: it ends, or says that it comes back every week.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("end").required(true).multiple(true).args(["lasts", "until", "weekly"]))]
struct Add {
    /// Which series, like 'host="db1", site=~"bonn.*"'
    #[arg(value_name = "MATCHERS")]
    matchers: String,
    /// How long
    #[arg(long = "for", id = "lasts", value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "until")]
    lasts: Option<Duration>,
    /// When it ends, like 2026-11-22T08:00:00Z
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// When it begins; at once otherwise
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// In these hours of every week alone, like 'Sat,Sun 02:00-04:00'
    #[arg(long, value_name = "DAYS HOURS")]
    weekly: Option<String>,
    /// What for
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Who says so; who is logged in otherwise
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

/// Does it, and writes the silences in question: one JSON object a line, or a table on a terminal.
///
/// # Errors
///
/// When the file is not in order, with file and line, or cannot be written, or there is no such
/// silence.
pub fn run(args: &Args) -> Result<()> {
    let zone = Zone::named(&args.zone)?;
    let (path, now) = (&args.silences, now());
    let shown = match &args.task {
        Task::List { all } => {
            let text = read(path)?.with_context(|| {
                format!("{} is not there: give --silences FILE, or add one", path.display())
            })?;
            let mut entries = parse(path, &text, &zone)?;
            entries.retain(|entry| *all || entry.state(now) != "expired");
            entries
        }
        Task::Add(new) => vec![edit::add(path, &new.words(now)?, &zone, now)?],
        Task::Expire { ids } => {
            let over = ids.iter().map(|id| edit::expire(path, id, &zone, now));
            over.collect::<Result<Vec<_>>>()?.concat()
        }
    };
    let mut out = io::stdout().lock();
    let plain = out.is_terminal();
    let write = |entry: &Entry| {
        if plain { line(&mut out, entry, now) } else { writeln!(out, "{}", object(entry, now)) }
    };
    match shown.iter().try_for_each(write) {
        // Who read it is gone: no fault of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

impl Add {
    fn words(&self, now: UnixNanos) -> Result<New> {
        let from = self.from.map(instant).transpose()?;
        let lasts = self.lasts.map(|lasts| from.unwrap_or(now).after(lasts));
        let until = self.until.map(instant).transpose()?.or(lasts);
        let text = |text: &Option<String>| text.clone().map(Word::Text);
        let words = [
            ("matchers", Some(Word::Text(self.matchers.clone()))),
            ("from", Some(Word::At(from.unwrap_or(now)))),
            ("until", until.map(Word::At)),
            ("weekly", text(&self.weekly)),
            ("comment", text(&self.comment)),
            ("author", text(&self.author).or_else(|| std::env::var("USER").ok().map(Word::Text))),
        ];
        let words = words.into_iter().filter_map(|(key, word)| Some((key, word?)));
        Ok(New { words: words.collect() })
    }
}

fn instant(at: Timestamp) -> Result<UnixNanos> {
    Ok(UnixNanos::new(i64::try_from(at.as_nanosecond()).context("too far away")?))
}

fn object(entry: &Entry, now: UnixNanos) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", entry.id.clone().into());
    put("state", entry.state(now).into());
    put("matchers", entry.matchers.to_string().into());
    let nanos = |at: Option<UnixNanos>| json!(at.map(UnixNanos::as_nanos));
    put("from_ns", nanos(entry.from));
    put("until_ns", nanos(entry.until));
    put("weekly", json!(entry.weekly.map(|window| window.to_string())));
    put("comment", json!(entry.comment));
    put("author", json!(entry.author));
    Value::Object(object)
}

fn line(out: &mut impl Write, entry: &Entry, now: UnixNanos) -> io::Result<()> {
    let at = |at: UnixNanos| Timestamp::from_second(at.as_nanos().div_euclid(1_000_000_000));
    let shown = |word: &str, when: Option<UnixNanos>| {
        when.and_then(|when| at(when).ok()).map(|at| format!("  {word} {at}")).unwrap_or_default()
    };
    write!(out, "{}  {:<7}  {}", entry.id, entry.state(now), entry.matchers)?;
    write!(out, "{}{}", shown("from", entry.from), shown("until", entry.until))?;
    if let Some(window) = entry.weekly {
        write!(out, "  {window}")?;
    }
    for text in entry.author.iter().chain(&entry.comment) {
        write!(out, "  {}", text.escape_debug())?;
    }
    writeln!(out)
}
