//! A restart of `watch` neither tells again what is on, nor forgets to tell that it is over.

mod common;
mod watch_common;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use common::http::{Request, serve, until};
use common::{run, said};
use serde_json::Value;
use watch_common::{Level, WATCH, Watch};

/// What a webhook or an Alertmanager was sent.
fn receiver() -> (String, Arc<Mutex<Vec<Value>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&kept);
    let answer = move |request: &Request| {
        let body = serde_json::from_str(&request.body).expect("JSON");
        into.lock().expect("nobody panics here").push(body);
        (200, String::new())
    };
    (serve(answer), kept)
}

struct World {
    level: Arc<Level>,
    hooked: Arc<Mutex<Vec<Value>>>,
    managed: Arc<Mutex<Vec<Value>>>,
    args: Vec<String>,
}

impl World {
    fn new(folder: &Path) -> Self {
        let level = Arc::new(Level::default());
        let values = Arc::clone(&level);
        let target = serve(move |_| (200, format!("depth {}\n", values.value())));
        let ((hook, hooked), (manager, managed)) = (receiver(), receiver());
        let args = vec![
            "scrape".into(),
            format!("http://{target}/metrics"),
            "--every=100ms".into(),
            "--learning=20".into(),
            "--link-by=metric".into(),
            "--clear-after=1s".into(),
            format!("--webhook=http://{hook}"),
            format!("--alertmanager=http://{manager}"),
            format!("--state={}", folder.join("state").display()),
        ];
        Self { level, hooked, managed, args }
    }

    fn start(&self) -> Watch {
        Watch::start(&self.args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Learns, and is told of a change.
    fn changed(&self) -> (Watch, Value) {
        let (turns, watch) = (self.level.turns(), self.start());
        until("learning", || (self.level.turns() > turns + 25).then_some(()));
        self.level.set(50);
        let firing = watch.told("the change", |notice| {
            is("firing")(notice) && notice["seen"].as_f64() > Some(40.0)
        });
        until("the webhook", || (!of(&self.hooked, "firing").is_empty()).then_some(()));
        until("Alertmanager", || (!self.managed.lock().expect("fine").is_empty()).then_some(()));
        (watch, firing)
    }
}

fn is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |notice| notice["status"] == status && notice["labels"]["metric"] == "depth"
}

/// The numbers of the incidents of `depth` that a webhook was told to be so.
fn of(kept: &Mutex<Vec<Value>>, status: &'static str) -> Vec<Value> {
    let kept = kept.lock().expect("nobody panics here");
    kept.iter().filter(|body| is(status)(body)).map(|body| body["id"].clone()).collect()
}

#[test]
fn an_alert_is_told_once_and_resolved_once_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(folder.path());
    let (watch, firing) = world.changed();
    assert!(watch.stop().success());

    // On when it starts again: nothing is told.
    let (turns, watch) = (world.level.turns(), world.start());
    until("some values", || (world.level.turns() > turns + 20).then_some(()));
    assert!(watch.stop().success());
    assert_eq!(of(&world.hooked, "firing"), [firing["id"].clone()]);
    assert_eq!(of(&world.hooked, "resolved"), [] as [Value; 0]);

    // Over while nobody watched.
    world.level.set(0);
    let watch = world.start();
    let resolved = watch.told("the end", is("resolved"));
    assert_eq!(
        (&resolved["id"], &resolved["onset_ns"]),
        (&firing["id"], &firing["onset_ns"]),
        "{resolved}"
    );
    until("the webhook", || (!of(&world.hooked, "resolved").is_empty()).then_some(()));
    assert!(watch.stop().success());
    assert_eq!(of(&world.hooked, "firing"), [firing["id"].clone()]);
    assert_eq!(of(&world.hooked, "resolved"), [firing["id"].clone()]);
    let managed = world.managed.lock().expect("fine");
    let ends = |body: &&Value| {
        let alerts = body.as_array().expect("alerts").iter();
        alerts.filter(|alert| alert["labels"]["metric"] == "depth").count() > 0
    };
    assert_eq!(managed.iter().filter(ends).count(), 2, "firing and resolved: {managed:#?}");
}

#[test]
fn a_kill_loses_nothing_that_was_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(folder.path());
    let (watch, firing) = world.changed();
    // All of it is: a series that learned anew would take for usual what it finds.
    until("it to be put away", || {
        let alerts = std::fs::read(folder.path().join("state.alerts")).ok()?;
        alerts.windows(5).any(|word| word == b"depth").then_some(())
    });
    assert!(folder.path().join("state").exists());
    drop(watch);
    world.level.set(0);
    let watch = world.start();
    let resolved = watch.told("the end", is("resolved"));
    assert_eq!(resolved["id"], firing["id"]);
    assert!(watch.stop().success());
    assert_eq!(of(&world.hooked, "firing"), [firing["id"].clone()]);
}

#[test]
fn damaged_alerts_are_refused_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(folder.path());
    let (watch, firing) = world.changed();
    assert!(watch.stop().success());
    let path = folder.path().join("state.alerts");
    let mut bytes = std::fs::read(&path).expect("written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("room");
    let watch = world.start();
    until("the warning", || watch.said().contains("what is on is told anew").then_some(()));
    let again = watch.told("the change, anew", is("firing"));
    assert_eq!(again["onset_ns"], firing["onset_ns"]);
    assert!(watch.stop().success());
    // What is something else is left alone.
    std::fs::write(&path, "precious").expect("room");
    let output = run(Command::new(WATCH).args(&world.args));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "precious");
}
