//! Bytes taken for snapshots.

use std::time::Duration;

use anomaly::{
    Alerts, Config, Detector, Dispatch, Fleet, Labels, Policy, Sample, Season, UnixNanos,
};

/// Takes the bytes for a detector, for a fleet, for alerts, and, with the checksum put right, for
/// the state of a detector: what is accepted goes on without a panic.
pub fn snapshot(bytes: &[u8]) {
    if let Ok(detector) = Detector::from_bytes(bytes) {
        go_on(detector);
    }
    let mut fleet = Fleet::new(Config::default(), Policy::default());
    let _ = fleet.load(bytes);
    let Some(bytes) = with_checksum(bytes) else { return };
    if let Ok(detector) = Detector::from_bytes(&bytes) {
        go_on(detector);
    }
    alerts(&bytes);
}

/// Takes bytes for alerts and for what was told of them, and goes on from what is accepted until
/// all of it is over.
fn alerts(bytes: &[u8]) {
    let mut dispatch = Dispatch::new().repeat(Duration::from_secs(1));
    let _ = dispatch.resume(bytes);
    if let Ok(mut alerts) = Alerts::resume(Policy::default(), at(1_000), bytes) {
        dispatch.handle_timeout(at(2_000), alerts.active());
        while let Some(event) = alerts.poll_forgotten(at(u64::MAX >> 34)) {
            dispatch.handle_event(at(3_000), &event);
        }
    }
    while let Some(notice) = dispatch.poll_notice() {
        assert!(!notice.alert.to_string().is_empty());
    }
}

/// Alerts of two series in alarm, and what was told of them: what the seeds are.
pub fn alarmed() -> [Vec<u8>; 2] {
    let policy = Policy::default().link_by(["host"]);
    let (mut fleet, mut dispatch) = (Fleet::new(Config::default(), policy), Dispatch::new());
    for second in 0..100 {
        let value = (second * 7919 % 101) as f64 + if second > 97 { 9000.0 } else { 0.0 };
        for metric in ["a", "b"] {
            let labels = Labels::new([("host", "h"), ("metric", metric)]);
            fleet.observe(&labels, Sample::new(at(second), value));
        }
    }
    dispatch.handle_timeout(at(100), fleet.alerts().active());
    assert!(fleet.alerts().active().count() > 0);
    [fleet.alerts().to_bytes(), dispatch.to_bytes()]
}

/// A snapshot that uses every part of the state: what the seed is.
pub fn learned() -> Vec<u8> {
    let season = Season::new(Duration::from_mins(1), 12);
    let config = Config::default().learning(30).season(season).forecasts(true);
    let mut detector = Detector::new(config);
    for second in 0_u32..400 {
        let value = f64::from(second * 7919 % 101) + if second > 380 { 900.0 } else { 0.0 };
        detector.observe(Sample::new(at(second.into()), value));
    }
    detector.to_bytes()
}

/// The bytes as they are, with the checksum of what follows it.
fn with_checksum(bytes: &[u8]) -> Option<Vec<u8>> {
    let state = bytes.get(8..)?;
    let crc = state.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    Some([&bytes[..4], &(!crc).to_le_bytes(), state].concat())
}

fn go_on(mut detector: Detector) {
    let start = detector.last_value().unwrap_or(at(0));
    for step in 0..80_u64 {
        let value = [1.0, f64::NAN, -1e30, 3.0, 1e30, 0.0, 5.5][step as usize % 7];
        let seen = detector.observe(Sample::new(start.after(Duration::from_secs(step)), value));
        assert!((0.0..=1.0).contains(&seen.score) || seen.score.is_nan(), "{seen:?}");
    }
    detector.forecast(Duration::from_secs(100), 0.9);
}

fn at(second: u64) -> UnixNanos {
    UnixNanos::new(second as i64 * 1_000_000_000)
}
