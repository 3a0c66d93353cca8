//! Beside Alertmanager and Prometheus.

mod common;
mod watch_common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use anomaly::feed::{Format, Scrape};
use anomaly::{Labels, UnixNanos};
use common::http::{Request, ask, free_port, serve, until};
use common::{peer, run, said};
use serde_json::{Value, json};
use watch_common::{Level, Watch};

/// A peer that runs; dropped, it is ended.
struct Running(Child);

impl Running {
    fn start(mut command: Command, folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("log")).expect("room");
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Alerts as Alertmanager has them: the queue they are of, and their state.
fn alerts(address: &str) -> Vec<(String, String)> {
    let Some((200, body)) = ask(address, "GET", "/api/v2/alerts", "") else { return Vec::new() };
    let body = parsed(&body);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |alert: &Value| (text(&alert["labels"]["queue"]), text(&alert["status"]["state"]));
    let all = body.as_array().expect("a list").iter().map(of);
    // A target that was slow on a busy machine is another matter.
    let mut all: Vec<_> = all.filter(|(queue, _)| !queue.is_empty()).collect();
    all.sort();
    all
}

#[test]
fn alertmanager_groups_silences_and_resolves_what_it_is_told() {
    let Some(mut command) = peer("prometheus-alertmanager") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let notified = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&notified);
    let receiver = serve(move |request: &Request| {
        into.lock().expect("nobody panics here").push(parsed(&request.body));
        (200, String::new())
    });
    let config = format!(
        "route: {{receiver: us, group_by: [site], group_wait: 2s, group_interval: 1s}}\n\
         receivers: [{{name: us, webhook_configs: [{{url: 'http://{receiver}/', send_resolved: true}}]}}]\n"
    );
    std::fs::write(folder.path().join("config.yml"), config).expect("room");
    let address = format!("127.0.0.1:{}", free_port());
    command
        .arg(format!("--config.file={}", folder.path().join("config.yml").display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    let _running = Running::start(command, folder.path());
    until("Alertmanager", || ask(&address, "GET", "/-/ready", "").filter(|got| got.0 == 200));

    understands(&address, 100);

    let levels: [Arc<Level>; 3] = Default::default();
    let shown = levels.clone();
    let target = serve(move |_| {
        let line = |(queue, level): (&str, &Arc<Level>)| {
            format!("depth{{queue=\"{queue}\",site=\"bonn\"}} {}\n", level.value())
        };
        (200, ["a", "b", "c"].into_iter().zip(&shown).map(line).collect())
    });
    let watch = Watch::start(&[
        "scrape",
        &format!("http://{target}/metrics"),
        "--every=100ms",
        "--learning=20",
        "--clear-after=500ms",
        // Each queue an alert of its own: grouping is Alertmanager's here.
        "--link-by=queue",
        "--resend=1s",
        "--label=severity=page",
        &format!("--alertmanager=http://{address}/"),
    ]);
    until("learning", || (levels[0].turns() > 40).then_some(()));
    let silence = json!({
        "matchers": [{"name": "queue", "value": "c", "isRegex": false}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "a test", "comment": "a test",
    });
    let made = ask(&address, "POST", "/api/v2/silences", &silence.to_string());
    assert!(matches!(made, Some((200, _))), "{made:?}");
    for level in &levels {
        level.set(100);
    }
    let state = |queue: &str, state: &str| (queue.to_owned(), state.to_owned());
    let on = [state("a", "active"), state("b", "active"), state("c", "suppressed")];
    until("firing and silenced", || (alerts(&address) == on).then_some(()));

    let notification = |status: &str, queues: &[&str]| {
        let kept = notified.lock().expect("nobody panics here");
        kept.iter()
            .rev()
            .find(|sent| {
                let alerts = sent["alerts"].as_array().expect("a list");
                let of = alerts.iter().filter(|alert| alert["status"] == status);
                let mut got: Vec<_> = of.filter_map(|a| a["labels"]["queue"].as_str()).collect();
                got.sort_unstable();
                got == queues
            })
            .cloned()
    };
    let sent = until("one notification of both", || notification("firing", &["a", "b"]));
    let alert = &sent["alerts"][0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["severity"]),
        (&"BehaviourChanged".into(), &"page".into())
    );
    assert!(
        alert["annotations"]["summary"].as_str().is_some_and(|text| text.contains("where")),
        "{alert}"
    );

    for level in &levels {
        level.set(0);
    }
    until("resolved", || notification("resolved", &["a", "b"]));
    until("gone", || alerts(&address).is_empty().then_some(()));
    assert!(watch.stop().success());
    let kept = notified.lock().expect("nobody panics here");
    assert!(kept.iter().all(|sent| !sent.to_string().contains(r#""queue":"c""#)), "silenced");
}

/// What a peer says of itself, in both formats, is understood to the last line.
fn understands(address: &str, least: usize) {
    for accept in ["text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"] {
        let request = ureq::get(format!("http://{address}/metrics")).header("accept", accept);
        let mut answer = request.call().expect("it answers");
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let format = Format::of(kind.unwrap_or_default());
        let body = answer.body_mut().read_to_vec().expect("a body");
        let mut scrape = Scrape::new(Labels::default());
        assert_eq!(scrape.handle(UnixNanos::new(0), format, &body), None, "{format:?}");
        assert_eq!(scrape.handle(UnixNanos::new(1), format, &body), None, "{format:?}");
        let samples = std::iter::from_fn(|| scrape.poll_sample()).count();
        assert!(samples > least, "{samples} samples of {format:?}");
    }
}

/// A history of ten minutes, a value a second, as a block of Prometheus.
fn history(folder: &Path, level: &Level) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut text = String::from("# TYPE depth gauge\n");
    for second in now - 600..now {
        writeln!(text, "depth{{instance=\"t\",job=\"t\"}} {} {second}", level.value())
            .expect("memory");
    }
    text.push_str("# EOF\n");
    std::fs::write(folder.join("history"), text).expect("room");
    let Some(mut promtool) = peer("promtool") else { return false };
    let output = run(promtool
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([folder.join("history"), folder.join("data")]));
    assert!(output.status.success(), "{}", said(&output));
    true
}

#[test]
fn prometheus_teaches_its_history_so_that_watching_begins_at_once() {
    let Some(mut command) = peer("prometheus") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let level = Arc::new(Level::default());
    if !history(folder.path(), &level) {
        return;
    }
    let shown = Arc::clone(&level);
    let target = serve(move |_| (200, format!("# TYPE depth gauge\ndepth {}\n", shown.value())));
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - {{job_name: t, static_configs: [{{targets: ['{target}'], labels: {{instance: t}}}}]}}\n"
    );
    std::fs::write(folder.path().join("config.yml"), config).expect("room");
    let address = format!("127.0.0.1:{}", free_port());
    command
        .arg(format!("--config.file={}", folder.path().join("config.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    let _running = Running::start(command, folder.path());
    until("Prometheus", || ask(&address, "GET", "/-/ready", "").filter(|got| got.0 == 200));
    understands(&address, 100);
    until("a scrape", || (level.turns() > 602).then_some(()));

    let url = format!("http://{address}/");
    let args = [
        "prometheus",
        &url,
        "--query=last_over_time(depth[2s])",
        "--every=1s",
        "--history=10m",
        "--learning=500",
    ];
    let watch = Watch::start(&args);
    until("the history", || watch.said().contains("asked samples=").then_some(()));
    level.set(100);
    let change =
        |notice: &Value| notice["status"] == "firing" && notice["seen"].as_f64() > Some(90.0);
    let firing = watch.told("the change", change);
    assert_eq!(
        (&firing["labels"]["metric"], &firing["labels"]["job"]),
        (&"depth".into(), &"t".into())
    );
    assert!(firing["expected"].as_f64() < Some(10.0), "{firing}");
    assert!(watch.stop().success());

    let wrong = run(Command::new(watch_common::WATCH).args(["prometheus", &url, "--query=depth{"]));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said(&wrong).contains("the query is refused"), "{}", said(&wrong));
}
