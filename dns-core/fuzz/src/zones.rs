//! Zones: their files, transfers and signatures; `tests/fuzz_zones.rs` does the same with the seeds.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use dns_core::journal::Journal;
use dns_core::primary::{Primary, ZoneOptions};
use dns_core::resolve::Transport;
use dns_core::transfer::{Received, TransferLimits, request};
use dns_core::tsig::{Checked, Conversation, Key, Keyring};
use dns_core::{Name, RecordType, Resolver, Zone, catalog};

const WALL: u64 = 1_700_000_000;
const ZONE: &str =
    "$TTL 60\n@ SOA ns mail 5 1h 1h 1h 60\n@ NS ns\nns A 10.0.0.1\nversion TXT 2\n*.w TXT x\n";

fn origin() -> Name {
    "corp.".parse().expect("a name")
}

fn known() -> Arc<Zone> {
    Arc::new(Zone::from_master_file(&origin(), "known", ZONE).expect("a zone"))
}

fn keys() -> (Keyring, Arc<Key>) {
    let mut ring = Keyring::default();
    let key = ring.add("k:hmac-sha256:c2VjcmV0".parse().expect("a key"));
    (ring, key)
}

/// Reads the bytes as a master file; what is read is written, read again and the same; every name in it is
/// answered for.
pub fn zone_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(zone) = Zone::from_master_file(&origin(), "fuzz", text) else { return };
    let written = zone.to_master_file();
    let again = Zone::from_saved(&origin(), "written", &written);
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert!(again.same_records(&zone), "{written}\n{}", again.to_master_file());
    let change = known().difference(&zone);
    let changed = known().apply(&[change]).expect("a difference fits");
    assert!(changed.same_records(&zone));
    let _ = catalog::members(&zone);
    let names: Vec<Name> = zone.records().take(50).map(|record| record.owner.clone()).collect();
    let site = Resolver::builder().zone(zone).build();
    for name in names {
        for below in [name.prefixed(b"\x01x"), Ok(name)].into_iter().flatten() {
            for rtype in [RecordType::A, RecordType::DS, RecordType::ANY] {
                let _ = site.lookup(Duration::ZERO, &below.to_string(), rtype);
            }
        }
    }
}

/// Takes the bytes as a signed request, as a response to one, and as what somebody put behind one.
pub fn tsig(bytes: &[u8]) {
    let (ring, key) = keys();
    if let Ok(Checked::Signed { message, mut conversation }) = ring.verify(bytes, WALL) {
        let mut response = message;
        conversation.sign(&mut response, WALL);
    }
    let mut message = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x04corp\0\0\xfc\0\x01".to_vec();
    let mut asker = Conversation::request(&key, &mut message, WALL);
    assert!(asker.verify(bytes, WALL).is_err() || !asker.is_settled());
    message.extend(bytes);
    if let Err(rejected) = ring.verify(&message, WALL) {
        let mut response = message[..12].to_vec();
        rejected.mark(&mut response);
    }
}

/// Takes the bytes behind the first as messages with their lengths, in answer to AXFR or IXFR.
pub fn transfer_stream(bytes: &[u8]) {
    let Some((mode, mut rest)) = bytes.split_first() else { return };
    let (_, key) = keys();
    let zone = (mode & 1 != 0).then(known);
    let key = Some(&key).filter(|_| mode & 2 != 0);
    let limits = TransferLimits::default();
    let (_, mut incoming) = request(0, &origin(), zone, key, limits, WALL);
    while let Some((&[high, low], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (message, after) = after.split_at(len);
        rest = after;
        match incoming.handle(message, WALL) {
            Ok(None) => {}
            Ok(Some(Received::Zone(zone, _))) => {
                let written = zone.to_master_file();
                let again = Zone::from_saved(&origin(), "written", &written);
                let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
                assert!(again.same_records(&zone), "{written}");
                return;
            }
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

/// Takes the bytes as what somebody asks a holder of zones.
pub fn transfer_request(bytes: &[u8]) {
    let (ring, _) = keys();
    let primary = Primary::new(Resolver::builder().build(), ring, None);
    let mut options = ZoneOptions::default();
    options.transfer = vec!["192.0.2.0/24".parse().expect("a grant")];
    primary.configure(&origin(), options);
    primary.install(known(), Vec::new()).expect("no journal on disk");
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let _ = Primary::wants(bytes);
    for (transport, most) in [(Transport::Datagram, 1_232), (Transport::Stream, 65_535)] {
        let now = Duration::from_secs(1);
        let mut reply = primary.handle(now, WALL, client, bytes, transport);
        let mut count = 0;
        while let Some(message) = reply.next_message(WALL) {
            assert!(message.len() <= most && message[2] & 0x80 != 0);
            count += 1;
        }
        assert!(count < 3);
    }
}

/// Takes the bytes as a journal's file: one that is taken is written as it was.
pub fn journal(bytes: &[u8]) {
    let journal = Journal::decode(bytes, 1 << 20);
    if journal.newest().is_some() {
        assert_eq!(journal.encode(), bytes);
    }
}
