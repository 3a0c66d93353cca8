//! From the fields of a log event to a trigger: the one place that knows their names.
//!
//! | field | meaning | |
//! |---|---|---|
//! | `client`, `server` | the flow's two ends, `address:port` | required |
//! | `protocol` | `tcp` (default), `udp`, `sctp` or its IP number | |
//! | `at_ns` | the instant that matters, Unix nanoseconds | this, or `start_ns` |
//! | `start_ns`, `total` | when it began (Unix nanoseconds) and how long it took (seconds): recorded from before it until after it | |
//! | `pre`, `post` | how much before and after, seconds | 2 and 0.25 |
//! | `kind`, `reason` | what kind of reason (each has its own rate), and why in a few words | |
//!
//! Every other field becomes an attribute of the recording. Names are taken in any case, with the dots
//! or dashes that some loggers put for underscores.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::flow::FlowKey;
use crate::trigger::Trigger;

/// Why fields make no trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// A field that must be there is not.
    #[error("no field `{0}`: give {form}", form = form(.0))]
    Missing(&'static str),
    /// A field cannot be read.
    #[error("field `{name}` is {value:?}: give {form}", form = form(.name))]
    Unreadable {
        /// Its name.
        name: &'static str,
        /// What it says, cut to a length that can be shown.
        value: String,
    },
}

impl FieldError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

impl Trigger {
    /// Reads a trigger from the fields of a log event: the parameters of an RFC 5424 element, the members
    /// of a JSON object, the fields of a journal entry. The module's table names them.
    ///
    /// Of a field that is there twice the first counts. At most [`MOST_ATTRIBUTES`](Self::MOST_ATTRIBUTES)
    /// other fields are kept, each cut to 256 bytes.
    ///
    /// ```
    /// use ring_capture::Trigger;
    ///
    /// let trigger = Trigger::from_fields([
    ///     ("client", "192.0.2.7:40312"),
    ///     ("server", "203.0.113.1:443"),
    ///     ("start_ns", "1700000000000000000"),
    ///     ("total", "0.480"),
    /// ])?;
    /// assert_eq!(trigger.at_ns, 1_700_000_000_480_000_000);
    /// # Ok::<(), ring_capture::FieldError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a field is missing or cannot be read, with what it should look like.
    pub fn from_fields<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, FieldError> {
        let (mut known, mut attributes) = ([None; KNOWN.len()], Vec::new());
        for (name, value) in fields {
            match KNOWN.iter().position(|known| same(known, name)) {
                Some(index) => drop(known[index].get_or_insert(value)),
                None if attributes.len() < Self::MOST_ATTRIBUTES => {
                    attributes.push((cut(name).to_owned(), cut(value).to_owned()));
                }
                None => {}
            }
        }
        let fields = Fields(known);
        let client: SocketAddr = fields.required(CLIENT)?;
        let server: SocketAddr = fields.required(SERVER)?;
        let protocol = match fields.text(PROTOCOL).unwrap_or("tcp") {
            name if name.eq_ignore_ascii_case("tcp") => 6,
            name if name.eq_ignore_ascii_case("udp") => 17,
            name if name.eq_ignore_ascii_case("sctp") => 132,
            _ => fields.required(PROTOCOL)?,
        };
        let total = fields.seconds(TOTAL)?.unwrap_or_default();
        let at_ns = match fields.optional(AT_NS)? {
            Some(at_ns) => at_ns,
            None => fields.required::<u64>(START_NS)?.saturating_add(total.as_nanos() as u64),
        };
        let kind = fields.text(KIND).map_or(DEFAULT_KIND, cut).to_owned();
        let flow = FlowKey::new(protocol, client, server);
        let mut trigger = Self::new(flow, at_ns, kind);
        // What led to it began before the event's own clock did.
        trigger.pre = fields.seconds(PRE)?.unwrap_or(trigger.pre + total);
        trigger.post = fields.seconds(POST)?.unwrap_or(trigger.post);
        trigger.source = Some(client.ip());
        trigger.attributes = attributes;
        if let Some(reason) = fields.text(REASON) {
            cut(reason).clone_into(&mut trigger.reason);
        }
        Ok(trigger)
    }

    /// Fields of a log event that are kept besides those with a meaning.
    pub const MOST_ATTRIBUTES: usize = 32;
}

struct Fields<'a>([Option<&'a str>; KNOWN.len()]);

impl<'a> Fields<'a> {
    fn text(&self, field: usize) -> Option<&'a str> {
        self.0[field].filter(|text| !text.is_empty())
    }

    fn optional<T: FromStr>(&self, field: usize) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(field) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| unreadable(field, text))
    }

    fn required<T: FromStr>(&self, field: usize) -> Result<T, FieldError> {
        self.optional(field)?.ok_or(FieldError::Missing(KNOWN[field]))
    }

    fn seconds(&self, field: usize) -> Result<Option<Duration>, FieldError> {
        let Some(seconds) = self.optional::<f64>(field)? else { return Ok(None) };
        let duration = Duration::try_from_secs_f64(seconds).ok();
        match duration.filter(|duration| *duration <= MOST_TIME) {
            Some(duration) => Ok(Some(duration)),
            None => Err(unreadable(field, self.text(field).unwrap_or_default())),
        }
    }
}

