//! How the parts of a report are written: seconds as numbers, names as strings.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{
    gap::Idle,
    names::{CipherSuite, ProtocolVersion, alert_name},
    outcome::Alert,
    verdict::Verdict,
};

pub(crate) fn seconds<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
pub(crate) fn some_seconds<S: Serializer>(
    span: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(to)
}

impl Serialize for ProtocolVersion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for CipherSuite {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.label())
    }
}

/// The alert's registered name, its number if it has none, `encrypted` if it cannot be read.
impl Serialize for Alert {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.description.map(|number| (number, alert_name(number))) {
            None => to.serialize_str("encrypted"),
            Some((_, Some(name))) => to.serialize_str(name),
            Some((number, None)) => to.collect_str(&number),
        }
    }
}

impl Serialize for Idle {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Idle", 3)?;
        object.serialize_field("client", &self.client.as_secs_f64())?;
        object.serialize_field("server", &self.server.as_secs_f64())?;
        object.serialize_field("network", &self.network.as_secs_f64())?;
        object.end()
    }
}
