//! What tells one series from another.

use std::fmt;
use std::sync::Arc;

/// The labels of a series, sorted by name: the order they were given in does not matter. Cheap
/// to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Labels from names and values. Of a name given twice the last value holds.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        let mut sorted: Vec<(Box<str>, Box<str>)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        // Stable, so that reversing first leaves the last value of a name in front.
        sorted.reverse();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted.dedup_by(|later, kept| later.0 == kept.0);
        Self(sorted.into())
    }

    /// The value of a label.
    pub fn value(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(own, _)| own.as_ref().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and one more, or with another value of one.
    pub fn with(&self, name: &str, value: &str) -> Self {
        Self::new(self.iter().chain([(name, value)]))
    }

    /// The labels that both have with the same value.
    pub fn shared_with(&self, other: &Self) -> Self {
        Self::new(self.iter().filter(|(name, value)| other.value(name) == Some(value)))
    }

    /// The labels of these names alone, or all when one of them is not there: a series that
    /// cannot be grouped stands for itself.
    pub(crate) fn grouped_by(&self, names: &[Box<str>]) -> Self {
        let found = names.iter().map(|name| Some((name.as_ref(), self.value(name)?)));
        match found.collect::<Option<Vec<_>>>() {
            Some(pairs) if !pairs.is_empty() => Self::new(pairs),
            _ => self.clone(),
        }
    }
}

/// `{name="value", …}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Labels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = std::collections::BTreeMap::<Box<str>, Box<str>>::deserialize(deserializer)?;
        Ok(Self::new(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_name_holds() {
        let labels = Labels::new([("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="2", b="3"}"#);
        assert_eq!(labels.value("b"), Some("3"));
        assert_eq!(labels.value("c"), None);
    }

    #[test]
    fn labels_are_added_and_compared() {
        let a = Labels::new([("site", "bonn"), ("host", "a")]);
        let b = a.with("host", "b").with("source", "dns");
        assert_eq!(b.to_string(), r#"{host="b", site="bonn", source="dns"}"#);
        assert_eq!(a.shared_with(&b).to_string(), r#"{site="bonn"}"#);
        assert!(Labels::default().is_empty() && !b.is_empty());
    }

    #[test]
    fn a_series_without_a_grouping_label_stands_for_itself() {
        let labels = Labels::new([("network", "10.0.1.0/24"), ("idle", "client")]);
        assert_eq!(
            labels.grouped_by(&["network".into()]).to_string(),
            r#"{network="10.0.1.0/24"}"#
        );
        assert_eq!(labels.grouped_by(&["network".into(), "site".into()]), labels);
        assert_eq!(labels.grouped_by(&[]), labels);
    }
}
