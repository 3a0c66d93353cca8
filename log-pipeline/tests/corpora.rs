//! Messages others collected: all are read, and RFC 5424 ones without an error, except those that
//! are wrong by the RFC. Set `POPKIT_CORPORA` to the folder that holds `syslog/`.

mod collected;

use log_pipeline::message::{Malformed, Protocol};
use log_pipeline::parse::{Policy, parse};
use log_pipeline::timestamp::Timestamp;

/// Parts of RFC 5424 messages that are wrong, with what makes them so.
const JUSTIFIED: [(&str, &str); 7] = [
    ("[tcpflood@32473 MSGNUM", "a parameter without value: its source calls it invalid"),
    ("[tcpflood@32473 = ]", "a parameter without name: its source calls it invalid"),
    ("ID47 last message repeated", "no structured data, not even the NILVALUE"),
    ("- {", "no structured data, not even the NILVALUE"),
    ("ID47 [] ", "an element without SD-ID"),
    ("sequenceId=", "cut by the collector at an escaped quote"),
    ("hostname=", "cut by the collector at an escaped quote"),
];

#[test]
fn collected_messages_are_read() {
    let Some(messages) = collected::messages() else { return };
    let received = Timestamp::parse(b"2026-01-01T00:00:00Z").unwrap();
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
