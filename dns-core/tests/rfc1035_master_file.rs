//! RFC 1035 §5, RFC 3597 §5: master files, what they may say and what is said about their mistakes.
#![cfg(feature = "zones")]

use std::time::Duration;

use dns_core::{Name, RecordType, Resolver, Zone};
use proptest::prelude::*;

const APEX: &str = "@ 60 SOA ns mail 1 2 3 4 5\n@ 60 NS ns.\n";

fn read(text: &str) -> Result<Zone, String> {
    let origin: Name = "corp.".parse().expect("a name");
    Zone::from_master_file(&origin, "corp.zone", text).map_err(|error| error.to_string())
}

/// The records at `name`, as text.
fn at(text: &str, name: &str, rtype: RecordType) -> Vec<String> {
    let site = Resolver::builder().zone(read(text).expect("a zone")).build();
    let lookup = site.lookup(Duration::ZERO, name, rtype).expect("a name");
    let line = |record: &dns_core::Record| format!("{} {}", record.ttl.as_secs(), record.data);
    lookup.records.iter().map(line).collect()
}

#[test]
fn the_forms_of_section_5_1() {
    let text = "\u{feff}$TTL 1h
$ORIGIN corp.
@ IN SOA ns hostmaster ( ; begins
        2024010101 ; serial
        1d 2h 4w 5m )
  NS ns
ns A 10.0.0.1
   300 A 10.0.0.2 ; the lesser TTL is the set's
a IN 5m A 10.0.0.3
b 5m IN A 10.0.0.4
c class1 a 10.0.0.5
abs.corp. A 10.0.0.6
$ORIGIN sub
@ A 10.0.0.7
x A 10.0.0.8
$TTL 7
y A 10.0.0.9\r
";
    let zone = read(text).expect("a zone");
    assert_eq!((zone.soa().serial, zone.record_count()), (2_024_010_101, 11));
    assert_eq!(at(text, "ns.corp", RecordType::A), ["300 10.0.0.1", "300 10.0.0.2"]);
    for (name, expected) in [
        ("a.corp", "300 10.0.0.3"),
        ("b.corp", "300 10.0.0.4"),
        ("c.corp", "3600 10.0.0.5"),
        ("abs.corp", "3600 10.0.0.6"),
        ("sub.corp", "3600 10.0.0.7"),
        ("x.sub.corp", "3600 10.0.0.8"),
        ("y.sub.corp", "7 10.0.0.9"),
    ] {
        assert_eq!(at(text, name, RecordType::A), [expected], "{name}");
    }
}

#[test]
fn without_ttl_directive_the_last_ttl_goes_on() {
    let text = "@ SOA ns mail 1 2 3 4 5\n NS ns.\na 77 A 10.0.0.1\nb A 10.0.0.2\n";
    assert_eq!(at(text, "corp", RecordType::NS), ["5 ns."], "the SOA's minimum");
    assert_eq!(at(text, "b.corp", RecordType::A), ["77 10.0.0.2"]);
}

