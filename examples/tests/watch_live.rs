//! `watch scrape` and `watch statsd`: what changes is told, to everybody, once.

mod common;
mod watch_common;

use std::net::UdpSocket;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::http::{Request, ask, free_port, serve, until};
use common::{run, said};
use serde_json::Value;
use watch_common::{Level, WATCH, Watch};

/// A target whose gauge is the level.
fn target(level: &Arc<Level>) -> String {
    let level = Arc::clone(level);
    serve(move |_| {
        (200, format!("# TYPE depth gauge\ndepth{{queue=\"in\"}} {}\nboring 1\n", level.value()))
    })
}

/// A server that keeps what it is sent, and answers the first with a 503.
fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&kept);
    let answer = move |request: &Request| {
        let mut kept = into.lock().expect("nobody panics here");
        kept.push(request.body.clone());
        (if kept.len() == 1 { 503 } else { 200 }, String::new())
    };
    (serve(answer), kept)
}

fn is(status: &'static str, metric: &'static str) -> impl Fn(&Value) -> bool {
    move |notice| notice["status"] == status && notice["labels"]["metric"] == metric
}

/// The change that a test makes, and no false alarm before it.
fn is_change(metric: &'static str) -> impl Fn(&Value) -> bool {
    move |notice| is("firing", metric)(notice) && notice["seen"].as_f64() > Some(40.0)
}

#[test]
fn a_changed_gauge_is_told_to_everybody_and_no_key_to_the_log() {
    let level = Arc::new(Level::default());
    let (hook, hooked) = receiver();
    let (chat, chatted) = receiver();
    let (pager, paged) = receiver();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("room");
        path.to_string_lossy().into_owned()
    };
    let chat_file = file("slack", format!("http://{chat}/services/CHATKEY\n"));
    let key_file = file("pagerduty", "PAGERKEY\n".into());
    let watch = Watch::start(&[
        "scrape",
        &format!("http://{}/metrics", target(&level)),
        "--every=100ms",
        "--learning=20",
        // On a busy machine more may happen than the test wants: that is an incident of its own.
        "--link-by=metric",
        "--clear-after=500ms",
        &format!("--webhook=http://user:HOOKKEY@{hook}/alerts"),
        &format!("--slack-url-file={chat_file}"),
        &format!("--pagerduty-key-file={key_file}"),
        &format!("--pagerduty-url=http://{pager}/v2/enqueue"),
        "--silence=metric=boring",
    ]);
    until("learning", || (level.turns() > 30).then_some(()));
    level.set(50);
    let firing = watch.told("the change", is_change("depth"));
    assert_eq!(firing["labels"]["queue"], "in");
    assert!(firing["labels"]["instance"].as_str().is_some_and(|at| at.starts_with("127.0.0.1:")));
    level.set(0);
    let id = firing["id"].clone();
    watch.told("the end", move |notice| is("resolved", "depth")(notice) && notice["id"] == id);

    let second = |kept: &Mutex<Vec<String>>| kept.lock().expect("fine").get(1).cloned();
    let same = |body: &String| serde_json::from_str::<Value>(body).is_ok_and(|b| b == firing);
    let twice = || hooked.lock().expect("fine").iter().filter(|body| same(body)).count();
    until("the webhook", || (twice() > 0).then_some(()));
    until("another attempt", || second(&hooked));
    let chatted = until("the chat", || second(&chatted));
    assert!(chatted.contains("mrkdwn") && chatted.contains("depth"), "{chatted}");
    let paged = until("the pager", || second(&paged));
    let paged: Value = serde_json::from_str(&paged).expect("JSON");
    assert_eq!(
        (&paged["routing_key"], &paged["event_action"]),
        (&"PAGERKEY".into(), &"trigger".into())
    );
    let log = watch.said();
    assert!(log.contains("503"), "the failure is logged: {log}");
    for key in ["CHATKEY", "PAGERKEY", "HOOKKEY"] {
        assert!(!log.contains(key), "{key} is in the log: {log}");
    }
    assert!(watch.stop().success());
}

#[test]
fn a_target_that_is_gone_is_told() {
    let (level, up) = (Arc::new(Level::default()), Arc::new(Level::default()));
    let (values, state) = (Arc::clone(&level), Arc::clone(&up));
    let address = serve(move |request| match state.value() {
        _ if !request.headers.contains(&"authorization: bearer t0ken".into()) => {
            (401, String::new())
        }
        gone if gone >= 1.0 => (500, String::new()),
        _ => (200, format!("depth {}\n", values.value())),
    });
    let port = free_port();
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "t0ken\n").expect("room");
    let watch = Watch::start(&[
        "scrape",
        &format!("http://{address}/metrics"),
        &format!("--bearer-token-file={}", token.display()),
        "--every=100ms",
        "--learning=20",
        // On a busy machine more may happen than the test wants: that is an incident of its own.
        "--link-by=metric",
        &format!("--metrics=127.0.0.1:{port}"),
    ]);
    until("learning", || (level.turns() > 30).then_some(()));
    up.set(1);
    watch.told("the outage", is("firing", "up"));
    let (_, board) = ask(&format!("127.0.0.1:{port}"), "GET", "/metrics", "").expect("metrics");
    assert!(board.contains("watch_series 2") && board.contains("watch_active_alerts 1"), "{board}");
    assert!(watch.stop().success());
}

