//! `watch prometheus`: the results of queries, learned from their history.

mod api;

use std::time::Duration;

use anomaly::{Labels, Sample, UnixNanos};
use anyhow::Result;

use crate::watch_live::{self, Fed, Feed, Token, now};
use api::Api;

/// Watch the results of queries to a Prometheus, which is asked for their history at start
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The Prometheus, like http://localhost:9090
    #[arg(value_name = "URL")]
    pub url: String,
    /// What to watch: each series of the result is one; may be given several times
    ///
    /// Prometheus repeats the last value of a series that has none for five minutes, which looks like a
    /// flatline; `last_over_time(NAME[2m])` repeats it for two at most.
    #[arg(long, value_name = "QUERY", required = true)]
    pub query: Vec<String>,
    /// How far apart values are
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// How much of the past to learn from
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
    pub history: Duration,
    #[command(flatten)]
    token: Token,
    #[command(flatten)]
    live: watch_live::Args,
}

/// Watches until stopped. What could not be asked for in time is asked for later.
///
/// # Errors
///
/// When Prometheus does not understand a query, or standard output is gone.
pub fn run(args: &Args) -> Result<()> {
    let every = Duration::from_secs(args.every.as_secs().max(1));
    let token = args.token.header()?;
    let query = |query: &String| {
        Ok(Query { api: Api::new(&args.url, token.clone())?, query: query.clone() })
    };
    let queries = args.query.iter().map(query).collect::<Result<Vec<_>>>()?;
    watch_live::run(&args.live, every, |feed| {
        for query in queries {
            let (feed, history) = (feed.clone(), args.history);
            let follow = move || query.follow(every, history, &feed);
            std::thread::Builder::new().name("query".into()).spawn(follow)?;
        }
        Ok(())
    })
}

struct Query {
    api: Api,
    query: String,
}

impl Query {
    fn follow(&self, every: Duration, history: Duration, feed: &Feed) {
        // Instants on the grid of `every`: what is asked for live lies where the history lies.
        let step = every.as_secs() as i64;
        let on_grid = || now().as_nanos().div_euclid(BILLION) / step * step;
        let mut next = on_grid() - (history.as_secs() as i64 / step).min(MOST_STEPS) * step;
        let mut learned = false;
        loop {
            let upto = on_grid();
            while next <= upto {
                let last = upto.min(next + (STEPS_AT_ONCE - 1) * step);
                let samples = match self.samples(next, last, step) {
                    Ok(samples) => samples,
                    Err(error) if error.is_lasting() => {
                        feed.send(Fed::Failed(error.into()));
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no answer; what is missed is asked for again");
                        break;
                    }
                };
                tracing::info!(samples = samples.len(), "asked");
                let fed = if learned { Fed::Now(samples) } else { Fed::Past(samples) };
                if !feed.send(fed) {
                    return;
                }
                next = last + step;
            }
            learned |= next > upto;
            let pause = Duration::from_nanos((next * BILLION - now().as_nanos()).max(0) as u64);
            let pause = if next <= upto { every.min(AGAIN) } else { pause + LATE };
            if !feed.pause(pause) {
                return;
            }
        }
    }

    /// By instant, so that series grow side by side.
    fn samples(
        &self,
        first: i64,
        last: i64,
        step: i64,
    ) -> Result<Vec<(Labels, Sample)>, api::ApiError> {
        let at = |second: i64| UnixNanos::new(second * BILLION);
        let mut samples = if first == last {
            self.api.query(&self.query, at(first))?
        } else {
            self.api.query_range(&self.query, at(first), at(last), step)?
        };
        samples.sort_by_key(|(_, sample)| sample.at);
        Ok(samples)
    }
}

const BILLION: i64 = 1_000_000_000;
/// Prometheus gives at most 11,000 points of a series at once.
const STEPS_AT_ONCE: i64 = 10_000;
/// A year of minutes: more would not be forgotten sooner.
const MOST_STEPS: i64 = 525_600;
/// Scrapes want a moment to arrive.
const LATE: Duration = Duration::from_millis(200);
const AGAIN: Duration = Duration::from_secs(10);
