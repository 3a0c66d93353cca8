//! The sink that writes JSON Lines to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::stats::SinkState;
use super::subscription::received;
use crate::cursor::Cursor;
use crate::envelope::{Envelope, KIND};
use crate::parse::{Policy, parse};
use crate::wal::Record;

/// Runs on a thread of its own: disks block.
#[derive(Debug)]
pub(super) struct FileSink {
    pub(super) cursor: Cursor,
    pub(super) state: Arc<SinkState>,
    pub(super) policy: Policy,
    pub(super) file: File,
    /// Whether lines are synced before the cursor moves.
    pub(super) sync: bool,
}

impl FileSink {
    /// Writes until the log is closed and read to its end.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        while let Some(record) = self.cursor.wait_next()? {
            let mut last = record.position;
            let mut count = self.line(&record, &mut lines);
            while lines.len() < BATCH_BYTES
                && let Some(record) = self.cursor.try_next()?
            {
                count += self.line(&record, &mut lines);
                last = record.position;
            }
            self.file.write_all(&lines)?;
            if self.sync {
                self.file.sync_data()?;
            }
            self.cursor.commit(last)?;
            self.state.done(count, last);
            lines.clear();
            lines.shrink_to(2 * BATCH_BYTES);
        }
        self.cursor.sync()
    }

    fn line(&self, record: &Record, lines: &mut Vec<u8>) -> u64 {
        if record.kind != KIND {
            return 0;
        }
        let envelope = Envelope::decode(&record.payload);
        parse(envelope.frame, received(record), &self.policy).write_json(lines);
        lines.push(b'\n');
        1
    }
}

/// Opens the file to append. A line torn by a crash is cut off: its record was not committed and
/// comes again whole. The second value says whether it is a plain file, which can be synced.
pub(super) fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok((file, false));
    }
    let start = metadata.len().saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let torn = tail.len() - tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = &tail[tail.len() - torn..];
    let shortest = line.len().min(LINE_START.len());
    if torn > 0 && line[..shortest] == LINE_START[..shortest] {
        file.set_len(metadata.len() - torn as u64)?;
    } else if torn > 0 {
        // Not ours: ended, never removed.
        file.write_all(b"\n")?;
    }
    Ok((file, true))
}

const BATCH_BYTES: usize = 256 * 1024;
/// A record of 1 MiB takes at most six times that as JSON.
const LONGEST_LINE: u64 = 8 << 20;
const LINE_START: &[u8] = b"{\"facility\":";
