//! `--season` and `--zone`: what nobody but a person knows of a series.

use anomaly::{Config, Season, Zone, ZoneError};
use anyhow::Result;

/// What repeats, and by whose clocks.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "seasons")]
pub struct Args {
    /// What the series repeat with: it takes part once one whole period has been seen
    #[arg(long, value_enum, value_name = "day|week", help_heading = "Judging")]
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
}

impl Args {
    /// A configuration with the season in it.
    ///
    /// # Errors
    ///
    /// When there is no such zone.
    pub fn of(&self, config: Config) -> Result<Config> {
        let Some(period) = self.season else { return Ok(config) };
        let season = match period {
            Period::Day => Season::day(),
            Period::Week => Season::week(),
        };
        Ok(config.season(season).zone(self.named()?))
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
