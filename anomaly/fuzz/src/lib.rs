//! What the fuzz targets do with their bytes; `tests/fuzz_seeds.rs` does the same with the seeds.

use anomaly::feed::{Exposition, Format, Scrape, Statsd};
use anomaly::{Labels, Matchers, UnixNanos, Weekly};

/// Reads the bytes as an exposition of either format, whole and in two pieces, and scrapes them
/// twice.
pub fn exposition(bytes: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        let read = |pieces: &[&[u8]]| {
            let (mut lines, mut shown) = (Exposition::new(format), Vec::new());
            for piece in pieces {
                lines.push(piece, |line| shown.push(format!("{line:?}")));
            }
            lines.finish(|line| shown.push(format!("{line:?}")));
            shown
        };
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        assert_eq!(read(&[bytes]), read(&[head, tail]));
        let mut scrape = Scrape::new(Labels::default()).most_series(64);
        for second in 1..3 {
            scrape.handle(at(second), format, bytes);
            let samples = std::iter::from_fn(|| scrape.poll_sample()).count();
            assert!(samples <= 64 * 3, "{samples}");
        }
    }
}

/// Takes the bytes for a datagram, and flushes what it brought.
pub fn statsd(bytes: &[u8]) {
    let mut statsd = Statsd::new(Labels::default()).most_series(64);
    statsd.flush(at(0));
    statsd.handle_datagram(bytes);
    for (labels, sample) in statsd.flush(at(10)) {
        assert!(labels.value("metric").is_some_and(|metric| !metric.is_empty()));
        assert!(sample.value.is_finite(), "{labels} {}", sample.value);
    }
}

/// Parses the bytes as matchers and as a weekly window: what is understood is written, and read
/// again, as the same.
pub fn matchers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(matchers) = text.parse::<Matchers>() {
        assert_eq!(matchers.to_string().parse(), Ok(matchers.clone()), "{text}");
        let _ = matchers.matches(&Labels::new([("host", "a"), ("site", text)]));
    }
    if let Ok(window) = text.parse::<Weekly>() {
        assert!((0..7 * 24 * 60).any(|minute| window.contains(at(minute * 60))), "{text}");
        assert_eq!(window.to_string().parse(), Ok(window), "{text}");
    }
}

fn at(second: i64) -> UnixNanos {
    UnixNanos::new(second * 1_000_000_000)
}
