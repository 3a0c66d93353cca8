//! The scripts of the crate `domain` for a server, played against our zones, transfers and notices.
#![cfg(feature = "zones")]

#[allow(dead_code, reason = "each test uses its part of the player")]
mod stelline;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use dns_core::primary::{Primary, ZoneOptions};
use dns_core::tsig::Keyring;
use dns_core::{CookieSecret, Name, Network, Resolver, Transport, Zone};
use stelline::compare::{compare, header};
use stelline::records::{Message, parse, write};
use stelline::script::{Does, Entry, Script};
use stelline::test_data;

/// What we do otherwise, and why that is right here.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "edns_downstream_cookies",
        "nobody is refused for want of a cookie: it spares from limits (tests/rfc9018_cookies.rs has the RFC's hashes)",
    ),
    (
        "notify",
        "the script has a zone without records and without primaries, whose notices are believed all the same",
    ),
    ("tsig", "the key's secret is not in the script"),
];

struct Server {
    resolver: Resolver,
    primary: Primary,
    now: Duration,
}

impl Server {
    fn new(script: &Script, folder: &Path) -> Server {
        let mut builder = Resolver::builder().in_order();
        for network in ["127.0.0.0/8", "1.2.3.4/32"] {
            builder = builder.allow(network.parse::<Network>().expect("a network"));
        }
        if let Some(secret) = script.values("cookie-secret").next() {
            let secret = u128::from_str_radix(&secret, 16).expect("32 digits");
            builder = builder.cookies(CookieSecret(secret.to_be_bytes()));
        }
        let resolver = builder.build();
        if let Some(millis) = script.values("edns-tcp-keepalive-timeout").next() {
            resolver.set_stream_idle(Duration::from_millis(millis.parse().expect("a number")));
        }
        let primary = Primary::new(resolver.clone(), Keyring::default(), None);
        for file in script.values("local-file") {
            let text = std::fs::read_to_string(folder.join(&file)).expect("a zone file");
            let mut words = text.split_whitespace().filter(|word| *word != "$ORIGIN");
            let origin: Name = words.next().expect("an origin").parse().expect("a name");
            let zone = Zone::from_saved(&origin, &file, &text).expect("a zone");
            primary.install(zone, Vec::new()).expect("no journal");
        }
        let records: Vec<String> = script.values("local-data").collect();
        if let Some(soa) = records.iter().find(|record| record.contains(" SOA ")) {
            let origin: Name =
                soa.split_whitespace().next().expect("an owner").parse().expect("a name");
            // A zone of theirs may do without NS records; ours says whose it is.
            let servers = if records.iter().any(|record| record.contains(" NS ")) {
                String::new()
            } else {
                format!("{origin} 3600 NS ns.invalid.\n")
            };
            let text = format!("$TTL 3600\n{}\n{servers}", records.join("\n"));
            let zone = Zone::from_saved(&origin, "local-data", &text).expect("a zone");
            let mut options = ZoneOptions::default();
            for grant in script.values("provide-xfr") {
                let network = grant.split_whitespace().next().expect("a network");
                options.transfer.push(network.parse().expect("a grant"));
            }
            primary.configure(&origin, options);
            primary.install(zone, Vec::new()).expect("no journal");
        }
        Server { resolver, primary, now: Duration::ZERO }
    }

    /// What comes back: every message, its records together.
    fn ask(&self, client: IpAddr, entry: &Entry) -> Option<Message> {
        let question = entry.question.as_ref().expect("a question");
        let edns = entry.edns.as_deref().map(|options| (entry.says("DO"), options));
        let wire = write(7, header(entry), question, &entry.sections, edns);
        let transport = if entry.wants("TCP") { Transport::Stream } else { Transport::Datagram };
        if Primary::wants(&wire) {
            let wall = self.now.as_secs();
            let mut reply = self.primary.handle(self.now, wall, client, &wire, transport);
            let mut whole: Option<Message> = None;
            while let Some(next) = reply.next_message(wall) {
                let next = parse(&next);
                match &mut whole {
                    None => whole = Some(next),
                    Some(whole) => whole.sections[0].extend(next.sections.into_iter().next()?),
                }
            }
            return whole;
        }
        let mut out = vec![0; 65_535];
        let len = match transport {
            Transport::Datagram => self.resolver.answer(self.now, client, &wire, &mut out),
            _ => self.resolver.answer_stream(self.now, client, &wire, &mut out),
        };
        (len > 0).then(|| parse(&out[..len]))
    }

    fn play(&mut self, script: &Script) -> Result<usize, String> {
        let (mut answer, mut checked) = (None, 0);
        for step in &script.steps {
            match &step.does {
                Does::Query(client, entry) => {
                    answer = self.ask(client.unwrap_or(Ipv4Addr::LOCALHOST.into()), entry);
                }
                // When a connection ends is the sockets' affair: tests/rfc7828_keepalive.rs.
                Does::Check(wanted) if wanted.wants("CONNECTION_CLOSED") => {}
                Does::Check(wanted) => {
                    let came =
                        answer.take().ok_or_else(|| format!("step {}: nothing", step.number))?;
                    compare(wanted, &came).map_err(|why| format!("step {}: {why}", step.number))?;
                    checked += 1;
                }
                Does::Wait(seconds) => self.now += Duration::from_secs(*seconds),
            }
        }
        Ok(checked)
    }
}

#[test]
fn every_script_for_a_server_is_played_or_its_difference_is_known() {
    let Some(folder) = test_data() else { return };
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for file in std::fs::read_dir(folder.join("server")).expect("a folder") {
        let path = file.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rpl") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let script = Script::parse(&std::fs::read_to_string(&path).expect("a script"));
        assert!(!script.steps.is_empty(), "{name}");
        let reason = OTHERWISE.iter().find(|(known, _)| *known == name);
        match (Server::new(&script, &folder).play(&script), reason) {
            (Ok(steps), None) => checked += steps,
            (Err(_), Some(_)) => {}
            (Ok(_), Some((_, why))) => {
                wrong.push(format!("{name} is played, and is said not to: {why}"));
            }
            (Err(why), None) => wrong.push(format!("{name}: {}", &why[..why.len().min(2_000)])),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 10, "{checked}");
}
