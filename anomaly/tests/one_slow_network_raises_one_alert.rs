//! Six client networks, two metrics each, on a busy machine: one network's clients become slow.
#![cfg(feature = "alerts")]

mod noise;

use std::time::Duration;

use anomaly::{Config, Direction, Event, Fleet, Kind, Labels, Policy, Sample, Span};
use noise::{Noise, at};

const TICK: f64 = 0.25;
const LEARNING: u32 = 40;
const SLOW_FROM: u32 = 60;
const SLOW_UNTIL: u32 = 140;

fn series(network: usize, idle: &str) -> Labels {
    let network = format!("10.0.{network}.0/24");
    Labels::new([("network", network.as_str()), ("idle", idle)])
}

/// Half a millisecond; now and then the machine is busy, for everybody, for a second or two.
fn ordinary(noise: &mut Noise, busy: bool) -> f64 {
    let value = 0.0005 * (0.5 * noise.normal()).exp();
    if busy { value + 0.02 * noise.uniform() } else { value }
}

fn run(seed: u64, slow: usize) -> Vec<(u32, Event)> {
    let mut noise = Noise(seed);
    let config = Config::default()
        .learning(LEARNING)
        .scale_floor(0.02)
        .adopt_after(Span::Time(Duration::from_mins(5)));
    let policy = Policy::default()
        .group_by(["network"])
        .raise_after(Duration::from_millis(500))
        .clear_after(Duration::from_secs(2));
    let mut fleet = Fleet::new(config, policy);
    let (mut busy, mut events) = (0_u32, Vec::new());
    for tick in 0..240 {
        busy = if noise.uniform() < 0.05 { 6 } else { busy.saturating_sub(1) };
        for network in 0..6 {
            for idle in ["client", "server"] {
                let mut value = ordinary(&mut noise, busy > 0);
                let jitter = 0.05 * noise.uniform();
                if network == slow && idle == "client" && (SLOW_FROM..SLOW_UNTIL).contains(&tick) {
                    value = 0.3 + 0.2 * noise.uniform();
                }
                // Some windows see no handshake at all.
                if noise.uniform() < 0.1 {
                    value = f64::NAN;
                }
                let instant = at(f64::from(tick) * TICK + jitter);
                fleet.observe(&series(network, idle), Sample::new(instant, value));
            }
        }
        while let Some(event) = fleet.poll_event() {
            events.push((tick, event));
        }
    }
    events
}

#[test]
fn exactly_one_is_raised_and_cleared() {
    for seed in 0..200 {
        let slow = seed as usize % 6;
        let events = run(seed, slow);
        let [(raised, Event::Raised(alert)), (cleared, Event::Cleared(over))] = &events[..] else {
            panic!("seed {seed}: {events:?}");
        };
        assert_eq!(alert.labels, series(slow, "client"), "seed {seed}");
        assert!((SLOW_FROM..SLOW_FROM + 8).contains(raised), "seed {seed}: raised at {raised}");
        assert!((SLOW_UNTIL + 8..SLOW_UNTIL + 24).contains(cleared), "seed {seed}: {cleared}");
        assert_eq!(alert.signal.direction, Direction::Up);
        assert!(matches!(alert.signal.kind, Kind::Spike | Kind::LevelShift), "{alert}");
        assert_eq!(over.signal.kind, Kind::LevelShift);
        assert!((over.signal.size - 0.4).abs() < 0.06, "seed {seed}: {}", over.signal.size);
        assert!(alert.signal.seen > 0.29 && alert.signal.expected < 0.01, "{alert}");
        assert!((alert.signal.onset.since(at(0.0)).as_secs_f64() - 15.0).abs() < 0.8);
        assert_eq!((alert.id, alert.cleared_at), (over.id, None));
        assert!(over.cleared_at.is_some());
    }
}

#[test]
fn the_alert_is_one_sentence() {
    let events = run(7, 3);
    let sentence = events[0].1.alert().to_string();
    assert!(sentence.starts_with(r#"{idle="client", network="10.0.3.0/24"}: "#), "{sentence}");
    assert!(sentence.contains("was expected"), "{sentence}");
}
