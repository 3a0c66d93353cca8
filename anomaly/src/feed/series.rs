//! The labels of what is made of a metric.

use std::borrow::Cow;

use crate::alert::Labels;

/// `metric`, `of`, what every series of the feed has, and the metric's own labels.
pub(super) fn series<'a>(
    metric: &'a str,
    of: Option<&'a str>,
    common: &'a Labels,
    own: impl Iterator<Item = (&'a str, &'a str)>,
) -> Labels {
    let ours = |name: &str| matches!(name, METRIC | OF) || common.value(name).is_some();
    let own = own.map(|(name, value)| {
        let taken = ours(name).then(|| Cow::Owned(format!("exported_{name}")));
        (taken.unwrap_or(Cow::Borrowed(name)), value)
    });
    let given = of.map(|of| (OF, of)).into_iter().chain([(METRIC, metric)]);
    let given = common.iter().chain(given).map(|(name, value)| (Cow::Borrowed(name), value));
    Labels::new(own.chain(given))
}

/// What a quantile is called: 0.5 `p50`, 0.999 `p99.9`.
pub(super) fn quantile_name(q: f64) -> String {
    let percent = (q * 100.0 * 1e6).round() / 1e6;
    format!("p{percent}")
}

const METRIC: &str = "metric";
const OF: &str = "of";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_like_ours_is_renamed() {
        let common = Labels::new([("instance", "a:1")]);
        let own = [("metric", "x"), ("instance", "y"), ("code", "200")];
        let labels = series("up", Some("rate"), &common, own.into_iter());
        let shown = r#"{code="200", exported_instance="y", exported_metric="x", instance="a:1", metric="up", of="rate"}"#;
        assert_eq!(labels.to_string(), shown);
        assert_eq!([0.5, 0.99, 0.999].map(quantile_name), ["p50", "p99", "p99.9"]);
    }
}
