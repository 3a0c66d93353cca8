//! Certificates as JSON: instants in Unix nanoseconds, names as strings.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    chain::Chain,
    facts::Facts,
    fault::Fault,
    staple::{Staple, StapleError},
};

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.label())
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Chain", 11)?;
        object.serialize_field("class", self.class_label())?;
        object.serialize_field("faults", &self.faults)?;
        object.serialize_field("because", &self.because)?;
        object.serialize_field("valid", &self.valid)?;
        object.serialize_field("trusted", &self.trusted)?;
        object.serialize_field("name_matches", &self.name_matches)?;
        object
            .serialize_field("earliest_not_after_ns", &self.earliest_expiry().map(nanoseconds))?;
        object.serialize_field("days_left", &self.days_left())?;
        object.serialize_field("must_staple", &self.leaf().is_some_and(|leaf| leaf.must_staple))?;
        let staple = StapleObject { staple: self.staple, fresh: self.staple_is_fresh() };
        object.serialize_field("ocsp", &staple)?;
        let chain: Vec<_> = self.certificates.iter().map(|facts| (facts, self.now)).collect();
        let chain: Vec<_> = chain.into_iter().map(|(facts, now)| Link { facts, now }).collect();
        object.serialize_field("chain", &chain)?;
        object.end()
    }
}

struct Link<'a> {
    facts: &'a Facts,
    now: i64,
}

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Facts { key, .. } = self.facts;
        let mut object = to.serialize_struct("Certificate", 13)?;
        object.serialize_field("subject", &self.facts.subject)?;
        object.serialize_field("issuer", &self.facts.issuer)?;
        object.serialize_field("serial", &self.facts.serial)?;
        object.serialize_field("sha256", &self.facts.fingerprint())?;
        object.serialize_field("not_before_ns", &nanoseconds(self.facts.not_before))?;
        object.serialize_field("not_after_ns", &nanoseconds(self.facts.not_after))?;
        object.serialize_field("days_left", &self.facts.days_left(self.now))?;
        object.serialize_field("names", &self.facts.names)?;
        object.serialize_field("key", key.kind.label())?;
        object.serialize_field("key_bits", &key.bits)?;
        object.serialize_field("signature", &self.facts.signature)?;
        object.serialize_field("self_signed", &self.facts.self_signed)?;
        object.serialize_field("authority", &self.facts.authority)?;
        object.end()
    }
}

struct StapleObject {
    staple: Option<Result<Staple, StapleError>>,
    fresh: bool,
}

impl Serialize for StapleObject {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let status = match self.staple {
            None => None,
            Some(Ok(staple)) => Some(staple.status.label()),
            Some(Err(error)) => Some(error.label()),
        };
        let read = self.staple.and_then(Result::ok);
        let mut object = to.serialize_struct("Staple", 5)?;
        object.serialize_field("present", &self.staple.is_some())?;
        object.serialize_field("fresh", &self.fresh)?;
        object.serialize_field("status", &status)?;
        object.serialize_field("this_update_ns", &read.map(|s| nanoseconds(s.this_update)))?;
        let next = read.and_then(|staple| staple.next_update);
        object.serialize_field("next_update_ns", &next.map(nanoseconds))?;
        object.end()
    }
}

/// Saturating: certificates without an end (RFC 5280 §4.1.2.5) name the year 9999, beyond what 64
/// bits of nanoseconds hold.
fn nanoseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000)
}
