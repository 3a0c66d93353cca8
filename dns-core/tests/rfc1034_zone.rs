//! RFC 1034 §4.3.2: answers, aliases, cuts; RFC 6672: DNAME; RFC 8482: ANY.
#![cfg(feature = "zones")]

mod asker;

use asker::{ask, lines, resolver, zone};
use dns_core::Resolver;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

fn corp() -> Resolver {
    resolver(
        "corp.",
        "$TTL 60
@        SOA ns hostmaster 7 1d 2h 4w 5m
         NS  ns
ns       A   10.0.0.1
         AAAA fd00::1
www      CNAME web
web      A   10.0.0.2
         A   10.0.0.3
away     CNAME www.elsewhere.
dangling CNAME nowhere
one      CNAME two
two      CNAME one
mail     MX  10 web
         MX  20 outside.example.
branch   NS  ns.branch
         NS  ns.elsewhere.
         DS  \\# 5 0001080200
ns.branch A  10.1.0.1
hidden.branch A 10.1.0.9
old      DNAME new
host.new A   10.0.0.4
",
    )
}

#[test]
fn aliases_are_followed_and_end_where_they_must() {
    let site = corp();
    let chain = ask(&site, "www.corp.", RecordType::A);
    assert_eq!(
        lines(&chain.answers),
        ["www.corp. 60 CNAME web.corp.", "web.corp. 60 A 10.0.0.2", "web.corp. 60 A 10.0.0.3"]
    );
    assert!(chain.metadata.authoritative);
    let alias = ask(&site, "www.corp.", RecordType::CNAME);
    assert_eq!(lines(&alias.answers), ["www.corp. 60 CNAME web.corp."]);
    let away = ask(&site, "away.corp.", RecordType::A);
    assert_eq!(lines(&away.answers), ["away.corp. 60 CNAME www.elsewhere."]);
    assert_eq!((away.metadata.response_code, away.authorities.len()), (ResponseCode::NoError, 0));
    // RFC 6604: the code is that of the last name.
    let dangling = ask(&site, "dangling.corp.", RecordType::A);
    assert_eq!(dangling.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!((dangling.answers.len(), dangling.authorities.len()), (1, 1));
    let ring = ask(&site, "one.corp.", RecordType::A);
    assert_eq!(ring.answers.len(), 2, "a ring ends after one round");
}

#[test]
fn a_cut_refers_with_glue_and_hides_what_is_below() {
    let site = corp();
    for name in ["branch.corp.", "hidden.branch.corp.", "no.such.branch.corp."] {
        let answer = ask(&site, name, RecordType::A);
        assert!(!answer.metadata.authoritative && answer.answers.is_empty(), "{name}");
        assert_eq!(
            lines(&answer.authorities),
            ["branch.corp. 60 NS ns.branch.corp.", "branch.corp. 60 NS ns.elsewhere."]
        );
        assert_eq!(lines(&answer.additionals), ["ns.branch.corp. 60 A 10.1.0.1"]);
    }
    let ds = ask(&site, "branch.corp.", RecordType::DS);
    assert!(ds.metadata.authoritative, "RFC 4035 §3.1.4.1: the parent's");
    assert_eq!(ds.answers.len(), 1);
}

#[test]
fn mail_and_name_servers_come_with_their_addresses() {
    let site = corp();
    let mail = ask(&site, "mail.corp.", RecordType::MX);
    assert_eq!(lines(&mail.additionals), ["web.corp. 60 A 10.0.0.2", "web.corp. 60 A 10.0.0.3"]);
    let servers = ask(&site, "corp.", RecordType::NS);
    assert_eq!(servers.additionals.len(), 2);
    assert!(servers.metadata.authoritative, "the apex is no cut");
}

#[test]
fn dname_redirects_what_is_below_it() {
    let site = corp();
    let answer = ask(&site, "host.old.corp.", RecordType::A);
    assert_eq!(answer.answers[0].record_type(), RecordType::DNAME);
    assert_eq!(answer.answers[0].name.to_ascii(), "old.corp.");
    assert_eq!(
        lines(&answer.answers)[1..],
        ["host.old.corp. 60 CNAME host.new.corp.", "host.new.corp. 60 A 10.0.0.4"]
    );
    let owner = ask(&site, "old.corp.", RecordType::A);
    assert_eq!(owner.metadata.response_code, ResponseCode::NoError, "the owner itself stays");
    assert!(owner.answers.is_empty());
    let label = "a".repeat(63);
    let long = format!("@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\nd 1 DNAME {label}.{label}\n");
    let name = format!("{label}.{label}.d.corp.");
    let answer = ask(&resolver("corp.", &long), &name, RecordType::A);
    assert_eq!(answer.metadata.response_code, ResponseCode::YXDomain, "254 and more is too long");
}

#[test]
fn any_is_answered_with_one_set() {
    let answer = ask(&corp(), "ns.corp.", RecordType::ANY);
    assert_eq!(lines(&answer.answers), ["ns.corp. 60 A 10.0.0.1"]);
}

#[test]
fn aliases_lead_from_zone_to_zone() {
    let apex = "@ 1 SOA n. m. 1 1 1 1 1\n@ 1 NS n.\n";
    let site = Resolver::builder()
        .zone(zone("a.", &format!("{apex}www 1 CNAME www.b.\n")))
        .zone(zone("b.", &format!("{apex}www 1 A 10.0.0.9\n")))
        .build();
    let answer = ask(&site, "www.a.", RecordType::A);
    assert_eq!(lines(&answer.answers), ["www.a. 1 CNAME www.b.", "www.b. 1 A 10.0.0.9"]);
}
