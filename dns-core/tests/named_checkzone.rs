//! BIND's `named-checkzone` and we take the same zone files, refuse the same ones, and read the same records.
#![cfg(feature = "zones")]

#[allow(dead_code, reason = "each test uses its part")]
mod programs;

use std::path::Path;
use std::process::Command;

use dns_core::{Name, Zone};
use programs::{Directory, find};

const APEX: &str = "$TTL 60\n@ SOA ns mail 1 2h 3 4 5\n@ NS ns\nns A 10.0.0.1\n";

/// Zones that both take.
const GOOD: &[&str] = &[
    "",
    "a A 1.2.3.4\n A 1.2.3.5\n AAAA 2001:db8::1\nb 5m IN CNAME a\nc IN 1h2m3s MX 10 a\n",
    "$ORIGIN sub\n@ TXT x\nx TXT y\n$ORIGIN corp.\ny TXT z\n",
    "a TXT ( \"a b\" c\\;d \"e\\\"f\" \"\\001\\200\" ) ; comment (\n\tTXT \"\" ; more\r\n",
    "a TXT \u{e9} \"\u{1F600}\"\nb TXT a\"b\"c\n",
    "al\\.x\\032y TXT a\n\\$x TXT b\n\\@ TXT c\n\\105\\n TXT d\n*.w TXT e\n",
    "$GENERATE 1-3 h$ A 10.0.0.$\n$GENERATE 0-4/2 ${10,4,x} CNAME t${-1}\n",
    "$GENERATE 1-2 h${0,2,d} MX \"10 h$\"\n$GENERATE 5-6 ${0,4,n} 7 IN PTR p$\n",
    "$GENERATE 254-257 ${0,3,X} TXT ${1,5,o}\n$GENERATE 1-1 x$ TXT $$y\n",
    "a CAA 0 issue \"ca.example; x=y\"\na CAA 128 iodef mailto:x@y\n",
    "b HTTPS 1 . alpn=h2,h3 port=443 ipv4hint=1.2.3.4,5.6.7.8 ipv6hint=::1 mandatory=alpn,port\n",
    "b SVCB 0 x.\nb HTTPS 2 t key65333=\"a b\" no-default-alpn alpn=\"h2,h3\" ech=AQID\n",
    "b SVCB 1 . key667=\"hello\\210qoo\"\nc SVCB 1 . dohpath=/q{?dns}\nd SVCB 1 . key7=/q{?dns}\n",
    "d TLSA 3 1 1 00112233 4455\ny SMIMEA 3 1 1 00\n",
    "e SSHFP 1 1 0123456789abcdef0123456789abcdef01234567\n",
    "f NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.com!\" .\n",
    "g NS ns\ng DS 12345 8 2 0123456789abcdef0123456789abcdef 0123456789abcdef0123456789abcdef\n",
    "h DNSKEY 257 3 8 AwEAAQ== \nh CDNSKEY 0 3 0 AA==\nh CDS 0 0 0 00\n",
    "i LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\nj LOC 52 S 4 W 10m\n",
    "i LOC 1 2 3.4 S 179 59 59.999 W 42849672.95m 90000000m 1m 3m\n",
    "k URI 10 1 \"ftp://ftp.example/x\"\n",
    "l TYPE65280 \\# 3 (01\n 02 03)\nl2 TYPE1 \\# 4 0a000001\nl3 A \\# 4 0a000002\nl4 TYPE65281 \\# 0\n",
    "m NSEC3PARAM 1 0 0 -\nm2 NSEC3PARAM 1 0 5 aabb\n",
    "n RP mail.x. txt\no AFSDB 1 ns\np APL 1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8\n",
    "q CERT PGP 0 0 AQID\nq CERT 1 2 RSASHA256 AQID\nr HINFO \"a\" b\ns KX 1 ns\n",
    "t EUI48 00-00-5e-00-53-2a\nt EUI64 00-00-5e-ef-10-00-00-2a\n",
    "u NID 10 0014:4fff:ff20:ee64\nu L32 10 10.1.2.0\nu L64 10 2001:0DB8:1140:1000\nu LP 10 l64\n",
    "v OPENPGPKEY AQID\nw CSYNC 66 3 A NS AAAA\nz DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=\n",
    "ab X25 \"311061700956\"\nac ISDN \"150862028003217\" \"004\"\nad RT 10 ns\nae PX 10 a b\n",
    "ag IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==\n",
    "ag IPSECKEY 10 3 2 mygw AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==\nah MINFO a b\n",
    "aj RRSIG A 8 2 60 20300101000000 20200101000000 12345 corp. AAAA\naj A 1.2.3.4\n",
    "ak DNAME x\nai SRV 1 2 3 .\nam SPF \"x\"\nan NSEC b A RRSIG NSEC TYPE1234 CAA\n",
    "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX A\n",
    "x ZONEMD 2018031500 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E55217057BEE 7EB1A7B641A47BA7FED2DD5B97AE499FAFA4F22C6BD647DE\n",
    // What both take with a word about it.
    "b.example. A 1.2.3.4\n",
    "m MX 10 mail\nm2 MX 10 c\nc CNAME ns\n_a._tcp SRV 1 1 1 x\n",
    "d NS ns.d\ne NS nope\n",
    "d DNAME x\na.d A 1.2.3.4\n",
    "d NS ns.d\nns.d A 1.2.3.4\nx.d TXT \"occluded\"\nd DS 1 8 1 0123456789abcdef0123456789abcdef01234567\n",
    "a.*.c A 1.2.3.4\na_b A 1.2.3.4\n",
    "a A 1.2.3.4\nA A 1.2.3.4\n",
    "a CNAME b\na CNAME b\na NSEC b CNAME\n",
    "a 0 A 1.2.3.4\nb 2147483647 A 1.2.3.4\nc 1w2d3h4m5s A 1.2.3.4",
    "a in a 1.2.3.4\nb class1 60 a 1.2.3.4\n",
    "mb MB ns\nmg MG a\nmr MR b\nnull NULL \\# 1 00\n",
];

