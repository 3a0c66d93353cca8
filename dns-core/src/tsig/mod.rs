//! Transaction signatures (RFC 8945): who may ask for a transfer, and whether a stream of messages is what the
//! other side sent. Octets and the time in, octets out.

mod key;
mod record;

use std::sync::Arc;

use thiserror::Error;

pub use key::{Algorithm, Key, KeyError};

use crate::message::Rcode;
use crate::name::Name;
use record::{Record, Timers, append, variables};

/// Why a signature is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TsigError {
    /// The message or its TSIG record cannot be read.
    #[error("malformed signature")]
    Malformed,
    /// No such key, or with another algorithm.
    #[error("unknown key")]
    BadKey,
    /// The code is not that of the message.
    #[error("wrong signature")]
    BadSig,
    /// Signed too long ago, or in the future: a clock is wrong.
    #[error("signed at another time: set the clocks")]
    BadTime,
    /// A shortened code; they are not taken here.
    #[error("shortened signature")]
    BadTrunc,
    /// No signature where there must be one.
    #[error("not signed")]
    Unsigned,
    /// The other side says that it did not take ours, with this code (RFC 8945 §3).
    #[error("our signature was not taken: error {0}")]
    Refused(u16),
}

impl TsigError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            TsigError::Malformed => "malformed",
            TsigError::BadKey => "bad_key",
            TsigError::BadSig => "bad_sig",
            TsigError::BadTime => "bad_time",
            TsigError::BadTrunc => "bad_trunc",
            TsigError::Unsigned => "unsigned",
            TsigError::Refused(_) => "refused",
        }
    }

    /// The response code, and the code in the TSIG record (RFC 8945 §5.2).
    pub(crate) const fn codes(self) -> (Rcode, u16) {
        match self {
            TsigError::Malformed | TsigError::Refused(_) => (Rcode::FORMERR, 0),
            TsigError::BadSig => (Rcode::NOTAUTH, 16),
            TsigError::BadKey | TsigError::Unsigned => (Rcode::NOTAUTH, 17),
            TsigError::BadTime => (Rcode::NOTAUTH, 18),
            TsigError::BadTrunc => (Rcode::NOTAUTH, 22),
        }
    }
}

/// The keys that are known.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<Arc<Key>>,
}

impl Keyring {
    /// Adds `key`, or puts it in the place of the one with its name.
    pub fn add(&mut self, key: Key) -> Arc<Key> {
        let key = Arc::new(key);
        self.keys.retain(|known| known.name() != key.name());
        self.keys.push(Arc::clone(&key));
        key
    }

    /// The key of that name.
    pub fn find(&self, name: &Name) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.name() == name)
    }

    /// Looks at a request that came at `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`Rejected`], which writes the response that says so.
    pub fn verify(&self, message: &[u8], now: u64) -> Result<Checked, Rejected> {
        let rejected = |error| Rejected { error, key: None, record: None, now };
        let Some(record) = Record::find(message).map_err(rejected)? else {
            return Ok(Checked::Unsigned);
        };
        let known = self.find(&record.name);
        let known = known.filter(|key| record.algorithm.as_wire() == key.algorithm().wire());
        let Some(key) = known.map(Arc::clone) else {
            let error = TsigError::BadKey;
            return Err(Rejected { error, key: None, record: Some(record), now });
        };
        let plain = record.cut_off(message);
        match check(&key, &record, &[&plain], false, now) {
            Ok(()) => {
                let prior = record.code.to_vec();
                let conversation = Conversation::new(key, prior);
                Ok(Checked::Signed { message: plain, conversation })
            }
            Err(error) => Err(Rejected { error, key: Some(key), record: Some(record), now }),
        }
    }
}

/// A request that was looked at.
#[derive(Clone, Debug)]
pub enum Checked {
    /// It has no signature.
    Unsigned,
    /// It has one that holds.
    Signed {
        /// The request without it.
        message: Vec<u8>,
        /// To sign the response with.
        conversation: Conversation,
    },
}

/// A request whose signature does not hold.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Why.
    pub error: TsigError,
    key: Option<Arc<Key>>,
    record: Option<Record>,
    now: u64,
}

impl Rejected {
    /// Puts behind `response` the TSIG record that says why (RFC 8945 §5.2): unsigned but for a wrong time,
    /// where the other side can trust what we say about the clocks.
    pub fn mark(&self, response: &mut Vec<u8>) {
        let Some(record) = &self.record else { return };
        let (_, error) = self.error.codes();
        if let (Some(key), TsigError::BadTime) = (&self.key, self.error) {
            let other = &self.now.to_be_bytes()[2..];
            let (prior, timers) = (prefixed(&record.code), record.timers);
            let variables = variables(key, timers, error, other);
            let code = key.sign(&[&prior, response, &variables]);
            append(response, key, timers, &code, error, other);
        } else {
            let algorithm = self.key.as_ref().map_or(Algorithm::HmacSha256, |key| key.algorithm());
            let nameless = Key::new(&record.name, algorithm, b"");
            append(response, &nameless, record.timers, &[], error, &[]);
        }
    }
}

