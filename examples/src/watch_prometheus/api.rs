//! Prometheus' HTTP API: `query` and `query_range`.

use std::collections::BTreeMap;
use std::time::Duration;

use anomaly::sink::Secret;
use anomaly::{Labels, Sample, UnixNanos};
use serde::Deserialize;
use ureq::Agent;

/// A Prometheus.
#[derive(Debug)]
pub(super) struct Api {
    url: String,
    agent: Agent,
    token: Option<Secret>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0} is no URL: give http://HOST:PORT")]
    Url(String),
    #[error("no answer from {url}")]
    Unreachable { url: String, source: Box<ureq::Error> },
    #[error("the query is refused: {0}")]
    Refused(String),
    #[error("{url} answers with status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} answers with what is no result: {because}; is it a Prometheus?")]
    Answer { url: String, because: String },
    #[error("the result is a {0}: give a query for a vector or a scalar")]
    Kind(String),
}

impl ApiError {
    /// Asking again will not help.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Self::Url(_) | Self::Refused(_) | Self::Kind(_))
    }
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

impl Api {
    pub(super) fn new(url: &str, token: Option<Secret>) -> Result<Self, ApiError> {
        let fits = url.starts_with("http://") || url.starts_with("https://");
        if !fits || url.parse::<ureq::http::Uri>().is_err() {
            return Err(ApiError::Url(url.into()));
        }
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT));
        let agent = config.http_status_as_error(false).build().into();
        Ok(Self { url: url.trim_end_matches('/').into(), agent, token })
    }

    /// What a query gives at an instant.
    pub(super) fn query(
        &self,
        query: &str,
        at: UnixNanos,
    ) -> Result<Vec<(Labels, Sample)>, ApiError> {
        self.ask("query", query, &[("query", query.into()), ("time", seconds(at))])
    }

    /// What it gives at every step of a range, both ends included.
    pub(super) fn query_range(
        &self,
        query: &str,
        first: UnixNanos,
        last: UnixNanos,
        step: i64,
    ) -> Result<Vec<(Labels, Sample)>, ApiError> {
        let pairs = [
            ("query", query.into()),
            ("start", seconds(first)),
            ("end", seconds(last)),
            ("step", step.to_string()),
        ];
        self.ask("query_range", query, &pairs)
    }

    fn ask(
        &self,
        what: &str,
        query: &str,
        pairs: &[(&str, String)],
    ) -> Result<Vec<(Labels, Sample)>, ApiError> {
        let url = || self.url.clone();
        let lost =
            |source: ureq::Error| ApiError::Unreachable { url: url(), source: source.into() };
        let request = self.agent.get(format!("{}/api/v1/{what}", self.url));
        let request =
            request.query_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str())));
        let request = match &self.token {
            Some(token) => request.header("authorization", token.expose()),
            None => request,
        };
        let mut answer = request.call().map_err(lost)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MOST_BODY).read_to_vec().map_err(lost)?;
        match serde_json::from_slice::<Answer>(&body) {
            Ok(Answer { status, data: Some(data), .. }) if status == "success" => {
                series(data, query).map_err(|failed| match failed {
                    Unread::Kind(kind) => ApiError::Kind(kind),
                    Unread::Json(error) => {
                        ApiError::Answer { url: url(), because: error.to_string() }
                    }
                })
            }
            Ok(Answer { error: Some(error), .. }) if (400..500).contains(&status) => {
                Err(ApiError::Refused(error))
            }
            _ if !(200..300).contains(&status) => Err(ApiError::Status { url: url(), status }),
            Ok(_) => Err(ApiError::Answer { url: url(), because: "no data".into() }),
            Err(error) => Err(ApiError::Answer { url: url(), because: error.to_string() }),
        }
    }
}

enum Unread {
    Kind(String),
    Json(serde_json::Error),
}

/// Labels and samples of a vector, a matrix or a scalar. The metric's name is the label `metric`;
/// where there is none, the query is.
fn series(data: Data, query: &str) -> Result<Vec<(Labels, Sample)>, Unread> {
    let all: Vec<Series> = match data.kind.as_str() {
        "vector" | "matrix" => serde_json::from_value(data.result).map_err(Unread::Json)?,
        "scalar" => {
            let value = serde_json::from_value(data.result).map_err(Unread::Json)?;
            vec![Series { metric: BTreeMap::new(), values: Vec::new(), value: Some(value) }]
        }
        kind => return Err(Unread::Kind(kind.into())),
    };
    let mut samples = Vec::new();
    for Series { mut metric, values, value } in all {
        let name = metric.remove("__name__").unwrap_or_else(|| query.to_owned());
        let own = metric.iter().map(|(label, value)| match label.as_str() {
            "metric" => ("exported_metric", value.as_str()),
            label => (label, value.as_str()),
        });
        let labels = Labels::new(own.chain([("metric", name.as_str())]));
        for (second, value) in values.into_iter().chain(value) {
            let at = UnixNanos::new((second * 1e3).round() as i64 * 1_000_000);
            samples.push((labels.clone(), Sample::new(at, value.parse().unwrap_or(f64::NAN))));
        }
    }
    Ok(samples)
}

fn seconds(at: UnixNanos) -> String {
    (at.as_nanos() / 1_000_000_000).to_string()
}

const TIMEOUT: Duration = Duration::from_mins(1);
const MOST_BODY: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &str) -> Vec<(String, i64, f64)> {
        let data = serde_json::from_str(data).expect("data");
        let Ok(samples) = series(data, "a+b") else { panic!("no series") };
        let shown = |(labels, sample): (Labels, Sample)| {
            (labels.to_string(), sample.at.as_nanos() / 1_000_000, sample.value)
        };
        samples.into_iter().map(shown).collect()
    }

    #[test]
    fn every_kind_of_result_is_read() {
        let vector = r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"x"},"value":[1435781451.781,"1"]}]}"#;
        assert_eq!(of(vector), [(r#"{job="x", metric="up"}"#.into(), 1_435_781_451_781, 1.0)]);
        let matrix = r#"{"resultType":"matrix","result":[{"metric":{"metric":"m"},"values":[[1,"1"],[2,"+Inf"]]}]}"#;
        let named = r#"{exported_metric="m", metric="a+b"}"#;
        assert_eq!(of(matrix), [(named.into(), 1_000, 1.0), (named.into(), 2_000, f64::INFINITY)]);
        let scalar = r#"{"resultType":"scalar","result":[3,"NaN"]}"#;
        assert!(
            matches!(&of(scalar)[..], [(labels, 3_000, value)] if value.is_nan() && labels == r#"{metric="a+b"}"#)
        );
        let string = r#"{"resultType":"string","result":[3,"x"]}"#;
        let data = serde_json::from_str(string).expect("data");
        assert!(matches!(series(data, "x"), Err(Unread::Kind(_))));
    }
}
