//! Triggers from the systemd journal: entries with fields `TLS_CLIENT`, `TLS_SERVER` and the others of
//! [`ring_capture::fields`], each behind `TLS_`.
//!
//! `journalctl` reads the files for us, as JSON, from now on; when it ends it is started again at the last
//! entry that was seen, which is left out here: `--after-cursor` leaves out the first entry whatever it is,
//! also where the one meant was deleted since. A cursor, and no match on its command line: together with
//! `--lines=0` or a match some versions pass over entries.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ring_capture::{FieldError, Trigger};
use serde_json::{Map, Value};

/// Where the journal is read.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// A folder of journal files other than the system's.
    pub folder: Option<PathBuf>,
    /// Behind the last entry seen.
    cursor: Option<String>,
}

impl Journal {
    /// The journal in a folder, or the system's.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, cursor: None }
    }

    /// Follows the journal until `stop`, and hands over each trigger. `journalctl` that ends or is not
    /// there is started again, after a second, then longer each time, up to half a minute.
    pub fn follow(mut self, stop: &AtomicBool, mut ask: impl FnMut(Trigger)) {
        let mut pause = FIRST_PAUSE;
        while !stop.load(Ordering::Relaxed) {
            let before = self.cursor.clone();
            match self.read_once(stop, &mut ask) {
                Ok(()) if stop.load(Ordering::Relaxed) => return,
                Ok(()) => tracing::warn!("journalctl ended, and is started again"),
                Err(error) => tracing::warn!(%error, "cannot follow the journal, trying again"),
            }
            pause = if self.cursor == before { (pause * 2).min(LAST_PAUSE) } else { FIRST_PAUSE };
            let mut left = pause;
            while !left.is_zero() && !stop.load(Ordering::Relaxed) {
                let step = left.min(Duration::from_millis(100));
                std::thread::sleep(step);
                left -= step;
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("journalctl");
        command.args(["--follow", "--output=json", "--all", "--no-pager", "--quiet"]);
        if let Some(folder) = &self.folder {
            command.arg("--directory").arg(folder);
        }
        match &self.cursor {
            Some(cursor) => command.args(["--no-tail", &format!("--cursor={cursor}")]),
            None => command.arg("--since=now"),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn read_once(&mut self, stop: &AtomicBool, ask: &mut impl FnMut(Trigger)) -> io::Result<()> {
        let mut child = Reaped(self.command().spawn()?);
        let output = child.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let pid = child.0.id();
        // Reading blocks; ending the child ends it. Whoever stops us has the thread watch for it.
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && !done.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(100));
                }
                // SAFETY: a signal to our own child, which has not been waited for yet.
                unsafe { libc::kill(pid.cast_signed(), libc::SIGTERM) };
            });
            let read = self.read(BufReader::new(output), ask);
            done.store(true, Ordering::Relaxed);
            read
        })
    }

    fn read(&mut self, mut entries: impl BufRead, ask: &mut impl FnMut(Trigger)) -> io::Result<()> {
        let (seen, mut line) = (self.cursor.clone(), Vec::new());
        loop {
            line.clear();
            let mut limited = (&mut entries).take(MOST_ENTRY);
            if limited.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if !line.ends_with(b"\n") {
                skip_line(&mut entries)?;
                continue;
            }
            let Ok(Value::Object(entry)) = serde_json::from_slice(&line) else { continue };
            if let Some(Value::String(cursor)) = entry.get("__CURSOR") {
                if seen.as_ref() == Some(cursor) {
                    continue;
                }
                self.cursor = Some(cursor.clone());
            }
            match trigger_of(&entry) {
                Some(Ok(trigger)) => ask(trigger),
                Some(Err(reason)) => {
                    tracing::warn!(%reason, "a journal entry asks for a recording in vain");
                }
                None => {}
            }
        }
    }
}

/// The rest of a line that is longer than any entry of interest.
fn skip_line(entries: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = entries.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(buffer.len(), |end| end + 1);
        entries.consume(taken);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// What an entry asks for; `None` when it is about something else. Fields that are there twice or are no
/// text come as arrays: of those the first text counts.
pub fn trigger_of(entry: &Map<String, Value>) -> Option<Result<Trigger, FieldError>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => values.iter().find_map(|v| v.as_str().map(str::to_owned)),
        _ => None,
    };
    let fields =
        entry.iter().filter_map(|(name, value)| Some((name.strip_prefix("TLS_")?, text(value)?)));
    let fields: Vec<(&str, String)> = fields.collect();
    if fields.is_empty() {
        return None;
    }
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
    Some(Trigger::from_fields(fields))
}

/// Ends and reaps `journalctl` however we leave.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A longer entry is passed over: journald cuts fields at 64 KiB by default.
const MOST_ENTRY: u64 = 4 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"__CURSOR":"s=1","MESSAGE":"slow","TLS_CLIENT":"192.0.2.7:1","TLS_SERVER":"192.0.2.1:443","TLS_START_NS":"5","TLS_TOTAL":["0.5"]}"#;

    fn read(text: &str) -> (Vec<Trigger>, Option<String>) {
        let (mut journal, mut asked) = (Journal::default(), Vec::new());
        journal.read(text.as_bytes(), &mut |trigger| asked.push(trigger)).expect("no error");
        (asked, journal.cursor)
    }

    #[test]
    fn entries_with_our_fields_are_triggers_and_others_move_the_cursor() {
        let other = r#"{"__CURSOR":"s=2","MESSAGE":null,"_PID":"1"}"#;
        let bad = r#"{"__CURSOR":"s=3","TLS_CLIENT":"nobody"}"#;
        let (asked, cursor) = read(&format!("{GOOD}\nno json\n{other}\n{bad}\n"));
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].at_ns, 500_000_005);
        assert_eq!(cursor.as_deref(), Some("s=3"));
    }

    #[test]
    fn the_entry_seen_last_is_left_out_and_what_came_in_its_place_is_not() {
        for (first, triggers) in [("s=1", 1), ("s=2", 2)] {
            let mut journal = Journal { folder: None, cursor: Some("s=1".into()) };
            let asked_for = journal.command();
            let args: Vec<_> = asked_for.get_args().filter_map(|arg| arg.to_str()).collect();
            assert!(args.contains(&"--cursor=s=1") && args.contains(&"--no-tail"), "{args:?}");
            let text = [first, "s=3"].map(|cursor| GOOD.replace("s=1", cursor)).join("\n") + "\n";
            let mut asked = 0;
            journal.read(text.as_bytes(), &mut |_| asked += 1).expect("no error");
            assert_eq!((asked, journal.cursor.as_deref()), (triggers, Some("s=3")), "{first}");
        }
    }

    #[test]
    fn an_entry_of_any_length_is_survived() {
        let long = "x".repeat(MOST_ENTRY as usize + 10);
        let (asked, _) = read(&format!("{{\"MESSAGE\":\"{long}\"}}\n{GOOD}\n"));
        assert_eq!(asked.len(), 1);
        // Half an entry at the end is none.
        assert_eq!(read(&GOOD[..GOOD.len() - 2]).0.len(), 0);
    }
}