/// Zones that both refuse.
const BAD: &[&str] = &[
    "@ NS ns2\n",
    "@ NS c\nc CNAME ns\n",
    "a CNAME b\na A 1.2.3.4\n",
    "a A 1.2.3.4\na CNAME b\n",
    "a CNAME b\na CNAME c\n",
    "d DNAME x\nd DNAME y\n",
    "@ SOA ns mail 2 2 3 4 5\n",
    "a SOA ns mail 2 2 3 4 5\n",
    "* NS ns\n",
    "a CH A 1.2.3.4\n",
    "a BOGUS x\n",
    "a 1x A 1.2.3.4\n",
    "a MD x\n",
    "$INCLUDE nope\n",
    "$BOGUS x\n",
    "$GENERATE 3-1 a$ A 1.2.3.4\n",
    "$GENERATE 1-3 a$ A 1.2.3.${256}\n",
    "a A 1.2.3\n",
    "a A 1.2.3.4.5\n",
    "a A 1.2.3.4 5\n",
    "a A\n",
    "a AAAA 1::2::3\n",
    "a MX mail\n",
    "a MX 65536 mail\n",
    "a TXT\n",
    "a TXT \"open\n",
    "a TXT ( x\n",
    "a TXT x )\n",
    "a TXT \\256\n",
    "a..b A 1.2.3.4\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa A 1.2.3.4\n",
    "a SRV 1 2 x\n",
    "a DS 1 8 2\n",
    "a DNSKEY 256 3 8 A\n",
    "a NSEC b BOGUS\n",
    "a TYPE65280 \\# 2 00\n",
    "a A \\# 3 000000\n",
    "a LOC 91 N 0 E 0m\n",
    "a CAA 0 iss-ue x\n",
    "a HTTPS 1 . port=70000\n",
    "a HTTPS 1 . mandatory=alpn\n",
    "a HTTPS 1 . port=1 port=2\n",
    "a RRSIG A 8 1 1 20231301000000 0 1 x AA==\n",
    "a EUI48 00-00-5e-00-53\n",
    "a APL 1:10.0.0.0/33\n",
    "a NAPTR 1 1 a b c\n",
    "a NSEC3PARAM 1 0 0 a\n",
];

fn origin() -> Name {
    "corp.".parse().expect("a name")
}

/// What named-checkzone says: the zone as it writes it, or why not.
fn checkzone(program: &Path, directory: &Directory, file: &Path) -> Result<String, String> {
    let out = directory.path().join("out");
    let ran = Command::new(program)
        .args(["-i", "local", "-D", "-o"])
        .arg(&out)
        .arg("corp.")
        .arg(file)
        .current_dir(directory.path())
        .output()
        .expect("named-checkzone runs");
    let said =
        format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() {
        Ok(std::fs::read_to_string(&out).expect("a zone was written"))
    } else {
        Err(said)
    }
}

#[test]
fn good_zones_hold_the_same_records() {
    let Some(program) = find("named-checkzone") else { return };
    for tail in GOOD {
        let directory = Directory::new();
        let file = directory.write("zone", format!("{APEX}{tail}"));
        let dumped =
            checkzone(&program, &directory, &file).unwrap_or_else(|why| panic!("{tail:?}: {why}"));
        let ours = Zone::load(&origin(), &file, directory.path());
        let ours = ours.unwrap_or_else(|error| panic!("{tail:?}: {error}")).zone;
        let theirs = Zone::from_master_file(&origin(), "dumped", &dumped);
        let theirs = theirs.unwrap_or_else(|error| panic!("{tail:?}: {error}\n{dumped}"));
        let (a, b) = (ours.to_master_file(), theirs.to_master_file());
        assert!(ours.same_records(&theirs), "{tail:?}\nours:\n{a}\ntheirs:\n{b}");
        // And what we write, it reads: the same zone once more.
        let written = directory.write("written", &a);
        let again = checkzone(&program, &directory, &written);
        let again = again.unwrap_or_else(|why| panic!("{tail:?}: {why}\n{a}"));
        assert_eq!(again, dumped, "{tail:?}\n{a}");
    }
}

#[test]
fn bad_zones_are_refused() {
    let Some(program) = find("named-checkzone") else { return };
    let bare =
        ["", "@ 5 SOA a. b. 1 2 3 4 5\n", "@ 5 NS a.\n", " 5 SOA a. b. 1 2 3 4 5\n@ NS a.\n"];
    let whole = bare.iter().map(|text| (*text).to_owned());
    for text in whole.chain(BAD.iter().map(|tail| format!("{APEX}{tail}"))) {
        let directory = Directory::new();
        let file = directory.write("zone", &text);
        assert!(checkzone(&program, &directory, &file).is_err(), "named-checkzone takes {text:?}");
        assert!(Zone::load(&origin(), &file, directory.path()).is_err(), "we take {text:?}");
    }
}
