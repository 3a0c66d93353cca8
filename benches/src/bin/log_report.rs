//! Parsing and framing against peers as ratios, and the log: `cargo run --release --bin log_report`.
//!
//! CPU time of the thread, every candidate in turn round after round, medians.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result};
use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::frame::Decoder;
use log_pipeline::message::payload::Payload;
use log_pipeline::parse::{Policy, parse};
use log_pipeline::timestamp::Timestamp;
use log_pipeline::wal::{Config, Disk, Sync, Wal};
use popkit_benches::clock::{cpu_time, median_and_spread, process_cpu_time};
use popkit_benches::syslog::{JSON, MESSAGES};
use syslog_loose::Variant;

/// A name, and what it does so many times.
type Candidate<'a> = (&'a str, Box<dyn FnMut(u64) + 'a>);

fn main() -> Result<()> {
    println!("| message of 256 B | candidate | ns | × ours | spread |");
    println!("|---|---|---|---|---|");
    for (name, text) in MESSAGES {
        let mut candidates = vec![ours(text), loose(text)];
        if name != "rfc3164" {
            candidates.push(strict(text));
        }
        compare(name, candidates);
    }
    println!("\n| object of {} B | candidate | ns | × ours | spread |", JSON.len());
    println!("|---|---|---|---|---|");
    compare("access log", vec![fields(), value()]);
    println!("\n| stream of frames of 256 B | GB/s | spread |");
    println!("|---|---|---|");
    for (name, frame) in [
        ("LF", format!("{}\n", MESSAGES[0].1)),
        ("CR LF", format!("{}\r\n", MESSAGES[0].1)),
        ("octet counting", format!("256 {}", MESSAGES[0].1)),
    ] {
        let stream = frame.repeat((256 << 10) / frame.len());
        for read in [256 << 10, 4 << 10] {
            framing(name, stream.as_bytes(), read);
        }
    }
    println!("\n| the log, records of 256 B, appended and read | CPU µs | spread | records/s |");
    println!("|---|---|---|---|");
    log("written, no sync", Sync::None)?;
    log("synced before it is read", Sync::Durable)?;
    Ok(())
}

fn ours(text: &str) -> Candidate<'_> {
    let policy = Policy::default();
    let received = Timestamp::from_unix_ns(1_790_000_000_000_000_000);
    let work = move |count| {
        for _ in 0..count {
            black_box(parse(black_box(text.as_bytes()), received, &policy));
        }
    };
    ("log-pipeline", Box::new(work))
}

/// The year and zone are given, so that it does not ask the system for them.
fn loose(text: &str) -> Candidate<'_> {
    let work = move |count| {
        for _ in 0..count {
            let zone = Some(chrono::Utc);
            let text = black_box(text);
            let year = |_| 2026;
            black_box(syslog_loose::parse_message_with_year_tz(text, year, zone, Variant::Either));
        }
    };
    ("syslog_loose", Box::new(work))
}

fn strict(text: &str) -> Candidate<'_> {
    let work = move |count| {
        for _ in 0..count {
            black_box(syslog_rfc5424::parse_message(black_box(text)).is_ok());
        }
    };
    ("syslog_rfc5424", Box::new(work))
}

fn fields() -> Candidate<'static> {
    let work = |count| {
        for _ in 0..count {
            let payload = Payload::parse(black_box(JSON.as_bytes())).expect("it is one");
            black_box(payload.fields().count());
        }
    };
    ("log-pipeline, every field", Box::new(work))
}

fn value() -> Candidate<'static> {
    let work = |count| {
        for _ in 0..count {
            black_box(serde_json::from_str::<serde_json::Value>(black_box(JSON)).is_ok());
        }
    };
    ("serde_json, a `Value`", Box::new(work))
}

fn compare(name: &str, mut candidates: Vec<Candidate<'_>>) {
    let mut taken = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for ((_, work), taken) in candidates.iter_mut().zip(&mut taken) {
            let begin = cpu_time();
            work(COUNT);
            let passed = cpu_time().saturating_sub(begin);
            taken.push(passed.as_nanos() as f64 / COUNT as f64);
        }
    }
    let mut ours = None;
    for ((candidate, _), taken) in candidates.iter().zip(&mut taken) {
        let (median, spread) = median_and_spread(taken);
        let ratio = median / *ours.get_or_insert(median);
        println!("| {name} | {candidate} | {median:.0} | {ratio:.2} | {:.0} % |", spread * 100.0);
    }
}

fn framing(name: &str, stream: &[u8], read: usize) {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let begin = cpu_time();
        let mut decoder = Decoder::default();
        for _ in 0..REPEATS {
            for mut input in black_box(stream).chunks(read) {
                while let Some(frame) = decoder.next(&mut input) {
                    black_box(frame.bytes);
                }
            }
        }
        let passed = cpu_time().saturating_sub(begin);
        rates.push((stream.len() * REPEATS) as f64 / passed.as_nanos() as f64);
    }
    let (median, spread) = median_and_spread(&mut rates);
    let (kib, spread) = (read >> 10, spread * 100.0);
    println!("| {name}, reads of {kib} KiB | {median:.1} | {spread:.0} % |");
}

/// Both threads of the log: the one that appends and reads, and the writer.
fn log(name: &str, sync: Sync) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let wal = Wal::open(Disk::open(directory.path())?, Config::default().sync(sync))?;
    let mut cursor = Cursor::open(&wal, "sink", Start::Oldest)?;
    let record = MESSAGES[0].1.as_bytes();
    let (mut taken, begin) = (Vec::new(), Instant::now());
    for _ in 0..ROUNDS {
        let before = process_cpu_time();
        for at in 0..COUNT {
            let _receipt = black_box(wal.append(1, at, &[record])?);
        }
        let mut read = None;
        for _ in 0..COUNT {
            read = cursor.wait_next()?;
        }
        cursor.commit(read.context("the log was closed")?.position)?;
        let passed = process_cpu_time().saturating_sub(before);
        taken.push(passed.as_nanos() as f64 / 1e3 / COUNT as f64);
    }
    let rate = ROUNDS as f64 * COUNT as f64 / begin.elapsed().as_secs_f64();
    let (median, spread) = median_and_spread(&mut taken);
    println!("| {name} | {median:.2} | {:.0} % | {rate:.0} |", spread * 100.0);
    drop(cursor);
    Ok(wal.close()?)
}

const ROUNDS: usize = 25;
const COUNT: u64 = 20_000;
const REPEATS: usize = 40;
