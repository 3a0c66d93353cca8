//! Who is told of an alert: standard output, Alertmanager, webhooks.

use std::io::{self, Write};
use std::path::Path;

use anomaly::sink::{Alertmanager, Secret, json_line, pagerduty, slack};
use anomaly::{Dispatch, Fleet, Notice, UnixNanos};
use anyhow::{Context, Result, ensure};

use super::args::Args;
use super::post::Post;

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
}

impl Desk {
    pub(super) fn new(args: &Args) -> Result<Self> {
        let webhook = args.webhook.as_deref().map(|url| Post::new(&Secret::new(url))).transpose();
        let slack = args.slack_url_file.as_deref().map(|file| Post::new(&secret(file)?));
        let pager = args.pagerduty_key_file.as_deref();
        let pager = pager.map(|file| {
            Ok::<_, anyhow::Error>((Post::new(&Secret::new(&*args.pagerduty_url))?, secret(file)?))
        });
        let manager = args.alertmanager.as_deref().map(|url| {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let sink = Alertmanager::new(args.resend).extra(args.extra_labels());
            Ok::<_, anyhow::Error>((Post::new(&Secret::new(url))?, sink))
        });
        Ok(Self {
            people: args.dispatch(args.repeat)?,
            webhook: webhook.context("--webhook")?,
            slack: slack.transpose().context("--slack-url-file")?,
            pagerduty: pager.transpose().context("--pagerduty-url")?,
            manager: args.dispatch(args.resend)?,
            alertmanager: manager.transpose().context("--alertmanager")?,
        })
    }

    /// Tells what has happened since.
    pub(super) fn tell(&mut self, now: UnixNanos, fleet: &mut Fleet) -> io::Result<()> {
        while let Some(event) = fleet.poll_event() {
            self.people.handle_event(now, &event);
            self.manager.handle_event(now, &event);
        }
        self.people.handle_timeout(now, fleet.alerts().active());
        self.manager.handle_timeout(now, fleet.alerts().active());
        let mut out = io::stdout().lock();
        while let Some(notice) = self.people.poll_notice() {
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
        if let (Some((post, sink)), false) = (&self.alertmanager, notices.is_empty()) {
            post.send(sink.body(now, &notices));
        }
        Ok(())
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

pub(super) const NOTICES: &str = "watch_notices_total";
