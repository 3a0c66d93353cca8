//! Probes in Prometheus's text format: under the names blackbox_exporter's users have alerts on,
//! and under our own for what it does not know.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use tls_probe::Phases;
use tls_probe::certificate::Chain;
use tls_probe::net::{Probed, Resumed};

/// The samples of these probes, family by family. With `many`, each is labelled with its target,
/// its address and whether it offered to resume; without, as `/probe` shows it, not.
pub(super) fn render(probes: &[&Probed], many: bool) -> String {
    let mut text = String::new();
    for family in FAMILIES {
        let mut head = false;
        for probed in probes {
            (family.samples)(probed, &mut |labels, value| {
                if !std::mem::replace(&mut head, true) {
                    let (name, help) = (family.name, family.help);
                    writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge").expect(STRING);
                }
                let mut all = if many { identity(probed) } else { Vec::new() };
                all.extend_from_slice(labels);
                sample(&mut text, family.name, &all, value);
            });
        }
    }
    text
}

/// How many probes there were of each outcome.
pub(super) fn outcomes(text: &mut String, outcomes: &BTreeMap<&'static str, u64>) {
    let name = "tls_probe_probes_total";
    writeln!(text, "# HELP {name} Probes by outcome: success, or the class of failure")
        .expect(STRING);
    writeln!(text, "# TYPE {name} counter").expect(STRING);
    for (outcome, count) in outcomes {
        sample(text, name, &[("outcome", (*outcome).to_owned())], *count as f64);
    }
}