/// One request and the messages of its response, each signed on from the one before (RFC 8945 §5.3.1).
#[derive(Clone, Debug)]
pub struct Conversation {
    key: Arc<Key>,
    /// The last code.
    prior: Vec<u8>,
    /// No message of the response was signed yet.
    first: bool,
    /// Messages since the last code, which has to cover them.
    unsigned: Vec<u8>,
    unsigned_count: u32,
}

impl Conversation {
    fn new(key: Arc<Key>, prior: Vec<u8>) -> Conversation {
        Conversation { key, prior, first: true, unsigned: Vec::new(), unsigned_count: 0 }
    }

    /// Signs `request` at `now` (seconds since 1970), to be answered.
    pub fn request(key: &Arc<Key>, request: &mut Vec<u8>, now: u64) -> Conversation {
        let timers = Timers { signed: now, fudge: FUDGE };
        let code = key.sign(&[request, &variables(key, timers, 0, &[])]);
        append(request, key, timers, &code, 0, &[]);
        Conversation::new(Arc::clone(key), code)
    }

    /// The key.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// Octets that [`sign`](Conversation::sign) adds to a message.
    pub fn overhead(&self) -> usize {
        let fixed = 10 + 8 + 2 + 2 + 2 + 2;
        let names = self.key.name().as_wire().len() + self.key.algorithm().wire().len();
        fixed + names + self.key.code_len()
    }

    /// Signs the next message of the response.
    pub fn sign(&mut self, response: &mut Vec<u8>, now: u64) {
        let timers = Timers { signed: now, fudge: FUDGE };
        let prior = prefixed(&self.prior);
        let code = if self.first {
            self.key.sign(&[&prior, response, &variables(&self.key, timers, 0, &[])])
        } else {
            self.key.sign(&[&prior, response, &timers.octets()])
        };
        append(response, &self.key, timers, &code, 0, &[]);
        (self.prior, self.first) = (code, false);
    }

    /// Looks at the next message of the response, which came at `now`, and gives it back without its
    /// signature. The first one must be signed, and one in a hundred; see
    /// [`is_settled`](Conversation::is_settled) for the last.
    ///
    /// # Errors
    /// [`TsigError`]; nothing that came may be used then.
    pub fn verify(&mut self, message: &[u8], now: u64) -> Result<Vec<u8>, TsigError> {
        let Some(record) = Record::find(message)? else {
            self.unsigned_count += 1;
            let too_much = self.unsigned.len() + message.len() > MOST_UNSIGNED_OCTETS;
            if self.first || self.unsigned_count >= MOST_UNSIGNED || too_much {
                return Err(TsigError::Unsigned);
            }
            self.unsigned.extend(message);
            return Ok(message.to_vec());
        };
        if record.name != *self.key.name()
            || record.algorithm.as_wire() != self.key.algorithm().wire()
        {
            return Err(TsigError::BadKey);
        }
        // Unsigned refusals: worth no more than a message.
        if record.code.is_empty() && record.error != 0 {
            return Err(TsigError::Refused(record.error));
        }
        let plain = record.cut_off(message);
        let prior = prefixed(&self.prior);
        check(&self.key, &record, &[&prior, &self.unsigned, &plain], !self.first, now)?;
        if record.error != 0 {
            return Err(TsigError::Refused(record.error));
        }
        self.prior = record.code.to_vec();
        (self.first, self.unsigned_count) = (false, 0);
        self.unsigned.clear();
        Ok(plain)
    }

    /// Whether all that came so far is covered by a signature.
    pub fn is_settled(&self) -> bool {
        !self.first && self.unsigned_count == 0
    }
}

/// RFC 8945 §5.2, in its order: code, then time.
fn check(
    key: &Key,
    record: &Record,
    signed: &[&[u8]],
    timers_only: bool,
    now: u64,
) -> Result<(), TsigError> {
    if record.code.len() > key.code_len() {
        return Err(TsigError::Malformed);
    }
    if record.code.len() < key.code_len() {
        return Err(TsigError::BadTrunc);
    }
    let rest = if timers_only {
        record.timers.octets().to_vec()
    } else {
        variables(key, record.timers, record.error, &record.other)
    };
    let parts: Vec<&[u8]> = signed.iter().copied().chain([&rest[..]]).collect();
    if !key.verify(&parts, &record.code) {
        return Err(TsigError::BadSig);
    }
    // A response that says BADTIME has our own time in it.
    let agreed = record.timers.holds(now) || record.error == 18;
    if agreed { Ok(()) } else { Err(TsigError::BadTime) }
}

/// A code with its length in front, as it goes into the next one.
fn prefixed(code: &[u8]) -> Vec<u8> {
    [&(code.len() as u16).to_be_bytes(), code].concat()
}

/// How far off clocks may be, in seconds (RFC 8945 §10 recommends 300).
const FUDGE: u16 = 300;
/// Messages between two signed ones, the second included (RFC 8945 §5.3.1 allows 99 unsigned).
const MOST_UNSIGNED: u32 = 100;
/// Their octets: what may be kept before it is known to be true.
const MOST_UNSIGNED_OCTETS: usize = 100 * 65_535;
