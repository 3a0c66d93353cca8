//! What the two sides of a TLS connection have said so far: the records and messages in clear,
//! what they settled, and whose turn it is.
//!
//! It knows no time. The handshake is complete
//! - in TLS 1.3, with the client's Finished: encrypted, so it is the client's first encrypted
//!   record after the ServerHello. With early data on offer, whose records look the same, it is
//!   the first of exactly the length a Finished has under the chosen suite. A record too short for
//!   a Finished is an encrypted alert;
//! - up to TLS 1.2, with the second of the two Finished messages: the encrypted handshake record
//!   that follows a ChangeCipherSpec. Last to send it is the server in a full handshake, the
//!   client in a resumed one.

use crate::{
    hello::{ClientHello, ServerHello},
    message::{Message, MessageReader},
    names::{CipherSuite, ProtocolVersion, Side},
    outcome::{Alert, Messages, Settled},
    plaintext::{FirstWords, Plaintext},
    record::{ContentType, Piece, RecordReader},
    segment::Chunk,
    timeline::What,
};

/// Follows both directions of one connection.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that was said, in any order")]
#[derive(Debug, Clone, Default)]
pub struct Dialogue {
    halves: [Half; 2],
    settled: Settled,
    tls13: bool,
    client_hello: bool,
    server_hello: bool,
    early_data: bool,
    offered_session: Vec<u8>,
    alert: Option<Alert>,
    last_speaker: Option<Side>,
    first_words: FirstWords,
    client_began_flight: bool,
    encrypted_answer: bool,
    client_finished: bool,
    complete: bool,
}

#[derive(Debug, Clone, Default)]
struct Half {
    records: RecordReader,
    messages: MessageReader,
    seen: Messages,
    alert: [u8; 2],
    alert_have: usize,
    /// Encrypted from here on (up to TLS 1.2).
    changed_cipher: bool,
    finished: bool,
}

impl Dialogue {
    /// Takes the next of one side's stream and says what it brought, most telling first.
    pub fn hear(&mut self, side: Side, chunk: Chunk<'_>) -> What {
        self.last_speaker = Some(side);
        let mut told = Told { what: What::Other };
        match chunk {
            Chunk::Bytes(mut input) => {
                if self.halves[side as usize].records.is_looking() {
                    self.first_words.hear(side, input);
                }
                while let Some(piece) = self.halves[side as usize].records.next(&mut input) {
                    self.piece(side, &piece, &mut told);
                }
            }
            Chunk::Hole(count) => {
                let half = &mut self.halves[side as usize];
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                match half.records.skip(count) {
                    Some(piece) => self.piece(side, &piece, &mut told),
                    None => half.messages.forget(),
                }
            }
        }
        if told.what == What::Other && self.halves[side as usize].records.in_step() {
            // The continuation of a record that an earlier packet began.
            self.flight(side, &mut told);
        }
        told.what
    }

    /// What has been settled.
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// The message types a side has sent in clear.
    pub fn messages(&self, side: Side) -> Messages {
        self.halves[side as usize].seen
    }

    /// The alert that ended the handshake, if one did.
    pub fn alert(&self) -> Option<Alert> {
        self.alert
    }

    /// A hello of either side has begun: it is TLS.
    pub fn begun(&self) -> bool {
        let is_hello = |half: &Half| half.seen.contains(1) || half.seen.contains(2);
        self.server_hello || self.halves.iter().any(is_hello)
    }

    /// The first ClientHello has come whole.
    pub fn client_hello(&self) -> bool {
        self.client_hello
    }

    /// The ServerHello, not a HelloRetryRequest, has come.
    pub fn server_hello(&self) -> bool {
        self.server_hello
    }

    /// The client has begun to answer the server's flight.
    pub fn client_flight(&self) -> bool {
        self.client_began_flight
    }

    /// The client's Finished has come whole.
    pub fn client_finished(&self) -> bool {
        self.client_finished
    }

    /// The handshake is complete.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// The handshake has begun and can be followed no further: nothing but opaque bytes will come.
    pub fn blind(&self) -> bool {
        self.halves.iter().all(|half| half.records.is_lost())
            || !self.begun() && self.halves.iter().any(|half| half.records.is_lost())
    }

