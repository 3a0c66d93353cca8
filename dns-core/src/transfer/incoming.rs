//! Transfers in: messages in, a zone or differences out. Nothing is believed before the last message, nothing
//! grows beyond its bound.

use std::sync::Arc;

use thiserror::Error;

use crate::layout::expand;
use crate::message::{HEADER, MessageError, OPCODE, QR, Rcode, Section, TC, records, u16_at};
use crate::name::{Name, read};
use crate::rdata::RData;
use crate::record_type::{Class, RecordType};
use crate::tsig::{Conversation, TsigError};
use crate::zone::{ApplyError, Difference, OwnedRecord, RecordError, Zone, ZoneBuilder, ZoneError};

/// What a transfer may bring.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TransferLimits {
    /// Octets of all messages. Default 256 MiB.
    pub max_bytes: usize,
    /// Records. Default 4,000,000.
    pub max_records: usize,
}

impl Default for TransferLimits {
    fn default() -> TransferLimits {
        TransferLimits { max_bytes: 256 << 20, max_records: 4_000_000 }
    }
}

/// Why a transfer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A message that cannot be walked.
    #[error("malformed message")]
    Message(#[from] MessageError),
    /// A message that answers something else.
    #[error("an answer to another question")]
    OtherQuestion,
    /// The primary says no, with this code.
    #[error("the primary answers with code {}", .0.0)]
    Rcode(Rcode),
    /// No SOA where one has to be.
    #[error("no SOA where one has to be")]
    NoSoa,
    /// Records behind the end.
    #[error("records behind the last SOA")]
    Trailing,
    /// More than the limits allow.
    #[error("more than {0}")]
    TooMuch(&'static str),
    /// The signature.
    #[error("its signature")]
    Tsig(#[from] TsigError),
    /// A record that does not go into the zone.
    #[error("a record that does not go into the zone")]
    Record(#[from] RecordError),
    /// What came is no zone.
    #[error("what came is no zone")]
    Zone(#[from] ZoneError),
    /// Differences that do not fit the zone we have: all of it has to come.
    #[error("differences that do not fit")]
    Apply(#[from] ApplyError),
}

impl TransferError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            TransferError::Message(error) => error.label(),
            TransferError::OtherQuestion => "other_question",
            TransferError::Rcode(_) => "rcode",
            TransferError::NoSoa => "no_soa",
            TransferError::Trailing => "trailing",
            TransferError::TooMuch(_) => "too_much",
            TransferError::Tsig(error) => error.label(),
            TransferError::Record(error) => error.label(),
            TransferError::Zone(error) => error.label(),
            TransferError::Apply(error) => error.label(),
        }
    }
}

/// What a transfer brought.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Received {
    /// We have the newest version.
    Unchanged,
    /// The zone; the differences that led there when they came so.
    Zone(Arc<Zone>, Vec<Difference>),
}

/// A transfer on its way in.
#[derive(Debug)]
pub struct Incoming {
    id: u16,
    origin: Name,
    rtype: RecordType,
    known: Option<Arc<Zone>>,
    limits: TransferLimits,
    conversation: Option<Conversation>,
    state: State,
    bytes: usize,
    records: usize,
}

#[derive(Debug)]
enum State {
    /// Nothing came.
    Begin,
    /// The first SOA, which says where it leads.
    Opened(OwnedRecord),
    /// All of it, in no order.
    Whole(OwnedRecord, Box<ZoneBuilder>),
    /// One difference after another.
    Changes { soa: OwnedRecord, done: Vec<Difference>, current: Difference, adding: bool },
    /// The last SOA came.
    Ended(Option<Box<ZoneBuilder>>, Vec<Difference>),
}

impl Incoming {
    /// The transfer that the request with `id` asks for: differences to `known` when there is a zone already.
    pub(crate) fn new(
        id: u16,
        origin: Name,
        known: Option<Arc<Zone>>,
        limits: TransferLimits,
        conversation: Option<Conversation>,
    ) -> Incoming {
        let rtype = if known.is_some() { RecordType::IXFR } else { RecordType::AXFR };
        let state = State::Begin;
        Incoming { id, origin, rtype, known, limits, conversation, state, bytes: 0, records: 0 }
    }

    /// Takes the next message, which came at `wall` (seconds since 1970). `None`: more has to come.
    ///
    /// # Errors
    /// [`TransferError`]; nothing that came counts then.
    pub fn handle(&mut self, message: &[u8], wall: u64) -> Result<Option<Received>, TransferError> {
        self.bytes += message.len();
        if self.bytes > self.limits.max_bytes {
            return Err(TransferError::TooMuch("the bytes allowed"));
        }
        let conversation = self.conversation.as_mut();
        let verified = conversation.map(|conversation| conversation.verify(message, wall));
        let plain = match &verified {
            Some(Ok(plain)) => plain,
            // Who does not know our key says so without signing: that is worth telling apart.
            Some(Err(TsigError::Unsigned)) => return Err(self.unsigned(message)),
            Some(Err(error)) => return Err((*error).into()),
            None => message,
        };
        self.check_header(plain)?;
        let mut count = 0;
        for record in records(plain)? {
            let record = record?;
            if record.section != Section::Answer {
                break;
            }
            if record.class != Class::IN {
                continue;
            }
            let (owner, _) = read(plain, record.owner_at).map_err(MessageError::from)?;
            let rdata = expand(plain, record.rdata.start, record.rdata.end, record.rtype)?.into();
            let (ttl, rtype) = (record.ttl, record.rtype);
            self.record(OwnedRecord { owner, ttl, rtype, rdata })?;
            count += 1;
        }
        self.finish(count)
    }

    fn unsigned(&self, message: &[u8]) -> TransferError {
        match self.check_header(message) {
            Err(error @ TransferError::Rcode(_)) => error,
            _ => TsigError::Unsigned.into(),
        }
    }

    fn check_header(&self, message: &[u8]) -> Result<(), TransferError> {
        let (id, flags) = (u16_at(message, 0)?, u16_at(message, 2)?);
        if id != self.id || flags & QR == 0 || flags & (OPCODE | TC) != 0 {
            return Err(TransferError::OtherQuestion);
        }
        match u16_at(message, 4)? {
            0 => {}
            1 => {
                let (name, at) = read(message, HEADER).map_err(MessageError::from)?;
                if name != self.origin || u16_at(message, at)? != self.rtype.0 {
                    return Err(TransferError::OtherQuestion);
                }
            }
            _ => return Err(TransferError::OtherQuestion),
        }
        match flags as u8 & 15 {
            0 => Ok(()),
            rcode => Err(TransferError::Rcode(Rcode(rcode))),
        }
    }

    fn record(&mut self, record: OwnedRecord) -> Result<(), TransferError> {
        self.records += 1;
        if self.records > self.limits.max_records {
            return Err(TransferError::TooMuch("the records allowed"));
        }
        let serial = serial(&record);
        let state = std::mem::replace(&mut self.state, State::Begin);
        self.state = match (state, serial) {
            (State::Begin, Some(_)) if record.owner == self.origin => State::Opened(record),
            (State::Begin, _) => return Err(TransferError::NoSoa),
            (State::Opened(soa), Some(from)) if self.begins_change(from) => {
                let current =
                    Difference { from, to: from, removed: vec![record], added: Vec::new() };
                State::Changes { soa, done: Vec::new(), current, adding: false }
            }
            (State::Opened(soa), _) => {
                let mut builder = Zone::builder(self.origin.clone());
                put(&mut builder, &soa)?;
                whole(soa, Box::new(builder), &record)?
            }
            (State::Whole(soa, builder), _) => whole(soa, builder, &record)?,
            (State::Changes { soa, done, current, adding }, serial) => {
                change(soa, done, current, adding, serial, record)?
            }
            (State::Ended(..), _) => return Err(TransferError::Trailing),
        };
        Ok(())
    }

    /// Whether the second SOA is the one we have, so that differences follow (RFC 1995 §4).
    fn begins_change(&self, serial: u32) -> bool {
        self.known.as_ref().is_some_and(|zone| zone.soa().serial == serial)
    }

    fn finish(&mut self, count: usize) -> Result<Option<Received>, TransferError> {
        if let (State::Opened(soa), Some(known)) = (&self.state, &self.known) {
            // One SOA and no more: we have it already, or have something newer.
            let theirs = serial(soa).ok_or(TransferError::NoSoa)?;
            if count == 1 && !is_newer(theirs, known.soa().serial) {
                self.settled()?;
                return Ok(Some(Received::Unchanged));
            }
        }
        let State::Ended(builder, changes) = &mut self.state else {
            // A message without records brings nothing nearer.
            return if count == 0 { Err(TransferError::NoSoa) } else { Ok(None) };
        };
        let (builder, changes) = (builder.take(), std::mem::take(changes));
        self.settled()?;
        if let Some(builder) = builder {
            return Ok(Some(Received::Zone(Arc::new(builder.build()?), changes)));
        }
        let known = self.known.as_ref().ok_or(TransferError::NoSoa)?;
        Ok(Some(Received::Zone(Arc::new(known.apply(&changes)?), changes)))
    }

    fn settled(&self) -> Result<(), TransferError> {
        match &self.conversation {
            Some(conversation) if !conversation.is_settled() => Err(TsigError::Unsigned.into()),
            _ => Ok(()),
        }
    }
}

fn whole(
    soa: OwnedRecord,
    mut builder: Box<ZoneBuilder>,
    record: &OwnedRecord,
) -> Result<State, TransferError> {
    if record.rtype == RecordType::SOA {
        let same = record.owner == soa.owner && record.rdata == soa.rdata;
        return if same {
            Ok(State::Ended(Some(builder), Vec::new()))
        } else {
            Err(TransferError::NoSoa)
        };
    }
    put(&mut builder, record)?;
    Ok(State::Whole(soa, builder))
}

fn change(
    soa: OwnedRecord,
    mut done: Vec<Difference>,
    mut current: Difference,
    adding: bool,
    serial_here: Option<u32>,
    record: OwnedRecord,
) -> Result<State, TransferError> {
    match (serial_here, adding) {
        (Some(serial), false) => {
            current.to = serial;
            current.added.push(record);
            Ok(State::Changes { soa, done, current, adding: true })
        }
        (Some(serial_here), true) => {
            if serial_here != current.to {
                return Err(TransferError::NoSoa);
            }
            let ended = serial(&soa) == Some(serial_here);
            done.push(current);
            if ended {
                return Ok(State::Ended(None, done));
            }
            let (from, to) = (serial_here, serial_here);
            let current = Difference { from, to, removed: vec![record], added: Vec::new() };
            Ok(State::Changes { soa, done, current, adding: false })
        }
        (None, adding) => {
            let list = if adding { &mut current.added } else { &mut current.removed };
            list.push(record);
            Ok(State::Changes { soa, done, current, adding })
        }
    }
}

/// What lies outside of the zone is left out: some primaries send glue of elsewhere.
fn put(builder: &mut ZoneBuilder, record: &OwnedRecord) -> Result<(), TransferError> {
    match builder.record(&record.owner, record.ttl, record.rtype, &record.rdata) {
        Ok(()) | Err(RecordError::OutOfZone { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The serial of a SOA record.
fn serial(record: &OwnedRecord) -> Option<u32> {
    if record.rtype != RecordType::SOA {
        return None;
    }
    match RData::read(&record.rdata, 0, record.rdata.len(), RecordType::SOA) {
        Ok(RData::Soa(soa)) => Some(soa.serial),
        _ => None,
    }
}

/// Whether serial `a` is newer than `b` (RFC 1982 §3.2).
pub(crate) fn is_newer(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}
