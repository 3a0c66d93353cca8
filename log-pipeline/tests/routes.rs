//! Expressions choose messages as their table says, and errors point at the place.

use std::net::IpAddr;

use log_pipeline::parse::{Policy, parse};
use log_pipeline::route::{Route, RouteError};
use log_pipeline::timestamp::Timestamp;

fn holds(expression: &str, frame: &[u8]) -> bool {
    let route = Route::parse(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let message = parse(frame, Timestamp::from_unix_ns(0), &Policy::default());
    route.matches(&message, Some(IpAddr::from([192, 0, 2, 7])))
}

#[test]
fn each_test_chooses() {
    // auth.crit
    let frame = b"<34>1 2003-10-11T22:14:15.003Z web1.example su - ID47 - 'su root' failed";
    for (expression, expected) in [
        ("all", true),
        ("severity >= crit", true),
        ("severity >= alert", false),
        ("severity <= crit", true),
        ("severity < crit", false),
        ("severity > err", true),
        ("severity = crit", true),
        ("severity != crit", false),
        ("facility = auth", true),
        ("facility != auth", false),
        ("facility in (kern, auth)", true),
        ("facility in (kern)", false),
        ("host = web*", true),
        ("host = \"WEB1.example\"", true),
        ("host != web*", false),
        ("app = su", true),
        ("app=sudo", false),
        ("msgid = id47", true),
        ("peer in 192.0.2.0/24", true),
        ("peer in 192.0.2.8", false),
        ("match \"root' failed\"", true),
        ("match Root", false),
        ("not all", false),
        ("not not all", true),
        ("app = x or app = su and facility = auth", true),
        ("(app = su or app = x) and facility = kern", false),
        ("app = su or app = x and facility = kern", true),
        ("not app = x and severity > warning", true),
    ] {
        assert_eq!(holds(expression, frame), expected, "{expression}");
    }
}

#[test]
fn what_a_message_does_not_have_equals_nothing() {
    for (expression, expected) in [
        ("severity >= debug", false),
        ("severity != crit", true),
        ("facility = kern", false),
        ("facility != kern", true),
        ("host = *", false),
        ("host != x", true),
        ("match garbage", true),
    ] {
        assert_eq!(holds(expression, b"garbage"), expected, "{expression}");
    }
}

#[test]
fn errors_say_where_and_what() {
    for (text, at, expected) in [
        ("", 0, "`severity`"),
        ("severity", 8, "`=`"),
        ("severity >= loud", 12, "a severity"),
        ("severity >= err or", 18, "`severity`"),
        ("facility in auth", 12, "`(`"),
        ("facility in (auth", 17, "`,` or `)`"),
        ("(all", 4, "`)`"),
        ("all all", 4, "`and`"),
        ("host ~ x", 5, "a word"),
        ("match \"x", 6, "a word, text in closed quotes"),
        ("peer in x", 8, "a network"),
        ("host = ü; all", 9, "a word"),
    ] {
        let RouteError { at: found, expected: said, .. } = Route::parse(text).unwrap_err();
        assert_eq!(found, at, "{text}");
        assert!(said.starts_with(expected), "{text}: {said}");
    }
    let deep = format!("{}all{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(Route::parse(&deep).unwrap_err().at, 32);
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text: String) {
        drop(Route::parse(&text));
    }

    #[test]
    fn arbitrary_words_never_panic(text in "(severity|host|app|match|in|and|or|not|all|[()=<>!,\"]|[a-z*]| ){0,20}") {
        drop(Route::parse(&text));
    }
}
