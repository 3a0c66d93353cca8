//! Who is told of an alert: standard output, Alertmanager, webhooks.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anomaly::sink::{Alertmanager, Secret, json_line, pagerduty, slack};
use anomaly::{Dispatch, Fleet, Notice, ResumeError, Silence, UnixNanos};
use anyhow::{Context, Result, ensure};

use super::args::Args;
use crate::post::Post;
use crate::silences::{Followed, News};

/// All destinations.
#[derive(Debug)]
pub(super) struct Desk {
    /// Standard output and webhooks hear of an alert once and then seldom.
    people: Dispatch,
    webhook: Option<Post>,
    slack: Option<Post>,
    pagerduty: Option<(Post, Secret)>,
    /// Alertmanager forgets what it does not hear of all the time.
    manager: Dispatch,
    alertmanager: Option<(Post, Alertmanager)>,
    /// The silences of the command line, and the file with more.
    given: Vec<Silence>,
    followed: Option<Followed>,
    looked: UnixNanos,
}

/// What people and Alertmanager were told.
pub(super) struct Told(Dispatch, Dispatch);

impl Desk {
    pub(super) fn new(args: &Args) -> Result<Self> {
        let post = |url: &Secret| Post::new(url, DELIVERIES);
        let webhook = args.webhook.as_deref().map(|url| post(&Secret::new(url))).transpose();
        let slack = args.slack_url_file.as_deref().map(|file| post(&secret(file)?));
        let pager = args.pagerduty_key_file.as_deref();
        let pager = pager.map(|file| {
            Ok::<_, anyhow::Error>((post(&Secret::new(&*args.pagerduty_url))?, secret(file)?))
        });
        let manager = args.alertmanager.as_deref().map(|url| {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let sink = Alertmanager::new(args.resend).extra(args.extra_labels());
            Ok::<_, anyhow::Error>((post(&Secret::new(url))?, sink))
        });
        let given = args.given_silences()?;
        let zone = args.season.named()?;
        let followed = args.silences.clone().map(|path| Followed::new(path, zone)).transpose()?;
        let (followed, more) = followed.unzip();
        let mut desk = Self {
            people: args.dispatch(args.repeat),
            webhook: webhook.context("--webhook")?,
            slack: slack.transpose().context("--slack-url-file")?,
            pagerduty: pager.transpose().context("--pagerduty-url")?,
            manager: args.dispatch(args.resend),
            alertmanager: manager.transpose().context("--alertmanager")?,
            given,
            followed,
            looked: UnixNanos::new(0),
        };
        desk.silence(more.unwrap_or_default());
        Ok(desk)
    }

    /// What was told, as bytes: people, then Alertmanager.
    pub(super) fn to_bytes(&self) -> [Vec<u8>; 2] {
        [self.people.to_bytes(), self.manager.to_bytes()]
    }

    /// What goes on from there, for [`Desk::go_on`].
    pub(super) fn resumed(&self, people: &[u8], manager: &[u8]) -> Result<Told, ResumeError> {
        let mut told = Told(self.people.clone(), self.manager.clone());
        told.0.resume(people)?;
        told.1.resume(manager)?;
        Ok(told)
    }

    /// Goes on from what was told before.
    pub(super) fn go_on(&mut self, Told(people, manager): Told) {
        (self.people, self.manager) = (people, manager);
    }

    /// Those of the command line and these.
    fn silence(&mut self, more: Vec<Silence>) {
        let all = self.given.iter().cloned().chain(more);
        let all: Vec<Silence> = all.collect();
        metrics::gauge!(SILENCES).set(all.len() as f64);
        self.people.silence_only(all.iter().cloned());
        self.manager.silence_only(all);
    }

    /// Takes the silences of the file when it was changed and is in order.
    fn look(&mut self, now: UnixNanos) {
        let Some(followed) = self.followed.as_mut().filter(|_| now.since(self.looked) >= LOOK)
        else {
            return;
        };
        self.looked = now;
        let outcome = match followed.look() {
            News::Same => return,
            News::Changed(silences) => {
                tracing::info!(silences = silences.len(), "the file of silences was changed");
                self.silence(silences);
                "taken"
            }
            News::Gone => {
                tracing::warn!("the file of silences is gone: what it said last holds");
                "gone"
            }
            News::Refused(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::error!(error, "the silences are those of before");
                "refused"
            }
        };
        metrics::counter!(RELOADS, "outcome" => outcome).increment(1);
    }

    /// Tells what has happened since; whether there was anything.
    pub(super) fn tell(&mut self, now: UnixNanos, fleet: &mut Fleet) -> io::Result<bool> {
        self.look(now);
        let mut news = false;
        while let Some(event) = fleet.poll_event() {
            self.people.handle_event(now, &event);
            self.manager.handle_event(now, &event);
        }
        self.people.handle_timeout(now, fleet.alerts().active());
        self.manager.handle_timeout(now, fleet.alerts().active());
        let mut out = io::stdout().lock();
        while let Some(notice) = self.people.poll_notice() {
            news = true;
            metrics::counter!(NOTICES, "status" => notice.status.label()).increment(1);
            writeln!(out, "{}", json_line(&notice))?;
            out.flush()?;
            if let Some(post) = &self.webhook {
                post.send(json_line(&notice));
            }
            if let Some(post) = &self.slack {
                post.send(slack(&notice));
            }
            if let Some((post, key)) = &self.pagerduty {
                post.send(pagerduty(&notice, key));
            }
        }
        let notices: Vec<Notice> = std::iter::from_fn(|| self.manager.poll_notice()).collect();
        news |= !notices.is_empty();
        if let (Some((post, sink)), false) = (&self.alertmanager, notices.is_empty()) {
            post.send(sink.body(now, &notices));
        }
        Ok(news)
    }
}

impl Drop for Desk {
    /// All end at the same time, not one after the other.
    fn drop(&mut self) {
        let pagerduty = self.pagerduty.iter().map(|(post, _)| post);
        let alertmanager = self.alertmanager.iter().map(|(post, _)| post);
        let posts = self.webhook.iter().chain(&self.slack).chain(pagerduty).chain(alertmanager);
        posts.for_each(Post::end);
    }
}

/// The one line of a file that nobody else should read.
pub(super) fn secret(file: &Path) -> Result<Secret> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(!text.trim().is_empty(), "{} is empty", file.display());
    Ok(Secret::new(text.trim()))
}

/// How often the file of silences is looked at.
const LOOK: Duration = Duration::from_secs(1);
pub(super) const NOTICES: &str = "watch_notices_total";
pub(super) const DELIVERIES: &str = "watch_deliveries_total";
pub(super) const SILENCES: &str = "watch_silences";
pub(super) const RELOADS: &str = "watch_silence_reloads_total";
