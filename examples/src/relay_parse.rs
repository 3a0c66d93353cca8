//! `relay parse`: a message a line in, an object a line out.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::timestamp::Timestamp;

/// Read a syslog message a line from standard input and write each as a JSON object
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The year of timestamps that have none; unless given, the latest that puts them into the past
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(1970..2100))]
    pub year: Option<i32>,
    /// Seconds east of UTC at which senders keep clocks that do not say
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_hyphen_values = true,
        value_parser = clap::value_parser!(i32).range(-86_399..86_400))]
    pub utc_offset: i32,
}

/// Until standard input ends, or nobody reads standard output any more.
///
/// # Errors
///
/// When standard input cannot be read or standard output cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let policy = Policy {
        utc_offset_seconds: args.utc_offset,
        year: args.year.map_or(Year::FromReception, Year::Fixed),
    };
    // Not locked standard input itself: that does not tell what lies in its buffer.
    let mut input = BufReader::new(io::stdin());
    let mut out = BufWriter::new(io::stdout().lock());
    match objects(&mut input, &mut out, &policy) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("reading and writing"),
    }
}

fn objects<R: Read>(
    input: &mut BufReader<R>,
    out: &mut impl Write,
    policy: &Policy,
) -> io::Result<()> {
    let (mut line, mut object) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return out.flush();
        }
        let message = line.strip_suffix(b"\n").unwrap_or(&line);
        let message = message.strip_suffix(b"\r").unwrap_or(message);
        object.clear();
        parse(message, now(), policy).write_json(&mut object);
        object.push(b'\n');
        out.write_all(&object)?;
        // Whoever asks line by line is answered line by line.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ns(since.as_nanos() as i64)
}
