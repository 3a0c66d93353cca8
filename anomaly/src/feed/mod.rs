//! Series from what others write: Prometheus text and OpenMetrics, statsd.
//!
//! Bytes and the time in, samples for a [`Fleet`](crate::Fleet) out. A series is named by the
//! label `metric`, and what was made of it by the label `of`: `rate` (per second), `p50`, `p99`;
//! a gauge is what it is and has no `of`. A label that is called like one of ours becomes
//! `exported_…`, as Prometheus has it.

mod spread;
mod buckets;
mod exposition;
mod series;
mod scrape;
mod statsd;
mod aggregate;

pub use aggregate::{Statsd, StatsdStats};
pub use buckets::Buckets;
pub use exposition::{
    Exemplar, Exposition, ExpositionError, Family, Format, Line, Malformed, Point,
};
pub use scrape::{Scrape, ScrapeStats};
pub use spread::Spread;
pub use statsd::{Datum, StatsdError, Type, parse as parse_statsd};
