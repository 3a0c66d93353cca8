//! Prometheus text and OpenMetrics, whole and in pieces; what a target's scrapes become.
#![cfg(feature = "feeds")]

use std::collections::BTreeMap;

use anomaly::feed::{Exposition, Family, Format, Line, Malformed, Scrape};
use anomaly::{Labels, UnixNanos};
use proptest::prelude::*;

const TEXT: &str = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400",}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
nothing NaN
  spaced	 {  a = "b"  ,  }	 -1e-3   7
{"dotted.name","quoted.label"="ü",plain="1"} 5
"#;

const OPEN: &str = r#"# TYPE foo_seconds summary
# UNIT foo_seconds seconds
foo_seconds{quantile="0.95"} 123.7
foo_seconds_count{a="b"} 17 1520879607.789
# TYPE acme histogram
acme_bucket{le="0.1"} 8 # {} 0.054
acme_bucket{le="1"} 11 1.5 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.5
acme_bucket{le="+Inf"} 17
# EOF
"#;

/// Every line, shown.
fn read(format: Format, pieces: &[&[u8]]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut reader = Exposition::new(format);
    for piece in pieces {
        reader.push(piece, |line| shown.push(format!("{line:?}")));
    }
    reader.finish(|line| shown.push(format!("{line:?}")));
    shown
}

/// A metric's name, labels, value, and nanoseconds.
type Shown = (String, BTreeMap<String, String>, f64, Option<i64>);

fn points(format: Format, text: &str) -> Vec<Shown> {
    let mut points = Vec::new();
    let mut reader = Exposition::new(format);
    reader.push(text.as_bytes(), |line| match line {
        Ok(Line::Point(point)) => {
            let labels = point.labels.iter().map(|(n, v)| (n.to_string(), v.to_string()));
            let at = point.at.map(UnixNanos::as_nanos);
            points.push((point.metric.to_string(), labels.collect(), point.value, at));
        }
        Ok(_) => {}
        Err(error) => panic!("{error}"),
    });
    reader.finish(|line| drop(line.expect("whole")));
    points
}

#[test]
fn the_text_format_with_all_its_escapes() {
    let points = points(Format::Text, TEXT);
    let names: Vec<_> = points.iter().map(|point| point.0.as_str()).collect();
    assert_eq!(
        names[2..],
        [
            "msdos_file_access_time_seconds",
            "metric_without_timestamp_and_labels",
            "something_weird",
            "nothing",
            "spaced",
            "dotted.name"
        ]
    );
    assert_eq!(points[0].1["code"], "200");
    assert_eq!((points[0].2, points[0].3), (1027.0, Some(1_395_066_363_000_000_000)));
    assert_eq!(points[2].1["path"], r"C:\DIR\FILE.TXT");
    assert_eq!(points[2].1["error"], "Cannot find file:\n\"FILE.TXT\"");
    assert_eq!((points[4].2, points[4].3), (f64::INFINITY, Some(-3_982_045_000_000)));
    assert!(points[5].2.is_nan());
    assert_eq!((points[6].2, &points[6].1["a"]), (-0.001, &"b".to_owned()));
    assert_eq!(points[7].1["quoted.label"], "ü");
}

#[test]
fn openmetrics_with_units_and_exemplars() {
    let points = points(Format::OpenMetrics, OPEN);
    assert_eq!(points[1].3, Some(1_520_879_607_789_000_000));
    let mut exemplars = Vec::new();
    let (mut unit, mut families) = (None, Vec::new());
    Exposition::new(Format::OpenMetrics).push(OPEN.as_bytes(), |line| match line {
        Ok(Line::Point(point)) => exemplars.extend(
            point
                .exemplar
                .map(|e| (e.value, e.labels.first().map(|(_, v)| v.to_string()), e.at.is_some())),
        ),
        Ok(Line::Unit { metric, unit: of }) => unit = Some((metric.to_string(), of.to_owned())),
        Ok(Line::Type { family, .. }) => families.push(family),
        _ => {}
    });
    assert_eq!(exemplars, [(0.054, None, false), (0.67, Some("KOO5S4vxi0o".into()), true)]);
    assert_eq!(unit, Some(("foo_seconds".into(), "seconds".into())));
    assert_eq!(families, [Family::Summary, Family::Histogram]);
}

#[test]
fn the_end_is_missed_and_what_follows_it_refused() {
    let errors = |text: &str| {
        let mut errors = Vec::new();
        let mut reader = Exposition::new(Format::OpenMetrics);
        reader.push(text.as_bytes(), |line| errors.extend(line.err()));
        reader.finish(|line| errors.extend(line.err()));
        errors.iter().map(|error| (error.line, error.what)).collect::<Vec<_>>()
    };
    assert_eq!(errors("a 1\n"), [(2, Malformed::NoEof)]);
    assert_eq!(errors("a 1\n# EOF"), []);
    assert_eq!(errors("# EOF\na 1\n"), [(2, Malformed::AfterEof)]);
}

#[test]
fn a_line_without_end_takes_bounded_room() {
    let long = vec![b'x'; 3 * Exposition::MOST_LINE];
    let mut errors = Vec::new();
    let mut reader = Exposition::new(Format::Text);
    let mut points = 0;
    for piece in [&b"a 1\n"[..], &long, b" 1\n# HELP ", &long, b"\nb 2\n", &long] {
        reader.push(piece, |line| match line {
            Ok(Line::Point(_)) => points += 1,
            Ok(_) => {}
            Err(error) => errors.push((error.line, error.what)),
        });
    }
    reader.finish(|line| errors.extend(line.err().map(|error| (error.line, error.what))));
    assert_eq!(points, 2);
    assert_eq!(errors, [(2, Malformed::TooLong), (5, Malformed::TooLong)]);
}