    /// Bytes a side sent in clear before its first record (STARTTLS).
    pub fn plaintext(&self, side: Side) -> u64 {
        self.halves[side as usize].records.skipped()
    }

    /// What was said in clear, if anything was.
    pub fn plaintext_spoken(&self) -> Option<Plaintext> {
        self.first_words.tell()
    }

    /// Bytes of hellos that are not whole yet.
    pub fn held_bytes(&self) -> usize {
        self.halves.iter().map(|half| half.messages.held_bytes()).sum()
    }

    /// Whose turn it is to speak.
    pub fn awaited(&self) -> Side {
        let Some(last) = self.last_speaker else { return Side::Client };
        let half = &self.halves[last as usize];
        if half.records.in_step()
            && !(half.records.between_records() && half.messages.between_messages())
        {
            return last;
        }
        let server = &self.halves[Side::Server as usize];
        let server_done = if self.tls13 {
            self.encrypted_answer
        } else {
            server.finished || server.seen.contains(14)
        };
        let clients_turn = match last {
            Side::Client if !self.client_hello => true,
            Side::Client if !self.server_hello || self.client_finished => false,
            Side::Client => !self.tls13 || server_done,
            Side::Server if !self.server_hello => !self.client_hello || self.settled.retried,
            Side::Server => server_done,
        };
        if clients_turn { Side::Client } else { Side::Server }
    }

    fn piece(&mut self, side: Side, piece: &Piece<'_>, told: &mut Told) {
        let half = &mut self.halves[side as usize];
        match piece.content {
            ContentType::Ssl2Hello(kind) => self.ssl2(side, kind, piece, told),
            ContentType::Handshake if half.changed_cipher => {
                self.flight(side, told);
                if piece.last {
                    self.finished(side);
                }
            }
            ContentType::Handshake => self.handshake(side, piece, told),
            ContentType::ChangeCipherSpec => {
                // With early data it is a filler, sent before the version is known.
                let filler = side == Side::Client && self.early_data && !self.server_hello;
                half.changed_cipher |= piece.last && !self.tls13 && !filler;
                self.flight(side, told);
            }
            ContentType::Alert => self.alarm(side, piece, told),
            ContentType::ApplicationData => self.application(side, piece, told),
            ContentType::Heartbeat => {}
        }
    }

    fn handshake(&mut self, side: Side, piece: &Piece<'_>, told: &mut Told) {
        if piece.missing > 0 {
            self.halves[side as usize].messages.skip(piece.missing);
            return self.flight(side, told);
        }
        let mut input = piece.payload;
        // The reader is taken out while the messages it lends are heard.
        let mut messages = std::mem::take(&mut self.halves[side as usize].messages);
        while let Some(message) = messages.next(&mut input) {
            match message {
                Message::Began(kind) => {
                    self.halves[side as usize].seen.insert(kind);
                    self.began(side, kind, told);
                }
                Message::Ended(kind, body) => {
                    self.began(side, kind, told);
                    match (side, kind) {
                        (Side::Client, 1) => self.offer(body.unwrap_or_default()),
                        (Side::Server, 2) => self.choice(body.unwrap_or_default(), told),
                        _ => {}
                    }
                }
            }
        }
        if !messages.between_messages() {
            self.began(side, messages.kind(), told);
        }
        self.halves[side as usize].messages = messages;
    }

    fn began(&mut self, side: Side, kind: u8, told: &mut Told) {
        match (side, kind) {
            (Side::Client, 1) => told.hear(What::ClientHello),
            (Side::Server, 2) => told.hear(What::ServerHello),
            _ => self.flight(side, told),
        }
    }

    fn offer(&mut self, body: &[u8]) {
        self.client_hello = true;
        let Ok(hello) = ClientHello::parse(body) else { return };
        self.settled.server_name = hello.server_name.map(str::to_owned);
        self.settled.ech = hello.ech;
        let best = hello.versions().filter(|v| !v.is_grease()).max();
        if self.settled.cipher.is_none() {
            self.settled.version = best.or(Some(hello.legacy_version));
        }
        #[cfg(feature = "fingerprint")]
        self.settled.fingerprints.get_or_insert_with(|| {
            [crate::fingerprint::ja3(&hello), crate::fingerprint::ja4(&hello)]
        });
        self.early_data = hello.early_data;
        self.offered_session = hello.session_id.to_vec();
    }

