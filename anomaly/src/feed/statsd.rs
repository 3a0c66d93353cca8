//! One statsd line: `name:value|type`, with sample rates, several values, and DogStatsD's tags.

/// What a datum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `c`: so many more.
    Counter,
    /// `g`: this much, or with a sign so much more or less.
    Gauge,
    /// `ms`, `h`, `d`: one observation.
    Timer,
    /// `s`: one member of a set.
    Set,
}

/// One value of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datum<'a> {
    /// The metric.
    pub metric: &'a str,
    /// What it is.
    pub kind: Type,
    /// The value as it stands there; of a set it need not be a number.
    pub text: &'a str,
    /// The number it is; 0 for a set.
    pub value: f64,
    /// A gauge's value is to be added to what it was.
    pub relative: bool,
    /// Which share of all was sent, above 0 and at most 1.
    pub sample_rate: f64,
    /// `name:value,name:value`, as it stands there.
    pub tags: &'a str,
}

impl<'a> Datum<'a> {
    /// Names and values of the tags; a tag without a value has an empty one.
    pub fn tags(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let tags = self.tags.split(',').filter(|tag| !tag.is_empty()).take(MOST_TAGS);
        tags.map(|tag| tag.split_once(':').unwrap_or((tag, "")))
    }
}

/// Why a line was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsdError {
    /// Bytes that are no UTF-8.
    #[error("no UTF-8")]
    Utf8,
    /// No name, or no colon behind it.
    #[error("no name of a metric")]
    Name,
    /// No `|` and type, or one that is not known.
    #[error("no known type")]
    Type,
    /// No number for a value.
    #[error("no number for a value")]
    Value,
    /// A sample rate that is not above 0 and at most 1.
    #[error("no share of all for a sample rate")]
    SampleRate,
    /// An event or a service check of DogStatsD, which is no metric.
    #[error("an event or a service check")]
    NoMetric,
}

impl StatsdError {
    /// A closed set of names for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Name => "name",
            Self::Type => "type",
            Self::Value => "value",
            Self::SampleRate => "sample_rate",
            Self::NoMetric => "no_metric",
        }
    }
}

/// Reads one line, and hands over each value in it (DogStatsD packs several: `name:1:2:3|ms`).
/// Values before a mistake have been handed over.
///
/// # Errors
/// At the first mistake.
pub fn parse<'a>(line: &'a [u8], mut each: impl FnMut(Datum<'a>)) -> Result<(), StatsdError> {
    let line = std::str::from_utf8(line).map_err(|_| StatsdError::Utf8)?.trim_end();
    if line.starts_with("_e{") || line.starts_with("_sc|") {
        return Err(StatsdError::NoMetric);
    }
    let (head, rest) = line.split_once('|').ok_or(StatsdError::Type)?;
    // Tags of other dialects may stand in the name: what is behind the first colon are values.
    let (metric, values) = head.split_once(':').ok_or(StatsdError::Name)?;
    if metric.is_empty() {
        return Err(StatsdError::Name);
    }
    let mut parts = rest.split('|');
    let kind = match parts.next().unwrap_or_default() {
        "c" | "m" => Type::Counter,
        "g" => Type::Gauge,
        "ms" | "h" | "d" => Type::Timer,
        "s" => Type::Set,
        _ => return Err(StatsdError::Type),
    };
    let (mut sample_rate, mut tags) = (1.0, "");
    for part in parts {
        if let Some(rate) = part.strip_prefix('@') {
            sample_rate = rate.parse().map_err(|_| StatsdError::SampleRate)?;
            if !(sample_rate > 0.0 && sample_rate <= 1.0) {
                return Err(StatsdError::SampleRate);
            }
        } else if let Some(list) = part.strip_prefix('#') {
            tags = list;
        }
        // Container ids, timestamps and what else is to come: not for us.
    }
    // A member of a set may have colons of its own.
    let split = if kind == Type::Set { 1 } else { usize::MAX };
    for text in values.splitn(split, ':') {
        let relative = kind == Type::Gauge && text.starts_with(['+', '-']);
        let value = if kind == Type::Set { 0.0 } else { number(text)? };
        each(Datum { metric, kind, text, value, relative, sample_rate, tags });
    }
    Ok(())
}

fn number(text: &str) -> Result<f64, StatsdError> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(StatsdError::Value)
}

const MOST_TAGS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Result<Vec<Datum<'_>>, StatsdError> {
        let mut data = Vec::new();
        parse(line.as_bytes(), |datum| data.push(datum)).map(|()| data)
    }

    #[test]
    fn dialects_are_read() {
        let line = "page.views:3|c|@0.1|#env:prod,cached,url:http://x|c:abc|T1656581400";
        let [datum] = all(line).expect(line)[..] else { panic!("one") };
        assert_eq!((datum.metric, datum.kind, datum.value), ("page.views", Type::Counter, 3.0));
        assert_eq!(datum.sample_rate, 0.1);
        let tags: Vec<_> = datum.tags().collect();
        assert_eq!(tags, [("env", "prod"), ("cached", ""), ("url", "http://x")]);

        let several = all("t:1:2.5:3e1|ms").expect("three");
        assert_eq!(several.iter().map(|d| d.value).collect::<Vec<_>>(), [1.0, 2.5, 30.0]);
        let relative = |line| all(line).map(|data| (data[0].relative, data[0].value));
        assert_eq!(relative("g:+4|g"), Ok((true, 4.0)));
        assert_eq!(relative("g:-4|g"), Ok((true, -4.0)));
        assert_eq!(relative("g:4|g\n"), Ok((false, 4.0)));
        assert_eq!(relative("c:-4|c"), Ok((false, -4.0)));
        assert_eq!(all("u:a:b|s").expect("a set")[0].text, "a:b");
    }

    #[test]
    fn each_mistake_has_its_name() {
        for (line, label) in [
            ("", "type"),
            ("a", "type"),
            ("a:1", "type"),
            ("a:1|x", "type"),
            ("a|c", "name"),
            (":1|c", "name"),
            ("a:|c", "value"),
            ("a:x|g", "value"),
            ("a:inf|g", "value"),
            ("a:1|c|@0", "sample_rate"),
            ("a:1|c|@NaN", "sample_rate"),
            ("a:1|c|@1.5", "sample_rate"),
            ("_e{1,1}:a|b", "no_metric"),
            ("_sc|a|0", "no_metric"),
        ] {
            assert_eq!(all(line).map_err(StatsdError::label), Err(label), "{line}");
        }
        assert_eq!(parse(b"a\xff:1|c", |_| ()), Err(StatsdError::Utf8));
    }
}
