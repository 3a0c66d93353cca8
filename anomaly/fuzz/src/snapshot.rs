//! Bytes taken for snapshots.

use std::time::Duration;

use anomaly::{Config, Detector, Fleet, Policy, Sample, Season, UnixNanos};

/// Takes the bytes for a detector, for a fleet, and, with the checksum put right, for the state of
/// a detector: what is accepted goes on without a panic.
pub fn snapshot(bytes: &[u8]) {
    if let Ok(detector) = Detector::from_bytes(bytes) {
        go_on(detector);
    }
    let mut fleet = Fleet::new(Config::default(), Policy::default());
    let _ = fleet.load(bytes);
    if let Some(bytes) = with_checksum(bytes)
        && let Ok(detector) = Detector::from_bytes(&bytes)
    {
        go_on(detector);
    }
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
