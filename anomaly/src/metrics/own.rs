//! The other side of the layer: samples of everything, as often as wanted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::Key;

use crate::alert::{Event, Labels};
use crate::counter::Counter;
use crate::fleet::Fleet;
use crate::metrics::cell::{Cell, Cells, lock};
use crate::sample::{Sample, UnixNanos};

/// The metrics that went through a [`Layer`](crate::metrics::Layer): counters as rates per second
/// (`of="rate"`), gauges as they are, histograms as `p50`, `p99` and rate of what came since the
/// last look.
#[derive(Debug)]
pub struct Own {
    cells: Arc<Cells>,
    labels: HashMap<Key, Labels>,
    counters: HashMap<Labels, Counter>,
    looked: Option<UnixNanos>,
}

/// A thread that watches; dropped, it ends.
#[derive(Debug)]
pub struct Watching {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Own {
    pub(super) fn new(cells: Arc<Cells>) -> Self {
        Self { cells, labels: HashMap::new(), counters: HashMap::new(), looked: None }
    }

    /// A sample of each series by now. Counters and histograms want two looks. For those with a
    /// loop and a clock of their own; [`Own::spawn`] is for the others.
    pub fn look(&mut self, now: UnixNanos) -> Vec<(Labels, Sample)> {
        let Self { cells, labels, counters, looked } = self;
        let before = looked.replace(now);
        let seconds = before.map(|before| now.since(before).as_secs_f64()).filter(|s| *s > 0.0);
        let mut samples = Vec::new();
        cells.each(|key, cell| {
            let series = labels.entry(key.clone()).or_insert_with(|| labels_of(key));
            let mut put = |of: Option<&str>, value: Option<f64>| {
                let Some(value) = value else { return };
                let labels = of.map_or_else(|| series.clone(), |of| series.with("of", of));
                samples.push((labels, Sample::new(now, value)));
            };
            match cell {
                Cell::Counter(count) => {
                    let count = count.load(Ordering::Relaxed) as f64;
                    let counter = counters.entry(series.clone()).or_default();
                    put(Some("rate"), counter.rate(Sample::new(now, count)).present());
                }
                Cell::Gauge(bits) => {
                    let value = f64::from_bits(bits.load(Ordering::Relaxed));
                    put(None, Some(value).filter(|value| !value.is_nan()));
                }
                Cell::Histogram(spread) => {
                    let spread = std::mem::take(&mut *lock(spread));
                    if let Some(seconds) = seconds {
                        put(Some("rate"), Some(spread.weight() / seconds));
                        put(Some("p50"), spread.quantile(0.5));
                        put(Some("p99"), spread.quantile(0.99));
                    }
                }
            }
        });
        samples
    }

    /// Looks every `every` in a thread of its own, by the system's clock, and calls `each` with
    /// what happens to alerts.
    pub fn spawn(
        mut self,
        mut fleet: Fleet,
        every: Duration,
        mut each: impl FnMut(Event) + Send + 'static,
    ) -> Watching {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let now = now();
                for (labels, sample) in self.look(now) {
                    fleet.observe(&labels, sample);
                }
                fleet.handle_timeout(now);
                while let Some(event) = fleet.poll_event() {
                    each(event);
                }
            }
        });
        Watching { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told where it happened.
            let _ = thread.join();
        }
    }
}

fn labels_of(key: &Key) -> Labels {
    let own = key.labels().map(|label| (label.key(), label.value()));
    Labels::new(own.chain([("metric", key.name())]))
}

fn now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos::new(0).after(since)
}
