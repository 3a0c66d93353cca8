//! Idle time of clients and of the server, network by network, against what is usual there.

use std::collections::BTreeMap;
use std::time::Duration;

use anomaly::{Config, Event, Fleet, Labels, Policy, Sample, UnixNanos};

/// Watches two series for each network: `idle="client"` and `idle="server"`, in seconds, the median
/// of each window.
#[derive(Debug)]
pub struct IdleWatch {
    fleet: Fleet,
    window: Duration,
    open: Option<Open>,
    networks: BTreeMap<String, [Labels; 2]>,
}

/// The window being filled.
#[derive(Debug)]
struct Open {
    start_ns: u64,
    values: BTreeMap<String, [Vec<f64>; 2]>,
    /// Networks in it that were not seen before.
    newcomers: usize,
}

impl IdleWatch {
    /// Learns from so many windows of this length, then watches.
    ///
    /// A change of less than `least` is of no interest, however regular the series was before.
    pub fn new(window: Duration, learning: u32, least: Duration) -> Self {
        Self::grouped(window, learning, least, "network")
    }

    /// The same for clients without number: a change that many networks take part in is one alert, for
    /// the side that is idle. At most [`MOST_NETWORKS`](Self::MOST_NETWORKS) are told apart; the others
    /// are one.
    pub fn across(window: Duration, learning: u32, least: Duration) -> Self {
        Self::grouped(window, learning, least, "idle")
    }

    /// Networks that are told apart.
    pub const MOST_NETWORKS: usize = 1_000;

    fn grouped(window: Duration, learning: u32, least: Duration, by: &'static str) -> Self {
        let config = Config::default().learning(learning).scale_floor(least.as_secs_f64());
        let policy =
            Policy::default().group_by([by]).raise_after(window * 2).clear_after(window * 8);
        Self { fleet: Fleet::new(config, policy), window, open: None, networks: BTreeMap::new() }
    }

    /// One handshake that ended at `end_ns` (Unix nanoseconds).
    pub fn observe(&mut self, network: &str, end_ns: u64, client: Duration, server: Duration) {
        self.advance(end_ns);
        let open = self.open.get_or_insert_with(|| Open {
            start_ns: end_ns,
            values: BTreeMap::new(),
            newcomers: 0,
        });
        let known = open.values.contains_key(network) || self.networks.contains_key(network);
        let room = self.networks.len() + open.newcomers < Self::MOST_NETWORKS;
        open.newcomers += usize::from(!known && room);
        let network = if known || room { network } else { "others" };
        let values = match open.values.get_mut(network) {
            Some(values) => values,
            None => open.values.entry(network.to_owned()).or_default(),
        };
        values[0].push(client.as_secs_f64());
        values[1].push(server.as_secs_f64());
    }

    /// Closes the window if `now_ns` lies beyond it.
    pub fn advance(&mut self, now_ns: u64) {
        let window_ns = self.window.as_nanos() as u64;
        let over = |open: &mut Open| now_ns >= open.start_ns + window_ns;
        let Some(open) = self.open.take_if(over) else { return };
        let end = UnixNanos::new((open.start_ns + window_ns) as i64);
        for network in open.values.keys() {
            self.networks.entry(network.clone()).or_insert_with(|| {
                ["client", "server"]
                    .map(|idle| Labels::new([("network", network.as_str()), ("idle", idle)]))
            });
        }
        for (network, labels) in &self.networks {
            let mut values = open.values.get(network).cloned().unwrap_or_default();
            for (labels, values) in labels.iter().zip(&mut values) {
                let sample = match median(values) {
                    Some(value) => Sample::new(end, value),
                    None => Sample::missing(end),
                };
                self.fleet.observe(labels, sample);
            }
        }
    }

    /// What has been raised or cleared.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.fleet.poll_event()
    }

    /// How many series are watched.
    pub fn series(&self) -> usize {
        self.networks.len() * 2
    }
}

/// The middle one: a window in which one handshake was unlucky is not a slow window.
fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_lagging_network_is_one_alert() {
        let mut watch = IdleWatch::new(ms(250), 30, ms(20));
        let mut events = Vec::new();
        for step in 0..800_u64 {
            let at_ns = 1_000_000_000_000 + step * 25_000_000;
            for network in ["amber", "birch", "coral"] {
                // A busy machine: every now and then everybody waits.
                let usual =
                    if step % 37 == 0 { ms(15) } else { Duration::from_micros(400 + step % 7) };
                let lags = network == "coral" && step > 400;
                let client = if lags { ms(300 + step * 7 % 200) } else { usual };
                watch.observe(network, at_ns, client, usual);
            }
            while let Some(event) = watch.poll_event() {
                events.push(event);
            }
        }
        let [Event::Raised(alert)] = &events[..] else { panic!("one alert: {events:?}") };
        assert_eq!(alert.labels.value("network"), Some("coral"));
        assert_eq!(alert.labels.value("idle"), Some("client"));
        assert_eq!(watch.series(), 6);
    }

    #[test]
    fn a_change_across_networks_is_one_alert_and_networks_without_end_are_bounded() {
        let mut watch = IdleWatch::across(ms(250), 30, ms(20));
        let mut events = Vec::new();
        for step in 0..8_000_u64 {
            let at_ns = 1_000_000_000_000 + step * 2_500_000;
            let usual = Duration::from_micros(400 + step % 7);
            let client = if step > 4_000 { ms(300) } else { usual };
            watch.observe(&format!("10.0.{}.0/24", step % 30), at_ns, client, usual);
            while let Some(event) = watch.poll_event() {
                events.push(event);
            }
        }
        let [Event::Raised(alert)] = &events[..] else { panic!("one alert: {events:?}") };
        assert_eq!(alert.group.value("idle"), Some("client"));
        for network in 0..100_000_u32 {
            watch.observe(&network.to_string(), 2_000_000_000_000, ms(1), ms(1));
        }
        watch.advance(3_000_000_000_000);
        assert!(watch.series() <= 2 * (IdleWatch::MOST_NETWORKS + 1), "{}", watch.series());
    }

    #[test]
    fn the_median_of_none_is_none() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
    }
}
