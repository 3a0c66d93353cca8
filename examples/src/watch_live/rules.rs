//! Silences, maintenance windows and inhibitions, as words of the command line.

use anomaly::{Inhibition, Matchers, Silence, Weekly, Zone};

/// `DAYS HH:MM-HH:MM MATCHERS`.
#[derive(Clone, Debug)]
pub struct Maintenance(Weekly, Matchers);

impl Maintenance {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// When the window or the matchers are none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.trim().splitn(3, char::is_whitespace);
        let (Some(days), Some(hours), Some(rest)) = (words.next(), words.next(), words.next())
        else {
            return Err("give days, hours and matchers, like 'Sun 02:00-04:00 host=a'".into());
        };
        let window =
            format!("{days} {hours}").parse().map_err(|e: anomaly::WeeklyError| e.to_string())?;
        Ok(Self(window, matchers(rest)?))
    }

    /// The silence it is, by the clocks of a zone.
    pub fn silence(&self, zone: &Zone) -> Silence {
        Silence::new(self.1.clone()).weekly(self.0).zone(zone.clone())
    }
}

/// `SOURCE -> TARGET` or `SOURCE -> TARGET equal NAME,…`.
///
/// # Errors
///
/// When the matchers are none.
pub(super) fn inhibition(text: &str) -> Result<Inhibition, String> {
    let (source, target) = text
        .split_once("->")
        .ok_or("give SOURCE -> TARGET, like 'role=router -> role=host equal site'")?;
    let (target, equal) = target.rsplit_once(" equal ").unwrap_or((target, ""));
    let names = equal.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Inhibition::new(matchers(source)?, matchers(target)?).equal(names))
}

/// `{name="value", …}`.
///
/// # Errors
///
/// When they are none.
pub(super) fn matchers(text: &str) -> Result<Matchers, String> {
    text.parse().map_err(|error: anomaly::MatchError| error.to_string())
}

/// `name=value`.
///
/// # Errors
///
/// When there is no name.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().into(), value.into())),
        _ => Err("give name=value".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        assert!(Maintenance::parse("Sat,Sun 02:00-04:00 {host=\"a\", site=~\"b c\"}").is_ok());
        for wrong in ["", "Sun 02:00-04:00", "Sun 2-4 host=a", "Sun 02:00-04:00 host"] {
            assert!(Maintenance::parse(wrong).is_err(), "{wrong}");
        }
        assert!(inhibition("role=router -> role!=router equal site,rack").is_ok());
        assert!(inhibition("role=router -> role!=router").is_ok());
        assert!(inhibition("role=router").is_err());
        assert_eq!(label("severity=page"), Ok(("severity".into(), "page".into())));
        assert!(label("=page").is_err());
    }
}
