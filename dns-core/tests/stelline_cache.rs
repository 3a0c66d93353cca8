//! The scripts of the crate `domain` for a client's cache, played against ours: one server is asked, and what it says
//! changes between two questions, so that the second answer tells whether it came from the cache.
#![cfg(feature = "zones")]

#[allow(dead_code, reason = "each test uses its part of the player")]
mod stelline;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns_core::question::Query;
use dns_core::{
    ForwardConfig, Forwarder, MissConfig, Misses, Resolver, Served, Transport, Upstream,
};
use stelline::compare::{compare, header};
use stelline::records::{Message, parse, write};
use stelline::script::{Does, Entry, Script};
use stelline::test_data;

/// What we do otherwise, and why that is right here.
const OTHERWISE: &[(&str, &str)] = &[
    ("cache_aa", "AA is never passed on: it is the authority's own to set"),
    (
        "cache_ad",
        "AD is never passed on: nothing is validated here, and servers are not trusted to",
    ),
    ("cache_ad_rev", "as cache_ad"),
    (
        "cache_chaos",
        "class CHAOS is refused: it is about the server that is asked, not about others",
    ),
    ("cache_delegation", "a referral is no answer of a server that recurses: the question failed"),
    (
        "cache_do_nsec",
        "answers with and without signatures are cached apart; one is not made of the other",
    ),
    ("cache_do_nsec3", "as cache_do_nsec"),
    ("cache_do_q_nsec", "as cache_ad"),
    ("cache_do_q_rrsig", "as cache_ad"),
    ("cache_notify", "notices are for the holder of zones and never passed on"),
    ("cache_rd_rev", "without RD others are not asked"),
    ("cache_refused", "the refusal of a server is a failure (SERVFAIL) to whoever asked us"),
    (
        "cache_ttl_sections",
        "additional records end on their own, at TTL 0; the answer goes on until its own is over",
    ),
    ("cache_transport_error", "as cache_refused"),
];

const UPSTREAM: Ipv4Addr = Ipv4Addr::new(192, 5, 6, 30);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Player<'s> {
    script: &'s Script,
    step: u32,
    now: Duration,
    resolver: Resolver,
    misses: Misses<()>,
}

impl<'s> Player<'s> {
    fn new(script: &'s Script) -> Player<'s> {
        let resolver = Resolver::builder().forwards().in_order().build();
        let config = ForwardConfig { mix_case: false, ..ForwardConfig::default() };
        let mut number = 0;
        let random = move || {
            number += 1;
            number
        };
        let upstream = Upstream::plain((UPSTREAM, 53).into());
        let forwarder = Forwarder::new(config, vec![upstream], random);
        let misses = Misses::new(resolver.clone(), forwarder, MissConfig::default());
        Player { script, step: 0, now: Duration::from_secs(1_790_000_000), resolver, misses }
    }

    fn play(&mut self) -> Result<(), String> {
        let mut answer = None;
        for step in &self.script.steps {
            self.step = step.number;
            match &step.does {
                Does::Query(_, entry) => answer = self.ask(entry),
                Does::Check(wanted) => {
                    let came =
                        answer.take().ok_or_else(|| format!("step {}: nothing", step.number))?;
                    compare(wanted, &came).map_err(|why| format!("step {}: {why}", step.number))?;
                }
                Does::Wait(seconds) => self.now += Duration::from_secs(*seconds),
            }
        }
        Ok(())
    }

    fn ask(&mut self, entry: &Entry) -> Option<Message> {
        let question = entry.question.as_ref().expect("a question");
        let edns = entry.says("DO").then_some((true, &[][..]));
        let wire = write(7, header(entry), question, &entry.sections, edns);
        let mut out = vec![0; 65_535];
        match self.resolver.serve(self.now, CLIENT, &wire, Transport::Stream, &mut out) {
            Served::Answer { len, .. } if len > 0 => return Some(parse(&out[..len])),
            Served::Ask => {}
            _ => return None,
        }
        self.misses.handle_query(self.now, (), CLIENT, &wire, Transport::Stream);
        loop {
            while let Some(transmit) = self.misses.poll_transmit() {
                if let Some(response) = self.reply(&transmit.message) {
                    self.misses.handle_response(self.now, transmit.attempt, &response);
                }
            }
            if let Some(((), response)) = self.misses.poll_reply() {
                return Some(parse(&response));
            }
            self.now = self.misses.next_timeout()?.max(self.now);
            self.misses.handle_timeout(self.now);
        }
    }

    /// What the script has the server say: the last entry that matches counts.
    fn reply(&self, wire: &[u8]) -> Option<Vec<u8>> {
        let query = Query::parse(wire).expect("a query of ours");
        let ranges = self.script.ranges.iter().filter(|range| {
            range.steps.contains(&self.step) && range.address == Some(UPSTREAM.into())
        });
        let mut entries = ranges.flat_map(|range| &range.entries);
        let entry = entries.rfind(|entry| matches(entry, &query))?;
        let mut question = entry.question.clone().expect("a question");
        question.0.owner = dns_core::Name::from_wire(query.name).expect("a name");
        Some(write(query.id, 0x8000 | header(entry), &question, &entry.sections, None))
    }
}

fn matches(entry: &Entry, query: &Query<'_>) -> bool {
    let (asked, class) = entry.question.as_ref().expect("a question");
    let flag = |word, set: bool| !entry.wants(word) || set;
    asked.owner.folded().as_wire() == query.name.to_ascii_lowercase()
        && asked.rtype == query.rtype
        && *class == query.class.0
        && entry.opcode == 0
        && flag("DO", query.dnssec_ok())
        && flag("AD", query.authentic_data)
        && flag("CD", query.checking_disabled)
        && flag("RD", query.recursion_desired)
}

#[test]
fn every_script_for_a_cache_is_played_or_its_difference_is_known() {
    let Some(folder) = test_data() else { return };
    let mut wrong = Vec::new();
    let mut played = 0;
    for file in std::fs::read_dir(folder.join("client-cache")).expect("a folder") {
        let path = file.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let script = Script::parse(&std::fs::read_to_string(&path).expect("a script"));
        assert!(!script.steps.is_empty() && !script.ranges.is_empty(), "{name}");
        let reason = OTHERWISE.iter().find(|(known, _)| *known == name);
        match (Player::new(&script).play(), reason) {
            (Ok(()), None) => played += 1,
            (Err(_), Some(_)) => {}
            (Ok(()), Some((_, why))) => {
                wrong.push(format!("{name} is played, and is said not to: {why}"));
            }
            (Err(why), None) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(played >= 8, "{played}");
}
