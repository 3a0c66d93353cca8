#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod finite;
mod sample;
mod counter;
mod zone;
mod decay;
mod cadence;
mod moments;
mod quantile;
mod season;
mod discover;
mod layer;
mod hierarchy;
mod trend;
mod tail;
mod shift;
mod blocks;
mod rhythm;
mod flatline;
mod rarity;
mod config;
mod signal;
mod horizons;
mod forecast;
mod model;
mod alarm;
mod watch;
mod detector;
mod outlook;
#[cfg(feature = "snapshots")]
mod checksum;
#[cfg(feature = "serde")]
mod state;
#[cfg(feature = "alerts")]
mod alert;
#[cfg(feature = "feeds")]
pub mod feed;
#[cfg(feature = "sinks")]
pub mod sink;
#[cfg(feature = "alerts")]
mod fleet;
#[cfg(feature = "metrics")]
pub mod metrics;

#[cfg(all(feature = "alerts", feature = "snapshots"))]
pub use alert::ResumeError;
#[cfg(feature = "alerts")]
pub use alert::{
    Alert, AlertStats, Alerts, Dispatch, DispatchStats, Event, Inhibition, Labels, MatchError,
    Matchers, Notice, Origin, Policy, Silence, Status, Weekly, WeeklyError,
};
pub use config::Config;
pub use counter::Counter;
pub use decay::Span;
pub use detector::Detector;
#[cfg(feature = "alerts")]
pub use fleet::{Fleet, FleetStats, SeriesId, shard_of};
#[cfg(all(feature = "alerts", feature = "snapshots"))]
pub use fleet::{LoadError, Loaded};
pub use outlook::{Outlook, TimeTo};
pub use rarity::Rarity;
pub use sample::{Sample, UnixNanos};
pub use season::Season;
pub use shift::Direction;
pub use signal::{Kind, Observation, Signal, State};
#[cfg(feature = "serde")]
pub use state::{RestoreError, Snapshot};
pub use watch::Stats;
#[cfg(feature = "zones")]
pub use zone::{Zone, ZoneError};
