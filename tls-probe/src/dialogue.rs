//! What the two sides of a TLS connection have said so far: the records and messages in clear,
//! what they settled, and whose turn it is.
//!
//! It knows no time. The handshake is complete
//! - in TLS 1.3, with the client's Finished: encrypted, so it is the client's first encrypted
//!   record after the ServerHello. With early data on offer, whose records look the same, it is
//!   the first of exactly the length a Finished has under the chosen suite. A record of an alert's
//!   length is an alert; another one too short for a Finished is a part of what comes before it;
//! - up to TLS 1.2, with the second of the two Finished messages: the encrypted handshake record
//!   that follows a ChangeCipherSpec. Last to send it is the server in a full handshake, the
//!   client in a resumed one.
//!
//! Where a capture lacks a part, what follows tells: data from the server up to TLS 1.2 comes after
//! both Finished; what is encrypted without a Finished before it is TLS 1.3.

use crate::{
    hello::{ClientHello, ServerHello},
    message::Message,
    names::{ProtocolVersion, Side},
    outcome::{Alert, Messages, Settled},
    plaintext::{FirstWords, Plaintext},
    record::{ContentType, Piece},
    sealed::Sealed,
    segment::Chunk,
    timeline::What,
    voice::Voice,
};

/// Follows both directions of one connection.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that was said, in any order")]
#[derive(Debug, Clone, Default)]
pub struct Dialogue {
    voices: [Voice; 2],
    settled: Settled,
    tls13: bool,
    client_hello: bool,
    server_hello: bool,
    /// The ServerHello came, but not whole: what it chose is not known.
    unread: bool,
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

impl Dialogue {
    /// Takes the next of one side's stream and says what it brought, most telling first.
    pub fn hear(&mut self, side: Side, chunk: Chunk<'_>) -> What {
        self.last_speaker = Some(side);
        self.meet(side);
        let mut told = What::Other;
        match chunk {
            Chunk::Bytes(mut input) => {
                if self.voices[side as usize].records.is_looking() {
                    self.first_words.hear(side, input);
                }
                while let Some(piece) = self.voices[side as usize].records.next(&mut input) {
                    self.piece(side, &piece, &mut told);
                }
            }
            Chunk::Hole(count) => {
                let voice = &mut self.voices[side as usize];
                voice.holed = true;
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                match voice.records.skip(count) {
                    Some(piece) => self.piece(side, &piece, &mut told),
                    None => voice.messages.forget(),
                }
            }
        }
        if told == What::Other && self.voices[side as usize].records.in_step() {
            // The continuation of a record that an earlier packet began.
            self.flight(side, &mut told);
        }
        told
    }

    /// A side is there to be heard: until it is, what the other does must tell what it said.
    pub fn meet(&mut self, side: Side) {
        self.voices[side as usize].met = true;
    }

    /// No more will come: a last encrypted record of the server's may have been its alert.
    pub fn over(&mut self) {
        if !self.complete && self.tls13 && self.voices[Side::Server as usize].like_an_alert {
            self.alert.get_or_insert(Alert { side: Side::Server, description: None });
        }
    }

    /// What has been settled.
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// The message types a side has sent in clear.
    pub fn messages(&self, side: Side) -> Messages {
        self.voices[side as usize].seen
    }

    /// The alert that ended the handshake, if one did.
    pub fn alert(&self) -> Option<Alert> {
        self.alert
    }

    /// A hello of either side has begun: it is TLS.
    pub fn begun(&self) -> bool {
        let is_hello = |voice: &Voice| voice.seen.contains(1) || voice.seen.contains(2);
        self.server_hello || self.voices.iter().any(is_hello)
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
        self.voices.iter().all(|voice| voice.records.is_lost())
            || !self.begun() && self.voices.iter().any(|voice| voice.records.is_lost())
    }

    /// Bytes a side sent in clear before its first record (STARTTLS).
    pub fn plaintext(&self, side: Side) -> u64 {
        self.voices[side as usize].records.skipped()
    }

    /// What was said in clear, if anything was.
    pub fn plaintext_spoken(&self) -> Option<Plaintext> {
        self.first_words.tell()
    }

    /// Bytes on the heap: of hellos that are not whole yet, and of what the client put in a whole one.
    pub fn held_bytes(&self) -> usize {
        let name = self.settled.server_name.as_ref().map_or(0, String::len);
        let hellos = self.voices.iter().map(|voice| voice.messages.held_bytes());
        hellos.sum::<usize>() + name + self.offered_session.len()
    }

