//! An application that watches its own metrics, in process: a layer between the `metrics` macros
//! and whatever recorder there is.
//!
//! ```
//! use std::time::Duration;
//! use anomaly::{Config, Fleet, Policy};
//!
//! let fleet = Fleet::new(Config::default(), Policy::default());
//!
//! let (recorder, own) = anomaly::metrics::layer(metrics::NoopRecorder);
//! metrics::set_global_recorder(recorder).expect("the only recorder");
//! let watching = own.spawn(fleet, Duration::from_secs(10), |event| eprintln!("{}", event.alert()));
//!
//! metrics::counter!("requests_total").increment(1);
//! # drop(watching);
//! ```

mod cell;
mod layer;
mod own;

pub use layer::Layer;
pub use own::{Own, Watching};

use std::sync::Arc;

use crate::metrics::cell::Cells;

/// A recorder that hands everything on to `inner`, and keeps what [`Own`] watches. Give it an
/// exporter's recorder, or `metrics::NoopRecorder`. Counters and gauges cost one more atomic
/// operation, a histogram's record a lock that is held for a moment; past 10,000 metrics, further
/// ones are handed on alone.
pub fn layer<R>(inner: R) -> (Layer<R>, Own) {
    let cells = Arc::new(Cells::default());
    (Layer::new(inner, Arc::clone(&cells)), Own::new(cells))
}