#[test]
fn pieces_make_no_difference() {
    for (format, text) in [(Format::Text, TEXT), (Format::OpenMetrics, OPEN)] {
        let whole = read(format, &[text.as_bytes()]);
        for cut in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            assert_eq!(read(format, &[head, tail]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(format, &bytes), whole);
    }
}

proptest! {
    #[test]
    fn any_label_value_comes_back(value in "\\PC{0,20}|[\"\\\\\n{},= ]{0,9}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let line = format!("m{{a=\"{escaped}\"}} 1");
        let Ok(Line::Point(point)) = Line::parse(&line, Format::Text) else {
            return Err(TestCaseError::fail(line));
        };
        prop_assert_eq!(&point.labels[0].1, &value);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
        let cut = cut.min(bytes.len());
        let (head, tail) = bytes.split_at(cut);
        prop_assert_eq!(read(Format::Text, &[&bytes]), read(Format::Text, &[head, tail]));
    }
}

fn at(second: i64) -> UnixNanos {
    UnixNanos::new(second * 1_000_000_000)
}

/// What a scrape gives, by the series' shown labels.
fn scraped(scrape: &mut Scrape, second: i64, body: &str) -> BTreeMap<String, f64> {
    assert_eq!(scrape.handle(at(second), Format::Text, body.as_bytes()), None);
    let samples = std::iter::from_fn(|| scrape.poll_sample());
    samples.map(|(labels, sample)| (labels.to_string(), sample.value)).collect()
}

fn exposition(requests: u32, low: u32, high: u32, up: &str) -> String {
    format!(
        "# TYPE requests_total counter\nrequests_total{{code=\"200\"}} {requests}\nrequests_created 1\n\
         # TYPE took histogram\ntook_bucket{{le=\"1\",op=\"x\"}} {low}\ntook_bucket{{le=\"2\",op=\"x\"}} {high}\n\
         took_bucket{{le=\"+Inf\",op=\"x\"}} {high}\ntook_sum{{op=\"x\"}} 5\ntook_count{{op=\"x\"}} {high}\n\
         # TYPE up gauge\nup {up}\nloose_total {requests}\nthings_count 4\n# TYPE build_info info\nbuild_info 1\n"
    )
}

#[test]
fn counters_become_rates_and_histograms_quantiles() {
    let mut scrape = Scrape::new(Labels::new([("instance", "a:1")]));
    let first = scraped(&mut scrape, 0, &exposition(100, 10, 20, "1"));
    assert_eq!(first.len(), 2, "gauges alone: {first:?}");
    let second = scraped(&mut scrape, 10, &exposition(150, 20, 40, "NaN"));
    let value = |labels: &str| second[&format!("{{{labels}}}")];
    assert_eq!(value(r#"code="200", instance="a:1", metric="requests_total", of="rate""#), 5.0);
    assert_eq!(value(r#"instance="a:1", metric="loose_total", of="rate""#), 5.0);
    assert_eq!(value(r#"instance="a:1", metric="things_count""#), 4.0);
    assert!(value(r#"instance="a:1", metric="up""#).is_nan());
    let took = |of: &str| value(&format!(r#"instance="a:1", metric="took", of="{of}", op="x""#));
    assert_eq!((took("rate"), took("p50"), took("p99")), (2.0, 1.0, 1.98));
    assert_eq!(second.len(), 7, "{second:?}");
    // Restarted: fifty since, of which none was slow.
    let third = scraped(&mut scrape, 20, &exposition(50, 5, 5, "1"));
    let value = |labels: &str| third[&format!("{{{labels}}}")];
    assert_eq!(value(r#"code="200", instance="a:1", metric="requests_total", of="rate""#), 5.0);
    assert_eq!(value(r#"instance="a:1", metric="took", of="p50", op="x""#), 0.5);
    // Nothing observed: no quantile, but a rate.
    let fourth = scraped(&mut scrape, 30, &exposition(50, 5, 5, "1"));
    assert!(!fourth.keys().any(|labels| labels.contains("p50")), "{fourth:?}");
    assert_eq!(fourth[r#"{instance="a:1", metric="took", of="rate", op="x"}"#], 0.0);
}

#[test]
fn a_target_without_number_of_series_takes_bounded_room() {
    let mut scrape = Scrape::new(Labels::default()).most_series(100);
    for turn in 0..50_i64 {
        let lines = (0..300).map(|i| format!("x_total{{id=\"{turn}-{i}\"}} 1\nbad line{{\n"));
        let body = lines.collect::<Vec<_>>().concat();
        let error = scrape.handle(at(turn), Format::Text, body.as_bytes());
        assert_eq!(error.map(|error| error.line), Some(2));
        assert_eq!(std::iter::from_fn(|| scrape.poll_sample()).count(), 0);
    }
    let stats = scrape.stats();
    assert_eq!((stats.scrapes, stats.points, stats.malformed), (50, 5_000, 15_000));
    assert!(stats.refused >= 10_000, "{stats:?}");
}