#[test]
fn every_type_read_here_comes_back() {
    for (data, rtype, expected) in [
        ("A 192.0.2.1", RecordType::A, "192.0.2.1"),
        ("AAAA 2001:db8::1", RecordType::AAAA, "2001:db8::1"),
        ("PTR host", RecordType::PTR, "host.corp."),
        ("CNAME host.", RecordType::CNAME, "host."),
        ("MX 10 mx", RecordType::MX, "10 mx.corp."),
        ("SRV 1 2 3 host", RecordType::SRV, "1 2 3 host.corp."),
        (r#"TXT "a \"b\" ;(" c\;d \065"#, RecordType::TXT, r#""a \"b\" ;(" "c;d" "A""#),
        (r#"TXT """#, RecordType::TXT, r#""""#),
        (r#"CAA 128 issue "ca.example""#, RecordType::CAA, r#"128 issue "ca.example""#),
        ("SSHFP 1 1 0123", RecordType::SSHFP, "\\# 4 01010123"),
        ("TLSA 3 1 1 0a0b", RecordType::TLSA, "\\# 5 0301010a0b"),
        ("HTTPS 1 svc alpn=h2", RecordType::HTTPS, "\\# 19 00010373766304636f72700000010003026832"),
        ("A \\# 4 c0000201", RecordType::A, "192.0.2.1"),
        ("TYPE65280 \\# 3 (01\n 02 03)", RecordType(65_280), "\\# 3 010203"),
        ("TYPE65280 \\# 0", RecordType(65_280), "\\# 0"),
    ] {
        let text = format!("{APEX}x 60 IN {data}\n");
        assert_eq!(at(&text, "x.corp", rtype), [format!("60 {expected}")], "{data}");
    }
}

#[test]
fn escaped_names_stay_what_they_are() {
    let text = format!(
        "{APEX}a\\.b 60 A 10.0.0.1\n\\$x 60 A 10.0.0.2\n\\@ 60 A 10.0.0.3\n\\105\\n 60 A 10.0.0.4\n"
    );
    assert_eq!(at(&text, "a\\.b.corp", RecordType::A), ["60 10.0.0.1"]);
    assert_eq!(at(&text, "a.b.corp", RecordType::A), Vec::<String>::new());
    assert_eq!(at(&text, "$x.corp", RecordType::A), ["60 10.0.0.2"]);
    assert_eq!(at(&text, "@.corp", RecordType::A), ["60 10.0.0.3"]);
    assert_eq!(at(&text, "in.corp", RecordType::A), ["60 10.0.0.4"]);
}

#[test]
fn mistakes_name_file_line_and_mend() {
    for (tail, line, part) in [
        ("a 60 A 10.0.0\n", 3, "A data: expected an IPv4 address"),
        ("a 60 A 10.0.0.1 x\n", 3, "expected nothing more"),
        ("\n\na 60 A\n", 5, "an IPv4 address"),
        ("a 60 BOGUS x\n", 3, "write TYPE and its number"),
        ("a 60 IN\n", 3, "no record type"),
        ("a 60 CH A 10.0.0.1\n", 3, "use IN"),
        ("a 1z A 10.0.0.1\n", 3, "`1z`: not a time to live"),
        ("a..b 60 A 10.0.0.1\n", 3, "`a..b` is no name: empty label"),
        ("a 60 MX ten host\n", 3, "a number up to 65535"),
        ("a 60 TXT \"open\n", 3, "close it on the same line"),
        ("a 60 A (\n10.0.0.1\n", 3, "parenthesis without its end"),
        ("a 60 A )\n", 3, "remove it"),
        ("a 60 TXT \\256\n", 3, "three digits up to 255"),
        ("$INCLUDE other\n", 3, "write the records into this text"),
        ("$GENERATE 2-1 a$ A 10.0.0.$\n", 3, "expected a range"),
        ("$GENERATE 0-65536 a$ A 10.0.0.1\n", 3, "at most 65536"),
        ("$GENERATE 1-2 a$ A\n", 3, "a range, an owner"),
        ("$GENERATE 1-2 a$ A 10.0.0.${300}\n", 3, "an IPv4 address"),
        ("$FROB\n", 3, "use $ORIGIN, $TTL"),
        ("$TTL\n", 3, "exactly one time to live"),
        ("a 60 CNAME b\na 60 A 10.0.0.1\n", 4, "keep one of them"),
        ("a 60 A 10.0.0.1\na 60 CNAME b\n", 4, "keep one of them"),
        ("a 60 CNAME b\nA 60 CNAME c\n", 4, "keep one of them"),
        ("a 60 SOA ns mail 1 2 3 4 5\n", 3, "which is not the origin"),
        ("@ 60 SOA ns mail 2 2 3 4 5\n", 3, "two different SOA"),
        ("a 60 OPT \\# 0\n", 3, "no type for data"),
        ("a 60 NS \\# 2 c000\n", 3, "its type's shape"),
        ("a 60 A \\# 3 0a0000\n", 3, "its type's shape"),
        ("a 60 A \\# 4 0a00\n", 3, "as many octets"),
        ("a 60 DNSKEY 256 3 8 A\n", 3, "octets in base 64"),
        ("a 60 HIP 2 x y\n", 3, "write \\# with its length"),
        ("a 60 MD x\n", 3, "an MX record in its place"),
        ("* 60 NS x\n", 3, "cannot have NS records"),
        ("@ 60 NS a\n", 2, "the server a.corp. of corp. has no address"),
        ("a 60 CNAME b\n@ 60 NS a\n", 2, "is an alias: name its target"),
        ("a 60 HTTPS 1 . port=x\n", 3, "port= and a number"),
        ("a 60 HTTPS 1 . mandatory=alpn\n", 3, "what mandatory names"),
        ("a 60 HTTPS 1 . port=1 port=2\n", 3, "each service parameter once"),
        ("a 60 NSEC b BOGUS\n", 3, "record types"),
        ("a 60 LOC 91 N 0 E 0m\n", 3, "a place, as"),
        ("a 60 RRSIG A 8 1 1 20230230000000 0 1 x AA==\n", 3, "YYYYMMDDHHMMSS"),
    ] {
        let error = read(&format!("{APEX}{tail}")).expect_err(tail);
        assert!(error.starts_with(&format!("corp.zone:{line}: ")), "{tail:?}: {error}");
        assert!(error.contains(part), "{tail:?}: {error}");
    }
    for (text, part) in [
        ("", "corp. has no SOA record: add one"),
        ("@ 60 SOA ns mail 1 2 3 4 5\n", "corp. has no NS record: add one"),
        (" 60 A 10.0.0.1\n", "begin the first record with a name"),
        ("a A 10.0.0.1\n", "write one into the record or $TTL above it"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn shuffled_pieces_are_read_or_refused(
        pieces in prop::collection::vec(prop::sample::select(vec![
            APEX, "a", " ", "\n", "60", "IN", "A", "10.0.0.1", "(", ")", "\"", "\\", ";", "TXT", "MX", "$TTL",
            "$ORIGIN", "@", "*", "\\#", "4", "0a000001", "SOA", "é", "CAA", "HTTPS", "NAPTR", "\\0",
        ]), 0..40)
    ) {
        let _ = read(&pieces.concat());
        let _ = read(&pieces.join(" "));
    }

    #[test]
    fn a_file_cut_anywhere_is_read_or_refused(at in 0usize..200) {
        let text = format!("{APEX}a 60 TXT \"b c\" ( \"d\"\n e ) ; f\n\\065 60 MX 10 a\n");
        let _ = read(&text[..at.min(text.len())]);
    }
}
