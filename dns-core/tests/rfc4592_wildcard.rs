//! RFC 4592: wildcards, by its own example zone (§2.2.1).
#![cfg(feature = "zones")]

mod asker;

use asker::{ask, lines, resolver};
use dns_core::Resolver;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

fn example() -> Resolver {
    resolver(
        "example.",
        r#"$ORIGIN example.
example.                 3600 IN  SOA   ns.example.com. mail.example.com. 1 2 3 4 60
example.                 3600     NS    ns.example.com.
example.                 3600     NS    ns.example.net.
*.example.               3600     TXT   "this is a wildcard"
*.example.               3600     MX    10 host1.example.
sub.*.example.           3600     TXT   "this is not a wildcard"
host1.example.           3600     A     192.0.2.1
_ssh._tcp.host1.example. 3600     SRV   0 0 22 host1
_ssh._tcp.host2.example. 3600     SRV   0 0 22 host2
subdel.example.          3600     NS    ns.example.com.
subdel.example.          3600     NS    ns.example.net.
"#,
    )
}

#[test]
fn the_rfcs_own_answers() {
    let site = example();
    let text = |name, rtype| lines(&ask(&site, name, rtype).answers);
    // Synthesised: the wildcard's data under the name asked for.
    assert_eq!(
        text("host3.example.", RecordType::MX),
        ["host3.example. 3600 MX 10 host1.example."]
    );
    assert_eq!(
        text("foo.bar.example.", RecordType::TXT),
        ["foo.bar.example. 3600 TXT this is a wildcard"]
    );
    // Not synthesised.
    let nodata = [
        ("host3.example.", RecordType::A, "the wildcard has no A"),
        ("host1.example.", RecordType::MX, "host1 exists"),
        ("sub.*.example.", RecordType::MX, "sub.*.example exists"),
        ("_tcp.host1.example.", RecordType::TXT, "an empty non-terminal exists"),
        ("host2.example.", RecordType::TXT, "an empty non-terminal exists"),
    ];
    for (name, rtype, why) in nodata {
        let answer = ask(&site, name, rtype);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}: {why}");
        assert!(answer.answers.is_empty(), "{name}: {why}");
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA, "{name}");
    }
    let nxdomain = [
        ("_telnet._tcp.host1.example.", "_tcp.host1.example is the closest encloser"),
        ("ghost.*.example.", "*.example is the closest encloser and has no wildcard below it"),
        ("a.host2.example.", "the empty non-terminal is the closest encloser"),
    ];
    for (name, why) in nxdomain {
        let answer = ask(&site, name, RecordType::SRV);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}: {why}");
    }
    let referral = ask(&site, "host.subdel.example.", RecordType::A);
    assert!(!referral.metadata.authoritative && referral.answers.is_empty());
    assert_eq!(referral.authorities.len(), 2, "a cut ends the wildcard's reach");
}

#[test]
fn the_wildcard_itself_can_be_asked_for() {
    let answer = ask(&example(), "*.example.", RecordType::TXT);
    assert_eq!(lines(&answer.answers), ["*.example. 3600 TXT this is a wildcard"]);
}

#[test]
fn a_wildcard_cname_is_followed() {
    let site = resolver(
        "example.",
        "@ 9 SOA n. m. 1 1 1 1 1\n@ 9 NS n.\n* 9 CNAME www\nwww 9 A 192.0.2.7\n",
    );
    let answer = ask(&site, "Any.Thing.example.", RecordType::A);
    assert_eq!(
        lines(&answer.answers),
        ["Any.Thing.example. 9 CNAME www.example.", "www.example. 9 A 192.0.2.7"]
    );
}
