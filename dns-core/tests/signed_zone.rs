//! Signed zones are served as they are: RFC 4035 §3.1, RFC 5155 §7.2, RFC 6840. Every answer, with its
//! signatures and proofs, is the one that NSD gives for the same file.
#![cfg(feature = "zones")]

#[expect(dead_code, reason = "not all tests need all of it")]
mod asker;
#[allow(dead_code, reason = "each test uses its part")]
mod programs;

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use dns_core::{Name, Resolver, Zone};
use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::{Record, RecordType};
use programs::daemon::free_port;
use programs::nsd::nsd;
use programs::{Directory, find};

const ZONE: &str = "$TTL 3600
@        SOA ns hostmaster 7 1d 2h 4w 300
         NS  ns
         MX  10 mail
ns       A   10.0.0.1
         AAAA fd00::1
mail     600 A 10.0.0.2
www      CNAME web
web      A   10.0.0.3
away     CNAME www.elsewhere.example.
nowhere  CNAME not.there
*.wild   A   10.0.0.4
         TXT wildcard
x.wild   A   10.0.0.5
alias    CNAME host.wild
a.b.c    TXT deep
*.star.c MX  10 mail
old      DNAME new
host.new A   10.0.0.6
signed   NS  ns.signed
         DS  12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ns.signed A  10.1.0.1
plain    NS  ns.plain
ns.plain A   10.2.0.1
other    NS  ns.elsewhere.example.
deleg.d.e NS ns.elsewhere.example.
_s._tcp  SRV 1 2 3 web
";

const NAMES: &[&str] = &[
    "corp.",
    "ns.corp.",
    "mail.corp.",
    "www.corp.",
    "web.corp.",
    "away.corp.",
    "nowhere.corp.",
    "wild.corp.",
    "*.wild.corp.",
    "host.wild.corp.",
    "deep.host.wild.corp.",
    "x.wild.corp.",
    "y.x.wild.corp.",
    "alias.corp.",
    "c.corp.",
    "b.c.corp.",
    "a.b.c.corp.",
    "z.b.c.corp.",
    "star.c.corp.",
    "q.star.c.corp.",
    "old.corp.",
    "host.old.corp.",
    "gone.old.corp.",
    "new.corp.",
    "signed.corp.",
    "ns.signed.corp.",
    "x.signed.corp.",
    "plain.corp.",
    "x.y.plain.corp.",
    "other.corp.",
    "e.corp.",
    "d.e.corp.",
    "deleg.d.e.corp.",
    "x.deleg.d.e.corp.",
    "nothing.corp.",
    "a.nothing.corp.",
    "zzz.corp.",
    "0.corp.",
    "_s._tcp.corp.",
    "_tcp.corp.",
    "WeB.CoRp.",
];

const TYPES: &[RecordType] = &[
    RecordType::A,
    RecordType::TXT,
    RecordType::NS,
    RecordType::SOA,
    RecordType::DS,
    RecordType::MX,
    RecordType::CNAME,
    RecordType::DNSKEY,
    RecordType::SRV,
];

/// Signs [`ZONE`] in `directory` with `options`; the file's text.
fn sign(directory: &Directory, options: &[&str]) -> Option<String> {
    let (keygen, signzone) = (find("ldns-keygen")?, find("ldns-signzone")?);
    directory.write("zone", ZONE);
    let run = |command: &mut Command| {
        let done = command.current_dir(directory.path()).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text").trim().to_owned()
    };
    let key = run(Command::new(keygen).args(["-a", "ECDSAP256SHA256", "corp."]));
    run(Command::new(signzone)
        .args(options)
        .args(["-o", "corp.", "-f", "signed", "zone"])
        .arg(&key));
    Some(std::fs::read_to_string(directory.path().join("signed")).expect("a signed zone"))
}

fn query(name: &str, rtype: RecordType, signed: bool) -> Message {
    let mut message = asker::query(name, rtype);
    message.metadata.recursion_desired = false;
    let mut edns = Edns::new();
    edns.set_max_payload(4_096).set_dnssec_ok(signed);
    message.set_edns(edns);
    message
}

fn exchange(server: SocketAddr, query: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    socket.send_to(&query.to_vec().expect("a query"), server).expect("sent");
    let mut buffer = [0; 8_192];
    let len = socket.recv(&mut buffer).expect("an answer");
    Message::from_vec(&buffer[..len]).expect("a message")
}

