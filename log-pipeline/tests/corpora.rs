//! Messages others collected: all are read, and RFC 5424 ones without an error, except those that
//! are wrong by the RFC. Set `POPKIT_CORPORA` to the folder that holds `syslog/`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use log_pipeline::message::{Malformed, Protocol};
use log_pipeline::parse::{Policy, parse};
use log_pipeline::timestamp::Timestamp;

/// Parts of RFC 5424 messages that are wrong, with what makes them so.
const JUSTIFIED: [(&str, &str); 8] = [
    ("[tcpflood@32473 MSGNUM", "a parameter without value: its source calls it invalid"),
    ("[tcpflood@32473 = ]", "a parameter without name: its source calls it invalid"),
    ("eventSource= \"", "a space before the quote: §6.3 has none"),
    ("ID47 last message repeated", "no structured data, not even the NILVALUE"),
    ("- {", "no structured data, not even the NILVALUE"),
    ("ID47 [] ", "an element without SD-ID"),
    ("sequenceId=", "cut by the collector at an escaped quote"),
    ("hostname=", "cut by the collector at an escaped quote"),
];

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("POPKIT_CORPORA").map(|root| Path::new(&root).join("syslog"));
    if folder.is_none() {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
    }
    folder
}

/// One value of a line of `vectors.jsonl`; some were taken from source code with its escapes.
fn vector(line: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = object["msg"].as_str().or(object["msg_escaped"].as_str()).unwrap();
    if object["msg"].is_string() { text.to_owned() } else { text.replace("\\\"", "\"") }
}

fn messages(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for source in ["rsyslog", "syslog_loose"] {
        let text = fs::read_to_string(folder.join(source).join("vectors.jsonl")).unwrap();
        found.extend(text.lines().map(|line| vector(line).into_bytes()));
        for entry in fs::read_dir(folder.join(source)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("fuzz-") || name.starts_with("benches_") {
                found.push(fs::read(&path).unwrap().trim_ascii_end().to_vec());
            }
        }
    }
    let examples = fs::read_to_string(folder.join("rfc5424-examples.txt")).unwrap();
    found.extend(examples.lines().map(|line| line.as_bytes().to_vec()));
    found
}

#[test]
fn collected_messages_are_read() {
    let Some(folder) = corpus() else { return };
    let received = Timestamp::parse(b"2026-01-01T00:00:00Z").unwrap();
    let messages = messages(&folder);
    let (mut modern, mut faulty, mut used) = (0, Vec::new(), [false; JUSTIFIED.len()]);
    for frame in &messages {
        let message = parse(frame, received, &Policy::default());
        let mut json = Vec::new();
        message.write_json(&mut json);
        serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        assert!(frame.ends_with(message.message));
        let text = String::from_utf8_lossy(frame).into_owned();
        if message.protocol == Protocol::Rfc5424 {
            modern += 1;
            let Some(error) = message.error else { continue };
            match JUSTIFIED.iter().position(|(part, _)| text.contains(part)) {
                Some(index) => used[index] = true,
                None => faulty.push((error.to_string(), text)),
            }
        } else if let Some(Malformed::Timestamp(error)) = message.error {
            faulty.push((error.to_string(), text));
        }
    }
    assert_eq!(faulty, []);
    for ((part, _), used) in JUSTIFIED.iter().zip(used) {
        assert!(used, "nothing fails any more for {part:?}");
    }
    assert!(messages.len() > 250 && modern > 30, "{} messages, {modern} modern", messages.len());
    println!("{} messages, {modern} of them RFC 5424", messages.len());
}
