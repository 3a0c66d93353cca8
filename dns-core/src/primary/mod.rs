//! What other servers ask of the holder of zones: transfers (RFC 5936, RFC 1995), notices (RFC 1996), and any
//! query signed with a key (RFC 8945). Octets in, octets out; sockets are elsewhere.

mod access;
mod query;
mod reply;
mod sent;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use access::{Grant, GrantError};
pub use reply::Reply;
pub use sent::Sent;

use crate::journal::Journal;
use crate::message::{AA, HEADER, OPCODE, QR, Rcode, u16_at};
use crate::name::Name;
use crate::notify::Peer;
use crate::record_type::RecordType;
use crate::resolve::{Resolver, Transport};
use crate::state;
use crate::transfer::{Content, NOTIFY, Outgoing, error_response, is_newer};
use crate::tsig::{Checked, Conversation, Keyring};
use crate::zone::{Difference, Zone};
use query::{datagram_size, question, version, wants};

/// What others may do with one zone.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ZoneOptions {
    /// Who may transfer it; one of them has to hold. Default: nobody.
    pub transfer: Vec<Grant>,
    /// Whether it goes over TLS only (RFC 9103 §8 has why). Default: it does not.
    pub only_encrypted: bool,
    /// Who is told when it changes.
    pub notify: Vec<Peer>,
    /// Whose notices are believed: the primaries of a zone that is not ours.
    pub primaries: Vec<Peer>,
}

/// What became of a zone that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Installed {
    /// It is the first one at its origin.
    New,
    /// It holds what the one before held.
    Same,
    /// It is newer, and whoever has the one before can have the difference.
    Newer,
    /// It holds something else under the same serial or an older one: secondaries will not notice. Raise the
    /// serial.
    SameSerial,
}

/// The holder of zones. Cloning shares it; every method takes `&self`.
#[derive(Clone, Debug)]
pub struct Primary {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    resolver: Resolver,
    keys: Keyring,
    /// Where journals are kept over a restart.
    directory: Option<PathBuf>,
    zones: Mutex<HashMap<Name, Held>>,
    sent: sent::Counting,
}

/// What is known about one zone besides its records.
#[derive(Debug, Default)]
struct Held {
    options: ZoneOptions,
    journal: Journal,
}

impl Primary {
    /// The holder of the zones that `resolver` answers from. Journals are kept in `directory`, when there is
    /// one.
    pub fn new(resolver: Resolver, keys: Keyring, directory: Option<&Path>) -> Primary {
        let directory = directory.map(Path::to_owned);
        let (zones, sent) = (Mutex::default(), sent::Counting::default());
        Primary { shared: Arc::new(Shared { resolver, keys, directory, zones, sent }) }
    }

    /// The resolver that answers from the zones.
    pub fn resolver(&self) -> &Resolver {
        &self.shared.resolver
    }

    /// The keys.
    pub fn keys(&self) -> &Keyring {
        &self.shared.keys
    }

    /// Requests for transfers since the start.
    pub fn sent(&self) -> Sent {
        self.shared.sent.counts()
    }

    /// Sets what others may do with the zone at `origin`; its journal is read, once. Blocks.
    pub fn configure(&self, origin: &Name, options: ZoneOptions) {
        let known = self.zones().contains_key(&origin.folded());
        let saved = self.journal_file(origin).filter(|_| !known);
        let saved = saved.and_then(|file| std::fs::read(file).ok());
        let mut zones = self.zones();
        let held = zones.entry(origin.folded()).or_default();
        held.options = options;
        if let Some(octets) = saved {
            held.journal = Journal::decode(&octets, MOST_JOURNAL);
        }
    }