    fn choice(&mut self, body: &[u8], told: &mut Told) {
        let Ok(hello) = ServerHello::parse(body) else {
            self.server_hello = true;
            return;
        };
        self.settled.version = Some(hello.version);
        self.settled.cipher = Some(hello.cipher);
        self.tls13 = hello.version.is_tls13();
        if hello.retry {
            self.settled.retried = true;
            told.what = What::HelloRetryRequest;
            return;
        }
        self.server_hello = true;
        self.settled.alpn = hello.alpn.map(|name| String::from_utf8_lossy(name).into_owned());
        // TLS 1.3 echoes every session id; before it, an echo is the resumption.
        self.settled.resumed = if self.tls13 {
            hello.psk
        } else {
            !hello.session_id.is_empty() && hello.session_id == self.offered_session
        };
    }

    fn ssl2(&mut self, side: Side, kind: u8, piece: &Piece<'_>, told: &mut Told) {
        if kind == 1 && side == Side::Client {
            self.halves[side as usize].seen.insert(1);
            told.hear(What::ClientHello);
            self.client_hello |= piece.last;
            self.settled.version = Some(ProtocolVersion(piece.version));
        } else if kind == 4 && side == Side::Server {
            told.hear(What::ServerHello);
            self.halves[side as usize].seen.insert(4);
            self.server_hello = true;
            self.settled.version = Some(ProtocolVersion::SSL2);
        } else if kind == 2 && side == Side::Client {
            self.halves[side as usize].seen.insert(2);
            self.flight(side, told);
        }
    }

    fn alarm(&mut self, side: Side, piece: &Piece<'_>, told: &mut Told) {
        told.hear(What::Alert);
        let half = &mut self.halves[side as usize];
        if piece.first {
            half.alert_have = 0;
        }
        let description = if half.changed_cipher || piece.length != 2 {
            None
        } else {
            for byte in piece.payload.iter().take(2 - half.alert_have) {
                half.alert[half.alert_have] = *byte;
                half.alert_have += 1;
            }
            (half.alert_have == 2).then_some(half.alert[1])
        };
        // A warning does not end a handshake (RFC 5246 §7.2); close_notify does.
        let warning = description.is_some_and(|d| half.alert[0] == 1 && d != 0 && d != 90);
        if piece.last && !warning {
            self.alert.get_or_insert(Alert { side, description });
        }
    }

    fn application(&mut self, side: Side, piece: &Piece<'_>, told: &mut Told) {
        self.flight(side, told);
        if !self.tls13 || !self.server_hello || !piece.last {
            return;
        }
        match side {
            Side::Server => self.encrypted_answer = true,
            Side::Client => {
                let finished = self.settled.cipher.map_or(36, CipherSuite::finished_length);
                // A type byte and a tag of 16 or, under CCM_8, of 8 bytes (RFC 8446 §5.2).
                if self.early_data && piece.length != finished + 17 {
                    return;
                }
                if piece.length < finished + 9 {
                    self.alert.get_or_insert(Alert { side, description: None });
                    return;
                }
                self.finished(side);
            }
        }
    }

    fn finished(&mut self, side: Side) {
        self.halves[side as usize].finished = true;
        self.client_finished |= side == Side::Client;
        let both = self.halves.iter().all(|half| half.finished);
        self.complete = if self.tls13 { self.client_finished } else { both };
    }

    fn flight(&mut self, side: Side, told: &mut Told) {
        match side {
            Side::Client => {
                self.client_began_flight |= self.server_hello;
                told.hear(What::ClientFlight);
            }
            Side::Server => told.hear(What::ServerFlight),
        }
    }
}

/// What a packet brought: the first thing that is more than the rest of a flight.
struct Told {
    what: What,
}

impl Told {
    fn hear(&mut self, what: What) {
        let weak = matches!(self.what, What::Other | What::ClientFlight | What::ServerFlight);
        let strong = !matches!(what, What::ClientFlight | What::ServerFlight);
        if self.what == What::Other || weak && strong {
            self.what = what;
        }
    }
}
