//! A probe as a person reads it.

use std::fmt::Write;
use std::time::Duration;

use tls_probe::net::{Probed, Resumed};

use crate::draw;

/// What was found, the handshake drawn, the verdict, the certificates.
pub(super) fn picture(probed: &Probed) -> String {
    let mut out = String::new();
    draw_into(&mut out, probed).expect("writing to a string");
    out
}

fn draw_into(out: &mut String, probed: &Probed) -> std::fmt::Result {
    let report = &probed.report;
    write!(out, "{}", probed.target)?;
    if let Some(server) = report.server {
        write!(out, " at {server}")?;
    }
    match probed.failure {
        None => write!(out, ": {}", report.outcome.label())?,
        Some(failure) => write!(out, ": FAILED, {}", failure.label())?,
    }
    write!(out, ", {}", millis(probed.took))?;
    if let (Some(version), Some(cipher)) = (report.version, report.cipher) {
        write!(out, ", {version} {cipher}")?;
    }
    if let Some(alpn) = &report.alpn {
        write!(out, ", {alpn}")?;
    }
    match probed.resumption {
        Some(Resumed::Accepted) => write!(out, ", session resumed")?,
        Some(Resumed::Refused) => write!(out, ", session not resumed")?,
        None => {}
    }
    writeln!(out)?;
    for (name, span) in [("resolver", report.phases.dns), ("starttls", report.phases.starttls)] {
        if let Some(span) = span {
            writeln!(out, "  {:>11}  {name}", millis(span))?;
        }
    }
    out.push_str(&draw::timeline(report));
    writeln!(out, "  verdict {}: {}", report.verdict.label(), report.because)?;
    if let Some(chain) = &probed.certificate {
        writeln!(out, "  certificate {}: {}", chain.class_label(), chain.because)?;
        for facts in &chain.certificates {
            let days = facts.days_left(chain.now);
            let (subject, key) = (&facts.subject, facts.key);
            writeln!(out, "    {subject}, {key}, {}, {days:.0} days left", facts.signature)?;
        }
    }
    writeln!(out)
}

fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}