#[test]
fn what_was_learned_is_kept_over_a_restart() {
    let level = Arc::new(Level::default());
    let folder = tempfile::tempdir().expect("a folder");
    let (file, url) = (folder.path().join("state"), format!("http://{}/metrics", target(&level)));
    let state = format!("--state={}", file.display());
    let args = ["scrape", &url, "--every=50ms", "--learning=40", "--link-by=metric", &state];
    let watch = Watch::start(&args);
    until("learning", || (level.turns() > 50).then_some(()));
    assert!(watch.stop().success());
    assert!(std::fs::metadata(&file).expect("written").len() > 500);

    let (turns, watch) = (level.turns(), Watch::start(&args));
    until("the next value", || (level.turns() > turns + 3).then_some(()));
    level.set(50);
    watch.told("the change", is_change("depth"));
    assert!(level.turns() < turns + 35, "learned again: {}", level.turns() - turns);
    assert!(watch.stop().success());

    // Damaged, it is learned anew, and said; what is something else is left alone.
    let mut bytes = std::fs::read(&file).expect("written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("room");
    let watch = Watch::start(&args);
    until("the warning", || watch.said().contains("is damaged").then_some(()));
    assert!(watch.stop().success());
    std::fs::write(&file, "precious").expect("room");
    let output = run(Command::new(WATCH).args(args));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "precious");
}

#[test]
fn a_destination_that_is_silent_does_not_hold_up_the_end() {
    let level = Arc::new(Level::default());
    let asked = Arc::new(Level::default());
    let asks = Arc::clone(&asked);
    let silent = serve(move |_| {
        asks.value();
        std::thread::sleep(Duration::from_mins(1));
        (200, String::new())
    });
    let watch = Watch::start(&[
        "scrape",
        &format!("http://{}/metrics", target(&level)),
        "--every=50ms",
        "--learning=20",
        "--link-by=metric",
        "--resend=1s",
        &format!("--alertmanager=http://{silent}"),
        &format!("--webhook=http://{silent}"),
    ]);
    until("learning", || (level.turns() > 30).then_some(()));
    level.set(50);
    watch.told("the change", is_change("depth"));
    until("attempts", || (asked.turns() > 1).then_some(()));
    let begun = Instant::now();
    assert!(watch.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[test]
fn what_is_sent_to_statsd_is_watched() {
    let port = free_port();
    let watch = Watch::start(&[
        "statsd",
        &format!("--listen=127.0.0.1:{port}"),
        "--every=100ms",
        "--learning=20",
        // On a busy machine more may happen than the test wants: that is an incident of its own.
        "--link-by=metric",
    ]);
    until("listening", || watch.said().contains("listening on").then_some(()));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(("127.0.0.1", port)).expect("loopback");
    let level = Level::default();
    let send = |turns: u32| {
        for _ in 0..turns {
            let text =
                format!("took:{}|ms|#env:prod\nhits:1|c\nnonsense\n", 20.0 + 10.0 * level.value());
            socket.send(text.as_bytes()).expect("loopback");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    send(400);
    level.set(200);
    send(100);
    let firing = watch.told("the change", is_change("took"));
    assert_eq!(firing["labels"]["env"], "prod");
    assert!(watch.stop().success());
}

#[test]
fn mistakes_are_one_line_with_their_mend() {
    let failed = |args: &[&str], code: i32, text: &str| {
        let output = run(Command::new(WATCH).args(args));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(text), "{said}");
    };
    failed(&["scrape", "localhost:9100"], 1, "is no URL");
    failed(&["scrape"], 2, "<URL>");
    failed(&["scrape", "http://x/", "--silence", "host"], 2, "one of =, !=, =~, !~");
    failed(&["scrape", "http://x/", "--maintenance", "Sun host=a"], 2, "'Sun 02:00-04:00 host=a'");
    failed(&["scrape", "http://x/", "--alertmanager", "x"], 1, "--alertmanager");
    failed(&["prometheus", "http://x/"], 2, "--query");
    failed(&["statsd", "--listen", "192.0.2.1:8125"], 1, "cannot listen on 192.0.2.1:8125");
}