    /// Whose turn it is to speak.
    pub fn awaited(&self) -> Side {
        let Some(last) = self.last_speaker else { return Side::Client };
        if !self.voices[last as usize].paused() {
            return last;
        }
        let server = &self.voices[Side::Server as usize];
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

    fn piece(&mut self, side: Side, piece: &Piece<'_>, told: &mut What) {
        let voice = &mut self.voices[side as usize];
        match piece.content {
            ContentType::Ssl2Hello(kind) => self.ssl2(side, kind, piece, told),
            ContentType::Handshake if voice.changed_cipher => {
                self.flight(side, told);
                if piece.last {
                    self.finished(side);
                }
            }
            ContentType::Handshake => self.handshake(side, piece, told),
            ContentType::ChangeCipherSpec => {
                // With early data it is a filler, sent before the version is known.
                let filler = side == Side::Client && self.early_data && !self.server_hello;
                voice.changed_cipher |= piece.last && !self.tls13 && !filler;
                if side == Side::Server && voice.changed_cipher {
                    self.abbreviated();
                }
                self.flight(side, told);
            }
            ContentType::Alert => self.alarm(side, piece, told),
            ContentType::ApplicationData => self.application(side, piece, told),
            ContentType::Heartbeat => {}
        }
    }

    fn handshake(&mut self, side: Side, piece: &Piece<'_>, told: &mut What) {
        if piece.missing > 0 {
            self.voices[side as usize].messages.skip(piece.missing);
            return self.flight(side, told);
        }
        let mut input = piece.payload;
        // The reader is taken out while the messages it lends are heard.
        let mut messages = std::mem::take(&mut self.voices[side as usize].messages);
        while let Some(message) = messages.next(&mut input) {
            match message {
                Message::Began(kind) => {
                    self.voices[side as usize].seen.insert(kind);
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
        self.voices[side as usize].messages = messages;
    }

    fn began(&mut self, side: Side, kind: u8, told: &mut What) {
        match (side, kind) {
            (Side::Client, 1) => *told = told.and(What::ClientHello),
            (Side::Server, 2) => *told = told.and(What::ServerHello),
            // Drafts of TLS 1.3 before the 19th had a message of its own for it.
            (Side::Server, 6) if !self.server_hello => {
                self.settled.retried = true;
                *told = told.and(What::HelloRetryRequest);
            }
            (Side::Server, 11 | 12 | 14) if !self.tls13 => {
                // An echoed session id does not help: this is a full handshake.
                self.settled.resumed = false;
                self.flight(side, told);
            }
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
        self.settled.early_data |= hello.early_data;
        self.offered_session = hello.session_id.to_vec();
    }

    fn choice(&mut self, body: &[u8], told: &mut What) {
        let Ok(hello) = ServerHello::parse(body) else {
            (self.server_hello, self.unread) = (true, true);
            return;
        };
        self.settled.version = Some(hello.version);
        self.settled.cipher = Some(hello.cipher);
        self.tls13 = hello.version.is_tls13();
        if hello.retry {
            self.settled.retried = true;
            *told = What::HelloRetryRequest;
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

    fn ssl2(&mut self, side: Side, kind: u8, piece: &Piece<'_>, told: &mut What) {
        if kind == 1 && side == Side::Client {
            self.voices[side as usize].seen.insert(1);
            *told = told.and(What::ClientHello);
            self.client_hello |= piece.last;
            self.settled.version = Some(ProtocolVersion(piece.version));
        } else if kind == 4 && side == Side::Server {
            *told = told.and(What::ServerHello);
            self.voices[side as usize].seen.insert(4);
            self.server_hello = true;
            self.settled.version = Some(ProtocolVersion::SSL2);
        } else if kind == 2 && side == Side::Client {
            self.voices[side as usize].seen.insert(2);
            self.flight(side, told);
        }
    }

    /// Up to TLS 1.2 a server that goes from its hello straight to encryption resumes a session, by a
    /// ticket (RFC 5077 §3.4) as well as by the session id that it echoes.
    fn abbreviated(&mut self) {
        let server = &self.voices[Side::Server as usize];
        let full = [11, 12, 14].iter().any(|kind| server.seen.contains(*kind));
        if self.server_hello && !self.unread && !server.holed && !server.finished {
            self.settled.resumed = !full;
        }
    }

    fn alarm(&mut self, side: Side, piece: &Piece<'_>, told: &mut What) {
        *told = told.and(What::Alert);
        // An alert is an answer too.
        self.client_began_flight |= side == Side::Client && self.server_hello;
        let alert = self.voices[side as usize].alert(side, piece);
        self.alert = self.alert.or(alert);
    }

    fn application(&mut self, side: Side, piece: &Piece<'_>, told: &mut What) {
        self.flight(side, told);
        if !piece.last {
            return;
        }
        self.infer(side);
        if !self.tls13 {
            let [client, server] = &self.voices;
            self.complete |= match side {
                Side::Server => self.server_hello || client.finished,
                // With a server there to be heard, it may be ahead of it (False Start, RFC 7918).
                Side::Client => client.finished && !server.met,
            };
            return;
        }
        if !self.server_hello {
            return;
        }
        let sealed = Sealed::under(self.settled.cipher);
        match side {
            Side::Server => {
                self.encrypted_answer = true;
                self.voices[side as usize].like_an_alert = sealed.like_an_alert(piece.length);
            }
            Side::Client if self.early_data && !sealed.bare_finished(piece.length) => {}
            Side::Client if sealed.like_an_alert(piece.length) => {
                self.alert.get_or_insert(Alert { side, description: None });
            }
            // A Certificate without one in it, or a part of a message: more will come.
            Side::Client if sealed.no_finished(piece.length) => {}
            Side::Client => self.finished(side),
        }
    }

    /// Something encrypted came, and the capture lacks the ServerHello.
    fn infer(&mut self, side: Side) {
        let server = &self.voices[Side::Server as usize];
        let missed = self.unread || !self.server_hello && (server.holed || !server.met);
        let early = side == Side::Client && self.early_data;
        if missed && !early && !self.voices[side as usize].finished {
            (self.tls13, self.server_hello) = (true, true);
            self.voices.iter_mut().for_each(|voice| voice.changed_cipher = false);
        }
    }

    fn finished(&mut self, side: Side) {
        self.voices[side as usize].finished = true;
        self.client_finished |= side == Side::Client;
        let both = self.voices.iter().all(|voice| voice.finished);
        // After a full handshake the server's comes last, even if the client's was not seen.
        let last = side == Side::Server && self.voices[side as usize].seen.contains(14);
        self.complete = if self.tls13 { self.client_finished } else { both || last };
    }

    fn flight(&mut self, side: Side, told: &mut What) {
        match side {
            Side::Client => {
                self.client_began_flight |= self.server_hello;
                *told = told.and(What::ClientFlight);
            }
            Side::Server => *told = told.and(What::ServerFlight),
        }
    }
}