fn unreadable(field: usize, value: &str) -> FieldError {
    FieldError::Unreadable { name: KNOWN[field], value: cut(value).to_owned() }
}

/// Whether a logger's name for a field is the one meant.
fn same(known: &str, name: &str) -> bool {
    let plain = |octet: u8| match octet {
        b'.' | b'-' => b'_',
        other => other.to_ascii_lowercase(),
    };
    known.len() == name.len() && known.bytes().eq(name.bytes().map(plain))
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_TEXT)]
}

fn form(field: &&'static str) -> &'static str {
    match *field {
        "client" | "server" => "an address and a port, 192.0.2.7:443 or [2001:db8::7]:443",
        "protocol" => "tcp, udp, sctp or a number",
        "at_ns" | "start_ns" => "nanoseconds since 1970 (`at_ns`, or `start_ns` with `total`)",
        _ => "seconds, at most a day, as in 0.25",
    }
}

const KNOWN: [&str; 10] =
    ["client", "server", "protocol", "at_ns", "start_ns", "total", "pre", "post", "kind", "reason"];
const CLIENT: usize = 0;
const SERVER: usize = 1;
const PROTOCOL: usize = 2;
const AT_NS: usize = 3;
const START_NS: usize = 4;
const TOTAL: usize = 5;
const PRE: usize = 6;
const POST: usize = 7;
const KIND: usize = 8;
const REASON: usize = 9;
const DEFAULT_KIND: &str = "log_event";
/// What a person reads of one field.
const MOST_TEXT: usize = 256;
const MOST_TIME: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: [(&str, &str); 2] = [("client", "192.0.2.7:40312"), ("server", "203.0.113.1:443")];

    fn read(more: &[(&'static str, &'static str)]) -> Result<Trigger, FieldError> {
        Trigger::from_fields(FLOW.into_iter().chain(more.iter().copied()))
    }

    #[test]
    fn every_field_finds_its_place() {
        let trigger = read(&[
            ("at_ns", "5000000000"),
            ("pre", "1.5"),
            ("post", "0"),
            ("kind", "reset"),
            ("reason", "connection reset"),
            ("pop", "muc1"),
        ])
        .expect("all that is needed");
        let [client, server] = FLOW.map(|(_, end)| end.parse().expect("an address"));
        assert_eq!(trigger.flow, FlowKey::tcp(client, server));
        assert_eq!((trigger.at_ns, trigger.pre), (5_000_000_000, Duration::from_millis(1_500)));
        assert_eq!((&*trigger.kind, &*trigger.reason), ("reset", "connection reset"));
        assert_eq!((trigger.post, trigger.source), (Duration::ZERO, Some(client.ip())));
        assert_eq!(trigger.attributes, [("pop".to_owned(), "muc1".to_owned())]);
    }

    #[test]
    fn names_are_taken_as_loggers_write_them() {
        let fields =
            [("CLIENT", FLOW[0].1), ("Server", FLOW[1].1), ("start.ns", "1"), ("Total", "1")];
        assert_eq!(Trigger::from_fields(fields).expect("a trigger").at_ns, 1_000_000_001);
        let udp = read(&[("at-ns", "1"), ("protocol", "UDP")]).expect("a trigger");
        assert_eq!(udp.flow.protocol(), 17);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_form() {
        assert_eq!(read(&[]), Err(FieldError::Missing("start_ns")));
        let error = read(&[("at_ns", "soon")]).expect_err("no number");
        assert_eq!(
            error.to_string(),
            "field `at_ns` is \"soon\": give nanoseconds since 1970 (`at_ns`, or `start_ns` with `total`)"
        );
        for seconds in ["-1", "nan", "inf", "1e30", "86401"] {
            let error =
                Trigger::from_fields(FLOW.into_iter().chain([("at_ns", "1"), ("pre", seconds)]));
            assert!(matches!(error, Err(FieldError::Unreadable { name: "pre", .. })), "{seconds}");
        }
        let error = Trigger::from_fields([("client", "192.0.2.7")]).expect_err("no port");
        assert!(error.to_string().contains("an address and a port"), "{error}");
    }

    #[test]
    fn fields_without_end_are_cut() {
        let many: Vec<String> = (0..1_000).map(|n| format!("field{n}")).collect();
        let long = "ä".repeat(10_000);
        let fields = many.iter().map(|name| (name.as_str(), long.as_str()));
        let trigger = Trigger::from_fields(FLOW.into_iter().chain([("at_ns", "1")]).chain(fields));
        let attributes = trigger.expect("a trigger").attributes;
        assert_eq!(attributes.len(), Trigger::MOST_ATTRIBUTES);
        assert!(attributes.iter().all(|(_, value)| value.len() <= MOST_TEXT));
    }
}