type Label = (&'static str, String);
type Put<'a> = &'a mut dyn FnMut(&[Label], f64);

struct Family {
    name: &'static str,
    help: &'static str,
    samples: fn(&Probed, Put<'_>),
}

const fn family(name: &'static str, help: &'static str, samples: fn(&Probed, Put<'_>)) -> Family {
    Family { name, help, samples }
}

const FAMILIES: &[Family] = &[
    family(
        "probe_success",
        "Whether the handshake was established and the certificate validates",
        |p, put| {
            put(&[], f64::from(p.success()));
        },
    ),
    family("probe_duration_seconds", "How long the probe took, resolver included", |p, put| {
        put(&[], p.took.as_secs_f64());
    }),
    family(
        "probe_dns_lookup_time_seconds",
        "How long the resolver took; 0 for an address",
        |p, put| {
            put(&[], p.report.phases.dns.unwrap_or_default().as_secs_f64());
        },
    ),
    family("probe_ip_protocol", "Whether the probe went over IPv4 or IPv6", |p, put| {
        if let Some(server) = p.report.server {
            put(&[], if server.is_ipv4() { 4.0 } else { 6.0 });
        }
    }),
    family("probe_ip_addr_hash", "A hash of the address, to see it change", |p, put| {
        if let Some(server) = p.report.server {
            put(&[], f64::from(fnv(server.ip())));
        }
    }),
    family("probe_failed_due_to_regex", "Never: nothing is matched", |_, put| put(&[], 0.0)),
    family(
        "probe_ssl_earliest_cert_expiry",
        "When the first certificate of those sent expires, in Unix seconds",
        |p, put| {
            if let Some(expiry) = p.certificate.as_ref().and_then(Chain::earliest_expiry) {
                put(&[], expiry as f64);
            }
        },
    ),
    family(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "When the path from the server's certificate expires, in Unix seconds",
        |p, put| {
            if let Some(expiry) = p.certificate.as_ref().and_then(Chain::path_expiry) {
                put(&[], expiry as f64);
            }
        },
    ),
    family("probe_ssl_last_chain_info", "The server's certificate", |p, put| {
        let Some(leaf) = p.certificate.as_ref().and_then(|chain| chain.leaf()) else { return };
        let labels = [
            ("fingerprint_sha256", leaf.fingerprint()),
            ("subject", leaf.subject.clone()),
            ("issuer", leaf.issuer.clone()),
            ("subjectalternative", leaf.names.join(",")),
            ("serialnumber", leaf.serial.clone()),
        ];
        put(&labels, 1.0);
    }),
    family("probe_tls_version_info", "The protocol version", |p, put| {
        if let Some(version) = p.report.version.filter(|_| p.report.cipher.is_some()) {
            put(&[("version", version.to_string().replace("TLSv", "TLS "))], 1.0);
        }
    }),
    family("probe_tls_cipher_info", "The cipher suite", |p, put| {
        if let Some(cipher) = p.report.cipher {
            put(&[("cipher", cipher.to_string())], 1.0);
        }
    }),
    family("tls_probe_failure_info", "Why the probe did not succeed", |p, put| {
        if let Some(failure) = p.failure {
            put(&[("class", failure.label().to_owned())], 1.0);
        }
    }),
    family("tls_probe_phase_seconds", "How long each part of the last handshake took", |p, put| {
        for (phase, span) in phases(&p.report.phases) {
            if let Some(span) = span {
                put(&[("phase", phase.to_owned())], span.as_secs_f64());
            }
        }
    }),
    family("tls_probe_idle_side_seconds", "Whose the time of the last handshake was", |p, put| {
        let idle = p.report.idle;
        for (side, span) in
            [("client", idle.client), ("server", idle.server), ("network", idle.network)]
        {
            put(&[("side", side.to_owned())], span.as_secs_f64());
        }
    }),
    family("tls_probe_verdict_info", "Who made the last handshake wait", |p, put| {
        put(&[("verdict", p.report.verdict.label().to_owned())], 1.0);
    }),
    family("tls_probe_rtt_seconds", "The initial round trip", |p, put| {
        if let Some(rtt) = p.report.rtt {
            put(&[], rtt.as_secs_f64());
        }
    }),
    family("tls_probe_retransmissions", "Segments sent again", |p, put| {
        put(&[], f64::from(p.report.retransmissions));
    }),
    family(
        "tls_probe_resumption_accepted",
        "Whether the server resumed the session it was offered",
        |p, put| {
            if let Some(resumed) = p.resumption {
                put(&[], f64::from(resumed == Resumed::Accepted));
            }
        },
    ),
    family("tls_probe_certificate_valid", "Whether the certificate validates", |p, put| {
        if let Some(valid) = p.certificate.as_ref().and_then(|chain| chain.valid) {
            put(&[], f64::from(valid));
        }
    }),
    family(
        "tls_probe_certificate_fault_info",
        "Each thing that is wrong with the certificates",
        |p, put| {
            for fault in p.certificate.iter().flat_map(|chain| &chain.faults) {
                put(&[("fault", fault.label().to_owned())], 1.0);
            }
        },
    ),
    family(
        "tls_probe_certificate_not_after_timestamp_seconds",
        "When each certificate expires; position 0 is the server's own",
        |p, put| {
            for (position, facts) in
                p.certificate.iter().flat_map(|chain| &chain.certificates).enumerate()
            {
                put(&[("position", position.to_string())], facts.not_after as f64);
            }
        },
    ),
    family("tls_probe_ocsp_staple_fresh", "Whether a stapled status came and holds", |p, put| {
        if let Some(chain) = &p.certificate {
            put(&[], f64::from(chain.staple_is_fresh()));
        }
    }),
];

fn phases(phases: &Phases) -> [(&'static str, Option<std::time::Duration>); 7] {
    [
        ("dns", phases.dns),
        ("tcp", phases.tcp),
        ("starttls", phases.starttls),
        ("client_hello", phases.client_hello),
        ("server_flight", phases.server_flight),
        ("client_flight", phases.client_flight),
        ("total", Some(phases.total)),
    ]
}

/// What tells the probes of one page apart.
fn identity(probed: &Probed) -> Vec<Label> {
    let server = probed.report.server.map_or_else(String::new, |server| server.ip().to_string());
    let offer = if probed.resumption.is_some() { "resumption" } else { "full" };
    vec![("target", probed.target.clone()), ("address", server), ("offer", offer.to_owned())]
}

fn sample(text: &mut String, name: &str, labels: &[Label], value: f64) {
    text.push_str(name);
    for (index, (label, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let before = if index == 0 { '{' } else { ',' };
        write!(text, "{before}{label}=\"{value}\"").expect(STRING);
    }
    let after = if labels.is_empty() { "" } else { "}" };
    writeln!(text, "{after} {value}").expect(STRING);
}

/// 32-bit FNV-1a over the address as text.
fn fnv(address: IpAddr) -> u32 {
    address
        .to_string()
        .bytes()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

const STRING: &str = "writing to a string";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut text = String::new();
        sample(&mut text, "x", &[("a", "q\"b\\\n".to_owned()), ("c", "d".to_owned())], 1.0);
        assert_eq!(text, "x{a=\"q\\\"b\\\\\\n\",c=\"d\"} 1\n");
        let mut text = String::new();
        sample(&mut text, "y", &[], 1_795_000_000.0);
        assert_eq!(text, "y 1795000000\n");
    }
}