/// Owners in lower case, in no order.
fn set(records: &[Record]) -> Vec<String> {
    let line =
        |r: &Record| format!("{} {} {} {}", r.name.to_lowercase(), r.ttl, r.record_type(), r.data);
    let mut lines: Vec<String> = records.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

fn agrees_with_nsd(options: &[&str]) {
    let directory = Directory::new();
    let Some(text) = sign(&directory, options) else { return };
    let port = free_port();
    let zones = "zone:\n name: corp.\n zonefile: signed\n";
    let Some(peer) = nsd(&directory, port, zones) else { return };
    let origin: Name = "corp.".parse().expect("a name");
    let zone = Zone::from_master_file(&origin, "signed", &text).expect("what ldns-signzone writes");
    let site = Resolver::builder().udp_payload(4_096).zone(zone).build();
    let mut compared = 0;
    for name in NAMES {
        for &rtype in TYPES {
            for signed in [true, false] {
                let query = query(name, rtype, signed);
                let (theirs, ours) = (exchange(peer.address, &query), asker::send(&site, &query));
                let context = format!("{options:?} {name} {rtype} DO={signed}\n{theirs}\n{ours}");
                let rcode = |m: &Message| m.metadata.response_code;
                assert_eq!(rcode(&ours), rcode(&theirs), "{context}");
                assert_eq!(ours.metadata.authoritative, theirs.metadata.authoritative, "{context}");
                assert_eq!(set(&ours.answers), set(&theirs.answers), "{context}");
                let (ours, theirs) = (set(&ours.authorities), set(&theirs.authorities));
                if name.starts_with('*') && ours.len() < theirs.len() {
                    // To a question for the wildcard itself NSD adds its closest encloser; the record of
                    // the name alone is what RFC 5155 §7.2.3 asks for.
                    assert!(ours.iter().all(|line| theirs.contains(line)), "{context}");
                } else {
                    assert_eq!(ours, theirs, "{context}");
                }
                compared += 1;
            }
        }
    }
    assert_eq!(compared, NAMES.len() * TYPES.len() * 2);
}

#[test]
fn nsec() {
    agrees_with_nsd(&[]);
}

#[test]
fn nsec3() {
    agrees_with_nsd(&["-n", "-t", "3", "-s", "aabbccdd"]);
}

#[test]
fn nsec3_without_salt_and_with_opt_out() {
    agrees_with_nsd(&["-n", "-p", "-t", "0"]);
}

/// BIND's validator takes what we send, denials too.
#[cfg(feature = "server")]
fn is_validated(options: &[&str]) {
    use dns_core::net::{Listen, Server, ServerConfig};
    let directory = Directory::new();
    let (Some(delv), Some(text)) = (find("delv"), sign(&directory, options)) else { return };
    let origin: Name = "corp.".parse().expect("a name");
    let zone = Zone::from_master_file(&origin, "signed", &text).expect("what ldns-signzone writes");
    let key = text.lines().find(|line| line.contains("\tDNSKEY\t")).expect("a key");
    let words: Vec<&str> = key.split_whitespace().skip_while(|word| *word != "DNSKEY").collect();
    let anchor = format!(
        "trust-anchors {{ corp. static-key {} {} {} \"{}\"; }};\n",
        words[1], words[2], words[3], words[4]
    );
    let anchor = directory.write("anchor", anchor);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let entered = runtime.enter();
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Plain("127.0.0.1:0".parse().expect("an address"))];
    let site = Resolver::builder().zone(zone).build();
    let server = Server::start(site, config).expect("it listens");
    drop(entered);
    let port = server.addresses()[0].address().port().to_string();
    for (name, rtype, says) in [
        ("www.corp", "A", "; fully validated"),
        ("host.wild.corp", "A", "; fully validated"),
        ("alias.corp", "A", "; fully validated"),
        ("host.old.corp", "A", "; fully validated"),
        ("host.wild.corp", "MX", "; negative response, fully validated"),
        ("b.c.corp", "A", "; negative response, fully validated"),
        ("ns.corp", "MX", "; negative response, fully validated"),
        ("nothing.corp", "A", "; negative response, fully validated"),
        ("a.b.nothing.corp", "A", "; negative response, fully validated"),
        ("plain.corp", "DS", "; negative response, fully validated"),
    ] {
        let done = Command::new(&delv)
            .args(["@127.0.0.1", "-p", &port, "+root=corp", "-a"])
            .arg(&anchor)
            .args([name, rtype])
            .output()
            .expect("delv runs");
        let said = String::from_utf8_lossy(&done.stdout);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains(says), "{options:?} {name} {rtype}\n{said}\n{errors}");
    }
    runtime.block_on(server.stop());
}

#[test]
#[cfg(feature = "server")]
fn delv_validates_nsec() {
    is_validated(&[]);
}

#[test]
#[cfg(feature = "server")]
fn delv_validates_nsec3() {
    is_validated(&["-n", "-t", "0"]);
}
