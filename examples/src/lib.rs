//! The wiring that the binaries share. What decides lives in the libraries; here they meet.

pub mod settings;
mod privilege;
mod ready;
pub mod names;
pub mod slow;
pub mod flight;
pub mod idle;
pub mod journal;
pub mod webhook;
pub mod changes;
pub mod draw;
pub mod probe_connect;
pub mod probe_pcap;
pub mod resolving;
pub mod watch_csv;
pub mod watch_season;
pub mod watch_report;
pub mod watch_forecast;
pub mod watch_live;
pub mod watch_scrape;
pub mod watch_statsd;
pub mod watch_prometheus;
pub mod replay;
pub mod record;
pub mod demo;
pub mod relay;
pub mod relay_parse;
