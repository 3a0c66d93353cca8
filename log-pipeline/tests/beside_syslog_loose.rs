//! Message by message beside syslog_loose: where the two differ, the difference is known and listed
//! with why ours is right.

mod collected;

use log_pipeline::message::{Malformed, Message, Protocol};
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

type Theirs<'a> = syslog_loose::Message<&'a str>;

/// A kind of difference: why ours is right, which fields differ at most, and what tells it.
struct Known {
    why: &'static str,
    fields: &'static [&'static str],
    is: fn(&str, &Message<'_>, &Theirs<'_>) -> bool,
}

/// They keep a message whole when they do not know its grammar, with its PRI in the text.
fn given_up(frame: &str, theirs: &Theirs<'_>) -> bool {
    theirs.msg == frame && theirs.facility.is_none() && theirs.timestamp.is_none()
}

const ALL: &[&str] = &[
    "protocol",
    "pri",
    "timestamp",
    "hostname",
    "appname",
    "procid",
    "msgid",
    "structured data",
    "message",
];

const KNOWN: [Known; 13] = [
    Known {
        why: "a PRI is a PRI whatever follows (RFC 3164 §4.3.2): they leave it in the text",
        fields: &["pri", "message"],
        is: |frame, ours, theirs| {
            given_up(frame, theirs)
                && ours.error.is_some()
                && frame.ends_with(std::str::from_utf8(ours.message).unwrap())
        },
    },
    Known {
        why: "a tag needs no time before it",
        fields: &["pri", "appname", "message"],
        is: |frame, ours, theirs| {
            given_up(frame, theirs) && ours.timestamp.is_none() && ours.appname.is_some()
        },
    },
    Known {
        why: "Cisco's sequence numbers and NetScaler's dates: they know neither",
        fields: &["pri", "timestamp", "hostname", "appname", "message"],
        is: |frame, ours, theirs| given_up(frame, theirs) && ours.timestamp.is_some(),
    },
    Known {
        why: "the header was good, only the structured data is not: they give up all of it",
        fields: ALL,
        is: |frame, ours, theirs| {
            given_up(frame, theirs) && matches!(ours.error, Some(Malformed::StructuredData(_)))
        },
    },
    Known {
        why: "what is no structured data is kept, with the reason: they drop it without a word",
        fields: &["message"],
        is: |_, ours, theirs| {
            matches!(ours.error, Some(Malformed::StructuredData(_)))
                && ours.message.ends_with(theirs.msg.as_bytes())
        },
    },
    Known {
        why: "nothing tells a tag without colon and brackets from the first word of a text, of \
            which they make tags such as `--`",
        fields: &["appname", "message"],
        is: |_, ours, theirs| {
            let word = theirs.appname.unwrap_or("\0");
            let rest = ours.message.strip_prefix(word.as_bytes()).unwrap_or(b"\0");
            let behind = rest.trim_ascii_start();
            let behind = behind.strip_prefix(b":").unwrap_or(behind).trim_ascii_start();
            ours.appname.is_none() && rest.first() != Some(&b':') && behind == theirs.msg.as_bytes()
        },
    },
    Known {
        why: "a number and a colon may be a sequence number or a time: no tag",
        fields: &["appname", "message"],
        is: |_, ours, theirs| {
            let digits = theirs.appname.is_some_and(|tag| tag.bytes().all(|b| b.is_ascii_digit()));
            ours.appname.is_none() && digits
        },
    },
    Known {
        why: "two spaces before a tag end no header: some pad their columns",
        fields: &["appname", "message"],
        is: |frame, ours, theirs| {
            let tag = ours.appname.unwrap_or("\0");
            frame.contains(&format!("  {tag}:")) && theirs.appname.is_none()
        },
    },
    Known {
        why: "one space behind the colon belongs to the header, more of them to the text",
        fields: &["message"],
        is: |_, ours, theirs| ours.message.strip_prefix(b" ") == Some(theirs.msg.as_bytes()),
    },
    Known {
        why: "RFC 3164 has no structured data: brackets in the text stay there",
        fields: &["structured data", "message"],
        is: |_, ours, theirs| {
            ours.protocol == Protocol::Rfc3164
                && !theirs.structured_data.is_empty()
                && ours.message.starts_with(b" [")
                && ours.message.ends_with(theirs.msg.as_bytes())
        },
    },
    Known {
        why: "`%ASA-4-102030:` is a tag and no host",
        fields: &["hostname", "appname"],
        is: |_, ours, theirs| {
            theirs.hostname == ours.appname && ours.appname.is_some_and(|tag| tag.starts_with('%'))
        },
    },
    Known {
        why: "Snare separates by tabs, and `#001` is no name of a host",
        fields: &["hostname", "appname", "message"],
        is: |frame, ours, theirs| {
            let bare = ours.appname == Some("MSWinEventLog") && theirs.hostname.is_none();
            frame.contains("MSWinEventLog") && (bare || theirs.hostname == Some("#001"))
        },
    },
    Known {
        why: "a year behind the time is a year and no host",
        fields: &["timestamp", "hostname", "message"],
        is: |_, ours, theirs| {
            let year = ours.timestamp.map(|at| at.civil().year.to_string());
            theirs.hostname == year.as_deref()
        },
    },
];

#[test]
fn every_difference_is_known() {
    let Some(messages) = collected::messages() else { return };
    let policy = Policy { year: Year::Fixed(2026), ..Policy::default() };
    let (mut used, mut unknown) = ([0; KNOWN.len()], Vec::new());
    for frame in &messages {
        let Ok(text) = std::str::from_utf8(frame) else { continue };
        let ours = parse(frame, Timestamp::default(), &policy);
        let utc = Some(chrono::Utc);
        let theirs = syslog_loose::parse_message_with_year_tz(text, |_| 2026, utc, Variant::Either);
        let found = differences(&ours, &theirs);
        if found.is_empty() {
            continue;
        }
        let known = KNOWN.iter().position(|known| {
            let name = |line: &String| line.split(':').next().map(str::to_owned);
            (known.is)(text, &ours, &theirs)
                && found.iter().filter_map(name).all(|n| known.fields.contains(&n.as_str()))
        });
        match known {
            Some(index) => used[index] += 1,
            None => unknown.push((text, found)),
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    for (known, used) in KNOWN.iter().zip(used) {
        assert!(used > 0, "no message differs any more: {}", known.why);
    }
    println!("{} messages, {} differ", messages.len(), used.iter().sum::<usize>());
}
