//! The recorder that the macros talk to.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use crate::feed::Spread;
use crate::metrics::cell::{Cell, Cells, Type, change, lock};

/// Hands everything on, and keeps count.
#[derive(Debug)]
pub struct Layer<R> {
    inner: R,
    cells: Arc<Cells>,
}

impl<R> Layer<R> {
    pub(super) fn new(inner: R, cells: Arc<Cells>) -> Self {
        Self { inner, cells }
    }
}

impl<R: Recorder> Recorder for Layer<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let inner = self.inner.register_counter(key, metadata);
        match self.cells.cell(Type::Counter, key) {
            Some(Cell::Counter(own)) => Counter::from_arc(Arc::new(Both { inner, own })),
            _ => inner,
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let inner = self.inner.register_gauge(key, metadata);
        match self.cells.cell(Type::Gauge, key) {
            Some(Cell::Gauge(own)) => Gauge::from_arc(Arc::new(Both { inner, own })),
            _ => inner,
        }
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let inner = self.inner.register_histogram(key, metadata);
        match self.cells.cell(Type::Histogram, key) {
            Some(Cell::Histogram(own)) => Histogram::from_arc(Arc::new(Both { inner, own })),
            _ => inner,
        }
    }
}

/// The inner recorder's handle, and ours. All orderings are relaxed: each number stands alone.
struct Both<I, O> {
    inner: I,
    own: Arc<O>,
}

impl CounterFn for Both<Counter, AtomicU64> {
    fn increment(&self, value: u64) {
        self.inner.increment(value);
        self.own.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.inner.absolute(value);
        self.own.fetch_max(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Both<Gauge, AtomicU64> {
    fn increment(&self, value: f64) {
        self.inner.increment(value);
        change(&self.own, value);
    }

    fn decrement(&self, value: f64) {
        self.inner.decrement(value);
        change(&self.own, -value);
    }

    fn set(&self, value: f64) {
        self.inner.set(value);
        self.own.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl HistogramFn for Both<Histogram, Mutex<Spread>> {
    fn record(&self, value: f64) {
        self.inner.record(value);
        lock(&self.own).record(value, 1.0);
    }
}
