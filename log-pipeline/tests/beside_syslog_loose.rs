//! Message by message beside syslog_loose: where the two differ, the difference is known and listed
//! with why ours is right.

mod collected;

use log_pipeline::message::{Message, Protocol};
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::timestamp::Timestamp;
use syslog_loose::Variant;

/// What differs, field by field, as `name: ours | theirs`.
fn differences(ours: &Message<'_>, theirs: &syslog_loose::Message<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |name: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{name}: {ours} | {theirs}"));
        }
    };
    let protocol = match theirs.protocol {
        syslog_loose::Protocol::RFC5424(_) => Protocol::Rfc5424,
        syslog_loose::Protocol::RFC3164 => Protocol::Rfc3164,
    };
    compare("protocol", ours.protocol.name().into(), protocol.name().into());
    let pri = ours.pri.map(|pri| (pri.facility().number() as i32, pri.severity().number() as i32));
    let their_pri = theirs.facility.map(|f| f as i32).zip(theirs.severity.map(|s| s as i32));
    compare("pri", format!("{pri:?}"), format!("{their_pri:?}"));
    let at = ours.timestamp.map(Timestamp::unix_ns);
    let their_at = theirs.timestamp.and_then(|at| at.timestamp_nanos_opt());
    compare("timestamp", format!("{at:?}"), format!("{their_at:?}"));
    compare("hostname", format!("{:?}", ours.hostname), format!("{:?}", theirs.hostname));
    compare("appname", format!("{:?}", ours.appname), format!("{:?}", theirs.appname));
    let process = theirs.procid.as_ref().map(ToString::to_string);
    compare("procid", format!("{:?}", ours.procid), format!("{:?}", process.as_deref()));
    compare("msgid", format!("{:?}", ours.msgid), format!("{:?}", theirs.msgid));
    let data: Vec<_> = ours
        .structured_data
        .elements()
        .map(|element| {
            let params = element.params().map(|p| (p.name(), p.value().into_owned()));
            (element.id(), params.collect::<Vec<_>>())
        })
        .collect();
    let their_data: Vec<_> = theirs
        .structured_data
        .iter()
        .map(|element| {
            let params = element.params().map(|(name, value)| (*name, value.clone()));
            (element.id, params.collect::<Vec<_>>())
        })
        .collect();
    compare("structured data", format!("{data:?}"), format!("{their_data:?}"));
    compare("message", String::from_utf8_lossy(ours.message).into_owned(), theirs.msg.to_owned());
    found
}

#[test]
fn every_difference_is_known() {
    let Some(messages) = collected::messages() else { return };
    let policy = Policy { year: Year::Fixed(2026), ..Policy::default() };
    for frame in &messages {
        let Ok(text) = std::str::from_utf8(frame) else { continue };
        let ours = parse(frame, Timestamp::default(), &policy);
        let utc = Some(chrono::Utc);
        let theirs =
            syslog_loose::parse_message_with_year_tz(text, |_| 2026, utc, Variant::Either);
        let found = differences(&ours, &theirs);
        if !found.is_empty() {
            println!("@ {}", &text.chars().take(160).collect::<String>());
            for line in found {
                println!("    {}", line.chars().take(200).collect::<String>());
            }
        }
    }
}
