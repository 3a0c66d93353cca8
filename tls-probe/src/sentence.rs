//! The verdict's reason in one sentence, with the evidence.

use std::{fmt, time::Duration};

use crate::{
    gap::{Idle, Silence},
    names::{Side, alert_name},
    outcome::{Alert, Outcome},
    timeline::What,
};

/// A side was silent, for `total` over the whole handshake.
pub(crate) fn silence(
    silence: &Silence,
    total: Duration,
    ours: Side,
    rtt: Option<Duration>,
) -> String {
    let sentence = longest(silence, ours, rtt);
    if silence.lasted >= total * 4 / 5 {
        return sentence;
    }
    format!("{sentence}; over the whole handshake it was silent for {}", Span(total))
}

fn longest(silence: &Silence, ours: Side, rtt: Option<Duration>) -> String {
    let Silence { side, after_side, .. } = *silence;
    let after = plain(silence.after);
    let who = side.label();
    let lasted = Span(silence.lasted);
    let until = match silence.before {
        Some(what) => format!("before its {}", plain(what)),
        None => "and never went on".to_owned(),
    };
    if after_side == side {
        return format!("the {who} said nothing for {lasted} after its own {after}, {until}");
    }
    let whose =
        if after_side == ours { "our".to_owned() } else { format!("the {}'s", other(side)) };
    let Some(after_by) = silence.acked_after else {
        let path = match rtt {
            _ if side == ours => String::new(),
            Some(rtt) => format!(", a round trip of {} taken off", Span(rtt)),
            None => ", the round trip unknown and not taken off".to_owned(),
        };
        return format!("the {who} said nothing for {lasted} after {whose} {after}{path}, {until}");
    };
    let trip = match rtt {
        Some(rtt) if side != ours && after_by <= rtt * 2 => " (one round trip)",
        _ => "",
    };
    format!(
        "the {who}'s host acknowledged {whose} {after} within {}{trip}, \
         then the {who} said nothing for {lasted} {until}",
        Span(after_by)
    )
}

/// The network lost packets.
pub(crate) fn losses(retransmissions: u32, lost: Duration) -> String {
    let packets = match retransmissions {
        1 => "a packet was lost and sent again".to_owned(),
        n => format!("{n} packets were lost and sent again"),
    };
    format!("{packets}, which cost {}", Span(lost))
}

/// Nobody was silent for long.
pub(crate) fn nobody(idle: &Idle, threshold: Duration, rtt: Option<Duration>) -> String {
    let path = match rtt {
        Some(rtt) => format!(" of a path with a round trip of {}", Span(rtt)),
        None => String::new(),
    };
    format!(
        "no silence reached {}: client {}, server {}, network {}{path}",
        Span(threshold),
        Span(idle.client),
        Span(idle.server),
        Span(idle.network)
    )
}

/// How it ended, where that was not with two Finished messages: to go behind the reason.
pub(crate) fn ended(outcome: Outcome, alert: Option<Alert>, by: Option<Side>) -> String {
    let who = |side: Side| side.label();
    match (outcome, alert, by) {
        (Outcome::Alert, Some(alert), _) => {
            let what = match alert.description.map(|number| (number, alert_name(number))) {
                None => "an encrypted alert".to_owned(),
                Some((_, Some(name))) => format!("the alert {name}"),
                Some((number, None)) => format!("alert {number}"),
            };
            format!("; the {} ended it with {what}", who(alert.side))
        }
        (Outcome::Reset, _, Some(side)) => format!("; the {} reset the connection", who(side)),
        (Outcome::Incomplete, _, Some(side)) => {
            format!("; the {} closed the connection", who(side))
        }
        _ => String::new(),
    }
}

/// What the account does not know of: to go behind the reason.
pub(crate) fn missing(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        1 => "; a byte of it was not captured".to_owned(),
        n => format!("; {n} bytes of it were not captured"),
    }
}

/// Whose flight it is has been said already.
fn plain(what: What) -> &'static str {
    match what {
        What::ClientFlight | What::ServerFlight => "flight",
        what => what.label(),
    }
}

fn other(side: Side) -> &'static str {
    side.other().label()
}

/// A duration to two or three figures, in the unit a person would choose.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_secs_f64() * 1e3;
        match ms {
            0.0 => f.write_str("0 ms"),
            ..0.1 => write!(f, "{ms:.3} ms"),
            ..10.0 => write!(f, "{ms:.1} ms"),
            ..10_000.0 => write!(f, "{ms:.0} ms"),
            _ => write!(f, "{:.1} s", ms / 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_acknowledgement_is_the_evidence() {
        let quiet = Silence {
            side: Side::Client,
            lasted: 412 * MS,
            after_side: Side::Server,
            after: What::ServerHello,
            before: Some(What::ClientFlight),
            acked_after: Some(MS / 10),
        };
        assert_eq!(
            silence(&quiet, 413 * MS, Side::Server, Some(MS / 10)),
            "the client's host acknowledged our ServerHello within 0.1 ms (one round trip), \
             then the client said nothing for 412 ms before its flight"
        );
        let unacked = Silence { acked_after: None, ..quiet };
        let unknown = silence(&unacked, 900 * MS, Side::Server, None);
        assert!(unknown.contains("round trip unknown"), "{unknown}");
        assert!(unknown.ends_with("it was silent for 900 ms"), "{unknown}");
    }

    #[test]
    fn who_ended_it_is_said() {
        let alert = |description| Some(Alert { side: Side::Server, description });
        let said = |description| ended(Outcome::Alert, alert(description), None);
        assert_eq!(said(Some(40)), "; the server ended it with the alert handshake_failure");
        assert_eq!(said(Some(200)), "; the server ended it with alert 200");
        assert_eq!(said(None), "; the server ended it with an encrypted alert");
        let reset = ended(Outcome::Reset, None, Some(Side::Client));
        assert_eq!(reset, "; the client reset the connection");
        assert_eq!(ended(Outcome::Established, None, None), "");
        assert_eq!(missing(1460), "; 1460 bytes of it were not captured");
    }

    #[test]
    fn spans_read_well() {
        let shown = |us| Span(Duration::from_micros(us)).to_string();
        assert_eq!(shown(47), "0.047 ms");
        assert_eq!(shown(1_250), "1.2 ms");
        assert_eq!(shown(412_400), "412 ms");
        assert_eq!(shown(12_340_000), "12.3 s");
    }
}
