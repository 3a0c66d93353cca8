//! `--season` and `--zone`: what nobody but a person knows of a series.

use std::time::Duration;

use anomaly::{Config, Season, Zone, ZoneError};
use anyhow::Result;

/// What repeats, and by whose clocks.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "seasons")]
pub struct Args {
    /// What the series repeat with: it takes part once one whole period has been seen
    #[arg(long, value_enum, value_name = "day|week|auto", help_heading = "Judging")]
    pub season: Option<Period>,
    /// The zone whose local time seasons and maintenance follow, like Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", help_heading = "Judging")]
    pub zone: String,
}

/// A period that people live by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Period {
    /// The hours of the day.
    Day,
    /// The hours of the week.
    Week,
    /// What is found in the series themselves, up to a week: about three periods are looked at; days of the
    /// week are told apart after eighteen days.
    Auto,
}

impl Args {
    /// A configuration with the season in it.
    ///
    /// # Errors
    ///
    /// When there is no such zone.
    pub fn of(&self, config: Config) -> Result<Config> {
        let Some(period) = self.season else { return Ok(config) };
        let config = match period {
            Period::Day => config.season(Season::day()),
            Period::Week => config.season(Season::week()),
            Period::Auto => config.discover_season(LONGEST),
        };
        Ok(config.zone(self.named()?))
    }

    /// The zone.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub fn named(&self) -> Result<Zone, ZoneError> {
        Zone::named(&self.zone)
    }
}

/// A week, and what a search takes for one.
const LONGEST: Duration = Duration::from_hours(8 * 24);