    /// Forgets what others may do with the zone at `origin`, its journal and its records.
    pub fn remove(&self, origin: &Name) {
        self.zones().remove(&origin.folded());
        self.shared.resolver.remove_zone(origin);
        if let Some(file) = self.journal_file(origin) {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Puts `zone` in the place of the one with its origin, without a gap for queries or transfers on their way,
    /// and notes the difference: `changes` when they are known, else what the two versions say. Blocks when
    /// journals are kept.
    ///
    /// # Errors
    /// When the journal cannot be written; the zone is in its place then all the same.
    pub fn install(
        &self,
        zone: impl Into<Arc<Zone>>,
        changes: Vec<Difference>,
    ) -> std::io::Result<Installed> {
        let zone = zone.into();
        let origin = zone.origin().clone();
        let before = self.shared.resolver.zone(&origin).filter(|zone| !zone.is_void());
        self.shared.resolver.put_zone(Arc::clone(&zone));
        let (installed, octets) = {
            let mut zones = self.zones();
            let journal = &mut zones.entry(origin.folded()).or_default().journal;
            let installed = note(journal, before.as_deref(), &zone, changes);
            (installed, journal.encode())
        };
        if installed != Installed::Same
            && let Some(file) = self.journal_file(&origin)
        {
            state::replace(&file, &octets)?;
        }
        Ok(installed)
    }

    /// Who is told when the zone at `origin` changes.
    pub fn notified(&self, origin: &Name) -> Vec<Peer> {
        let zones = self.zones();
        zones.get(&origin.folded()).map_or(Vec::new(), |held| held.options.notify.clone())
    }

    /// Whether `message` is for [`handle`](Primary::handle): a transfer query, a notice, or signed. Does not
    /// allocate.
    pub fn wants(message: &[u8]) -> bool {
        wants(message).unwrap_or(false)
    }

    /// Answers what [`wants`](Primary::wants) is true for; `now` of the resolver's clock, `wall` in seconds
    /// since 1970.
    pub fn handle(
        &self,
        now: Duration,
        wall: u64,
        client: IpAddr,
        message: &[u8],
        transport: Transport,
    ) -> Reply {
        if message.len() < HEADER || u16_at(message, 2).is_ok_and(|flags| flags & QR != 0) {
            return Reply::nothing();
        }
        let request = Request { now, wall, client, transport };
        match self.shared.keys.verify(message, wall) {
            Ok(Checked::Unsigned) => self.answer(&request, message, None),
            Ok(Checked::Signed { message, conversation }) => {
                self.answer(&request, &message, Some(conversation))
            }
            Err(rejected) => {
                let (rcode, _) = rejected.error.codes();
                let mut response = error_response(message, rcode, 0);
                rejected.mark(&mut response);
                Reply::message(response)
            }
        }
    }

    fn answer(
        &self,
        request: &Request,
        message: &[u8],
        conversation: Option<Conversation>,
    ) -> Reply {
        let signed = |mut response: Vec<u8>, mut conversation: Option<Conversation>| {
            if let Some(conversation) = &mut conversation {
                conversation.sign(&mut response, request.wall);
            }
            Reply::message(response)
        };
        let Some((name, rtype)) = question(message) else {
            return signed(error_response(message, Rcode::FORMERR, 0), conversation);
        };
        let flags = u16_at(message, 2).unwrap_or(0);
        if flags & OPCODE == NOTIFY << 11 {
            let rcode = match self.believes(request.client, &name, conversation.as_ref()) {
                Some(true) => Rcode::NOERROR,
                Some(false) => Rcode::REFUSED,
                None => Rcode::NOTAUTH,
            };
            let reply = signed(error_response(message, rcode, AA), conversation);
            return if rcode == Rcode::NOERROR { reply.with_notice(name) } else { reply };
        }
        if matches!(rtype, RecordType::AXFR | RecordType::IXFR) {
            let content = self.content(request, &name, rtype, message, conversation.as_ref());
            self.shared.sent.note(content.as_ref());
            let content = match content {
                Ok(content) => content,
                Err(rcode) => return signed(error_response(message, rcode, 0), conversation),
            };
            let id = u16_at(message, 0).unwrap_or(0);
            let outgoing = Outgoing::new(id, rtype, content, conversation);
            return match request.transport {
                Transport::Stream | Transport::Encrypted => Reply::stream(outgoing),
                Transport::Datagram => {
                    Reply::message(outgoing.datagram(datagram_size(message), request.wall))
                }
            };
        }
        // An ordinary query, signed: who has a key may ask from anywhere.
        let most = match request.transport {
            Transport::Stream | Transport::Encrypted => usize::from(u16::MAX),
            Transport::Datagram => datagram_size(message),
        };
        let room = most - conversation.as_ref().map_or(0, Conversation::overhead).min(most);
        let mut out = vec![0; room];
        let resolver = &self.shared.resolver;
        let client = if conversation.is_some() { LOOPBACK } else { request.client };
        let len = match request.transport {
            Transport::Stream | Transport::Encrypted => {
                resolver.answer_stream(request.now, client, message, &mut out)
            }
            Transport::Datagram => resolver.answer(request.now, client, message, &mut out),
        };
        out.truncate(len);
        if out.is_empty() { Reply::nothing() } else { signed(out, conversation) }
    }

    /// Whether a notice about `origin` is believed; `None` when it is no zone that others are primaries of.
    fn believes(
        &self,
        client: IpAddr,
        origin: &Name,
        conversation: Option<&Conversation>,
    ) -> Option<bool> {
        let zones = self.zones();
        let primaries = &zones.get(&origin.folded())?.options.primaries;
        if primaries.is_empty() {
            return None;
        }
        let key = conversation.map(|conversation| conversation.key().name());
        let client = client.to_canonical();
        // A notice is a hint only: what counts is what the primary says when asked.
        Some(primaries.iter().any(|primary| {
            primary.address.ip().to_canonical() == client
                || (key.is_some() && key == primary.key.as_ref().map(|key| key.name()))
        }))
    }

    fn content(
        &self,
        request: &Request,
        origin: &Name,
        rtype: RecordType,
        message: &[u8],
        conversation: Option<&Conversation>,
    ) -> Result<Content, Rcode> {
        let zone = self.shared.resolver.zone(origin).ok_or(Rcode::NOTAUTH)?;
        if zone.is_void() {
            return Err(Rcode::SERVFAIL);
        }
        let key = conversation.map(|conversation| conversation.key().name());
        let zones = self.zones();
        let held = zones.get(&origin.folded()).ok_or(Rcode::REFUSED)?;
        let granted = held.options.transfer.iter().any(|grant| grant.holds(request.client, key));
        let seen = held.options.only_encrypted && request.transport != Transport::Encrypted;
        if !granted || seen {
            return Err(Rcode::REFUSED);
        }
        if rtype == RecordType::AXFR {
            // Not over UDP (RFC 5936 §4.2).
            let stream = request.transport != Transport::Datagram;
            return if stream { Ok(Content::Whole(zone)) } else { Err(Rcode::FORMERR) };
        }
        let theirs = version(message, origin).ok_or(Rcode::FORMERR)?;
        if !is_newer(zone.soa().serial, theirs) {
            return Ok(Content::Version(zone));
        }
        let reaches = held.journal.newest() == Some(zone.soa().serial);
        Ok(match held.journal.since(theirs).filter(|_| reaches) {
            Some(changes) => Content::Changes(zone, changes),
            None => Content::Whole(zone),
        })
    }

    fn journal_file(&self, origin: &Name) -> Option<PathBuf> {
        let directory = self.shared.directory.as_ref()?;
        Some(directory.join(state::file_name(origin, "journal")))
    }

    // Whatever panicked has not left half a journal: each change is one call.
    fn zones(&self) -> MutexGuard<'_, HashMap<Name, Held>> {
        self.shared.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks, when and how.
struct Request {
    now: Duration,
    wall: u64,
    client: IpAddr,
    transport: Transport,
}

fn note(
    journal: &mut Journal,
    before: Option<&Zone>,
    zone: &Zone,
    changes: Vec<Difference>,
) -> Installed {
    let serial = zone.soa().serial;
    let Some(before) = before else {
        // After a restart the journal goes on where it ended.
        if journal.newest() != Some(serial) {
            journal.clear();
        }
        return Installed::New;
    };
    let changes = match changes {
        changes if !changes.is_empty() => changes,
        _ => vec![before.difference(zone)],
    };
    if changes.iter().all(|change| change.removed == change.added) {
        return Installed::Same;
    }
    if !is_newer(serial, before.soa().serial) {
        journal.clear();
        return Installed::SameSerial;
    }
    for change in changes {
        journal.push(change);
    }
    Installed::Newer
}

/// Octets of one zone's journal.
const MOST_JOURNAL: usize = 16 << 20;
/// Always answered.
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
