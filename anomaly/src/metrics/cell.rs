//! What one metric is by now.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::Key;

use crate::feed::Spread;

/// The metrics of a process. Bounded: past [`Cells::MOST`] new ones are not watched.
#[derive(Debug, Default)]
pub(super) struct Cells(Mutex<HashMap<(Type, Key), Cell>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
}

/// Counts, bits of a float, or values since the last look.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Mutex<Spread>>),
}

impl Cells {
    const MOST: usize = 10_000;

    /// The cell of a metric, new or known; none when there is no room.
    pub(super) fn cell(&self, kind: Type, key: &Key) -> Option<Cell> {
        let mut cells = lock(&self.0);
        if let Some(cell) = cells.get(&(kind, key.clone())) {
            return Some(cell.clone());
        }
        if cells.len() >= Self::MOST {
            return None;
        }
        let cell = match kind {
            Type::Counter => Cell::Counter(Arc::default()),
            Type::Gauge => Cell::Gauge(Arc::new(AtomicU64::new(f64::NAN.to_bits()))),
            Type::Histogram => Cell::Histogram(Arc::default()),
        };
        cells.insert((kind, key.clone()), cell.clone());
        Some(cell)
    }

    /// Every metric there is.
    pub(super) fn each(&self, mut look: impl FnMut(&Key, &Cell)) {
        for ((_, key), cell) in lock(&self.0).iter() {
            look(key, cell);
        }
    }
}

/// Changes a gauge. A gauge that was never set is taken to be 0.
pub(super) fn change(bits: &AtomicU64, by: f64) {
    let added = |bits: u64| {
        let value = f64::from_bits(bits);
        Some(if value.is_nan() { by } else { value + by }.to_bits())
    };
    // Relaxed: the number says nothing of other memory.
    let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
}

/// What is behind a lock, whoever panicked holding it: numbers are never half written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
