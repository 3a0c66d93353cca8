//! How a live task judges, and whom it tells.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anomaly::{Config, Dispatch, Fleet, Inhibition, Labels, Matchers, Policy, Silence};

use anyhow::Result;

use super::rules::{Maintenance, inhibition, label, matchers};
use crate::watch_season;

/// Options of all live tasks.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "live")]
pub struct Args {
    /// False alarms that a week may bring on each series
    #[arg(long, value_name = "N", default_value_t = 1.0, help_heading = "Judging")]
    pub false_alarms_per_week: f64,
    /// Values of a series to learn from before it is judged
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Judging")]
    pub learning: u32,
    /// What the series repeat with.
    #[command(flatten)]
    pub season: watch_season::Args,
    /// Alert when a series has had no value for this long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Judging")]
    pub missing_after: Option<Duration>,
    /// Series watched at once; a new one takes the place of the one unheard of for the longest time
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Judging")]
    pub most_series: usize,
    /// Forget a series that nothing was heard of for this long; never otherwise
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Judging")]
    pub idle_after: Option<Duration>,
    /// Keep here what was learned, over a restart; each series goes on as it was judged before. What is on
    /// and was told of it is kept beside it, in FILE.alerts
    #[arg(long, value_name = "FILE", help_heading = "Judging")]
    pub state: Option<PathBuf>,

    /// Series that agree in all of these labels make one incident
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Alerts")]
    pub group_by: Vec<String>,
    /// Series that agree in any of these labels, and move at the same time, make one incident
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = "instance,host",
        help_heading = "Alerts"
    )]
    pub link_by: Vec<String>,
    /// How long a change must last to be told
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration, help_heading = "Alerts")]
    pub raise_after: Duration,
    /// How long a series must be calm for its alert to clear
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration, help_heading = "Alerts")]
    pub clear_after: Duration,
    /// How long an incident gathers its series before it is told
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration, help_heading = "Alerts")]
    pub wait: Duration,
    /// Tell again after this time what is still on
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = humantime::parse_duration, help_heading = "Alerts")]
    pub repeat: Duration,
    /// Do not tell of series that match, like 'host=~"test.*"'
    #[arg(long, value_name = "MATCHERS", value_parser = matchers, help_heading = "Alerts")]
    pub silence: Vec<Matchers>,
    /// Do not tell of series that match in these hours, like 'Sat,Sun 02:00-04:00 host=a'
    #[arg(long, value_name = "DAYS HOURS MATCHERS", value_parser = Maintenance::parse, help_heading = "Alerts")]
    pub maintenance: Vec<Maintenance>,
    /// A file of more silences, read again when it changes; `watch silence` edits it
    #[arg(long, value_name = "FILE", help_heading = "Alerts")]
    pub silences: Option<PathBuf>,
    /// While an alert matches SOURCE, do not tell of those that match TARGET and agree in the labels
    #[arg(long, value_name = "SOURCE -> TARGET [equal NAME,…]", value_parser = inhibition, help_heading = "Alerts")]
    pub inhibit: Vec<Inhibition>,

    /// Alertmanager to tell, like http://localhost:9093
    #[arg(long, value_name = "URL", help_heading = "Destinations")]
    pub alertmanager: Option<String>,
    /// How often Alertmanager is told again: it forgets what it does not hear of for four times as long
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration, help_heading = "Destinations")]
    pub resend: Duration,
    /// Labels that every alert gets at Alertmanager, like severity=page
    #[arg(long, value_name = "NAME=VALUE", value_parser = label, help_heading = "Destinations")]
    pub label: Vec<(String, String)>,
    /// POST each alert here, as the JSON object that standard output gets
    #[arg(long, value_name = "URL", help_heading = "Destinations")]
    pub webhook: Option<String>,
    /// A file with the URL of a Slack webhook
    #[arg(long, value_name = "FILE", help_heading = "Destinations")]
    pub slack_url_file: Option<PathBuf>,
    /// A file with the routing key of a PagerDuty service
    #[arg(long, value_name = "FILE", help_heading = "Destinations")]
    pub pagerduty_key_file: Option<PathBuf>,
    /// Where PagerDuty's events go
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://events.pagerduty.com/v2/enqueue",
        help_heading = "Destinations"
    )]
    pub pagerduty_url: String,
    /// Serve Prometheus metrics here, at /metrics
    #[arg(long, value_name = "ADDR", help_heading = "Destinations")]
    pub metrics: Option<SocketAddr>,
}

impl Args {
    pub(super) fn fleet(&self, every: Duration) -> Result<Fleet> {
        let mut config = Config::default()
            .false_alarms_per_week(self.false_alarms_per_week)
            .learning(self.learning);
        config = self.season.of(config)?;
        if let Some(silence) = self.missing_after {
            config = config.missing_after(silence);
        }
        let policy = Policy::default()
            .group_by(self.group_by.iter().map(String::as_str))
            .link_by(self.link_by.iter().map(String::as_str))
            .link_within((every * 5).max(Duration::from_mins(5)))
            .simultaneous(every)
            .raise_after(self.raise_after)
            .clear_after(self.clear_after)
            .forget_after((every * 5).max(Duration::from_mins(10)));
        let fleet = Fleet::new(config, policy).most_series(self.most_series);
        Ok(self.idle_after.into_iter().fold(fleet, Fleet::idle_after))
    }

    /// A dispatch with the rules given, silences apart, which tells again every `repeat`.
    pub(super) fn dispatch(&self, repeat: Duration) -> Dispatch {
        let dispatch = Dispatch::new().wait(self.wait).repeat(repeat);
        self.inhibit.iter().cloned().fold(dispatch, Dispatch::inhibit)
    }

    /// The silences and maintenance windows of the command line.
    pub(super) fn given_silences(&self) -> Result<Vec<Silence>> {
        let zone = self.season.named()?;
        let silences = self.silence.iter().cloned().map(Silence::new);
        let windows = self.maintenance.iter().map(|window| window.silence(&zone));
        Ok(silences.chain(windows).collect())
    }

    pub(super) fn extra_labels(&self) -> Labels {
        Labels::new(self.label.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}
