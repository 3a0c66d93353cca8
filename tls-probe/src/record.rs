//! The record layer read as bytes arrive (RFC 8446 §5.1, RFC 5246 §6.2.1).
//!
//! A [`RecordReader`] takes any split of a stream and hands out the payload of each record as
//! borrowed slices. It keeps five bytes of state and copies nothing else. Before the first record
//! it looks for one, so that a dialogue in clear (STARTTLS) or a capture that begins in the middle
//! is passed over.

/// The type of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentType {
    /// 20, the switch to encryption up to TLS 1.2, a filler in TLS 1.3.
    ChangeCipherSpec,
    /// 21.
    Alert,
    /// 22.
    Handshake,
    /// 23; in TLS 1.3 anything that is encrypted.
    ApplicationData,
    /// 24 (RFC 6520).
    Heartbeat,
    /// A hello in the framing of SSL 2.0, with its message type (1 client, 4 server).
    Ssl2Hello(u8),
}

impl ContentType {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            24 => Self::Heartbeat,
            _ => return None,
        })
    }
}

/// A piece of one record's payload, as much of it as the input held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The record's type.
    pub content: ContentType,
    /// The version in the record's header.
    pub version: u16,
    /// The length in the record's header, in bytes.
    pub length: u16,
    /// The bytes that have come; none for those a capture lacks.
    pub payload: &'a [u8],
    /// How many bytes of the record this piece stands for that the capture lacks.
    pub missing: usize,
    /// This piece begins its record.
    pub first: bool,
    /// This piece ends its record.
    pub last: bool,
}

/// Reads one direction of a connection.
#[derive(Debug, Clone)]
pub struct RecordReader {
    head: [u8; HEADER],
    have: usize,
    body: Option<Body>,
    place: Place,
    skipped: u64,
    /// The first message was SSL 2.0's, and no other of them has been seen.
    ssl2: bool,
}

#[derive(Debug, Clone, Copy)]
struct Body {
    content: ContentType,
    version: u16,
    length: u16,
    left: usize,
    first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No record seen yet: looking for one.
    Looking,
    /// In step with the record headers.
    InStep,
    /// Out of step after a loss: the next bytes may well begin a record, as segments often do.
    Resuming,
    /// What came where a header should be is none, or nothing was found in time.
    Lost,
}

impl Default for RecordReader {
    fn default() -> Self {
        Self {
            head: [0; HEADER],
            have: 0,
            body: None,
            place: Place::Looking,
            skipped: 0,
            ssl2: false,
        }
    }
}

impl RecordReader {
    /// The next piece of a record in `input`, which moves on past what was read; `None` when all
    /// of it has been read.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        loop {
            if let Some(body) = &mut self.body {
                if input.is_empty() && body.left > 0 {
                    return None;
                }
                let (payload, rest) = input.split_at(body.left.min(input.len()));
                *input = rest;
                return Some(self.piece(payload, 0));
            }
            match self.place {
                Place::Lost => {
                    *input = &[];
                    return None;
                }
                Place::Looking => self.look(input)?,
                Place::InStep => self.header(input, Place::Lost)?,
                Place::Resuming => self.header(input, Place::Looking)?,
            }
        }
    }

    /// The next `count` bytes of the stream were not captured. Those inside a record come out as a
    /// piece without bytes; if the loss reaches a header the reader tries what comes next as one,
    /// and failing that looks for a hello.
    pub fn skip(&mut self, count: usize) -> Option<Piece<'static>> {
        let left = self.body.as_ref().map_or(0, |body| body.left);
        if count > left {
            self.body = None;
            self.have = 0;
            // Even where no record was seen yet: what is missing may have been the hello.
            if self.place != Place::Lost {
                self.place = Place::Resuming;
            }
            return None;
        }
        (count > 0).then(|| self.piece(&[], count))
    }

    /// Bytes passed over in search of the first record.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// No record is open and no part of a header is held.
    pub fn between_records(&self) -> bool {
        self.body.is_none() && self.have == 0
    }

    /// The reader follows the records of this direction.
    pub fn in_step(&self) -> bool {
        self.place == Place::InStep
    }

    /// No record has been found yet.
    pub fn is_looking(&self) -> bool {
        self.place == Place::Looking
    }

    /// The reader has given this direction up: it is not TLS, or was damaged.
    pub fn is_lost(&self) -> bool {
        self.place == Place::Lost
    }

    fn piece<'a>(&mut self, payload: &'a [u8], missing: usize) -> Piece<'a> {
        let body = self.body.as_mut().expect("a piece is cut from an open record only");
        body.left -= payload.len() + missing;
        let piece = Piece {
            content: body.content,
            version: body.version,
            length: body.length,
            payload,
            missing,
            first: body.first,
            last: body.left == 0,
        };
        body.first = false;
        if piece.last {
            self.body = None;
        }
        piece
    }

    fn open(&mut self, content: ContentType, version: u16, length: u16, left: usize) {
        self.have = 0;
        self.body = Some(Body { content, version, length, left, first: true });
        self.place = Place::InStep;
    }

    /// Opens the record whose header comes next, or goes to `otherwise` if that is none.
    fn header(&mut self, input: &mut &[u8], otherwise: Place) -> Option<()> {
        self.fill(input)?;
        let [kind, major, minor, high, low] = self.head;
        let length = u16::from_be_bytes([high, low]);
        // Drafts of TLS 1.3 put 0x7f.. in their hellos, never in the record header.
        match ContentType::of(kind) {
            Some(content) if major == 3 && minor <= 4 && length <= MAX_RECORD => {
                self.open(content, u16::from_be_bytes([major, minor]), length, length.into());
            }
            // SSL 2.0's ClientMasterKey: type 2, and one of its seven cipher kinds (three bytes).
            _ if self.ssl2 && kind & 0x80 != 0 && minor == 2 && (1..=7).contains(&high) => {
                let length = u16::from_be_bytes([kind & 0x7f, major]);
                let body = usize::from(length).saturating_sub(3);
                self.ssl2 = false;
                self.open(ContentType::Ssl2Hello(2), 0x0002, length, body);
            }
            _ => self.place = otherwise,
        }
        Some(())
    }

    fn look(&mut self, input: &mut &[u8]) -> Option<()> {
        self.fill(input)?;
        let [a, b, c, d, e] = self.head;
        if self.skipped == 0 && a & 0x80 != 0 && ssl2_hello(c, d, e) {
            // Two bytes of length, then the message, three bytes of which are in `head`.
            let length = u16::from_be_bytes([a & 0x7f, b]);
            if (3..=MAX_RECORD).contains(&length) {
                let version = if c == 1 { u16::from_be_bytes([d, e]) } else { 0x0002 };
                self.ssl2 = true;
                self.open(ContentType::Ssl2Hello(c), version, length, usize::from(length) - 3);
                return Some(());
            }
        }
        let next = *input.first()?;
        if begins_tls(self.head, next, self.skipped == 0) {
            return self.header(input, Place::Lost);
        }
        self.head.copy_within(1.., 0);
        self.have -= 1;
        self.skipped += 1;
        if self.skipped > MAX_SKIPPED {
            self.place = Place::Lost;
        }
        Some(())
    }

    /// Fills the five bytes of a header; `None` while some lack.
    fn fill(&mut self, input: &mut &[u8]) -> Option<()> {
        let (new, rest) = input.split_at(input.len().min(HEADER - self.have));
        self.head[self.have..self.have + new.len()].copy_from_slice(new);
        self.have += new.len();
        *input = rest;
        (self.have == HEADER).then_some(())
    }
}

/// A handshake record whose first message is a hello, or an alert in clear. In the middle of other
/// bytes it must hold a message's header; where nothing precedes it, a byte will do: there are clients
/// that cut their hello into records of a few bytes.
fn begins_tls([kind, major, minor, high, low]: [u8; HEADER], next: u8, first: bool) -> bool {
    let length = u16::from_be_bytes([high, low]);
    let least = if first { 1 } else { 4 };
    let first = match kind {
        22 => (least..=MAX_RECORD).contains(&length) && matches!(next, 1 | 2),
        21 => length == 2 && matches!(next, 1 | 2),
        _ => false,
    };
    first && major == 3 && minor <= 4
}

fn ssl2_hello(message: u8, high: u8, low: u8) -> bool {
    match message {
        1 => matches!((high, low), (0, 2) | (3, 0..=4)),
        4 => high <= 1 && low <= 1,
        _ => false,
    }
}

/// Type, version, length.
const HEADER: usize = 5;
/// RFC 5246 §6.2.3 allows 2^14 and 2,048 more for a ciphertext; TLS 1.3 allows less.
const MAX_RECORD: u16 = (1 << 14) + 2048;
/// Bytes of a direction without any record before it is given up: the dialogues that end in
/// STARTTLS are shorter.
const MAX_SKIPPED: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
    const HELLO: &[u8] = &[22, 3, 1, 0, 5, 1, 0, 0, 1, 9];

    fn read(reader: &mut RecordReader, mut input: &[u8]) -> Vec<(ContentType, Vec<u8>, bool)> {
        let mut out = Vec::new();
        while let Some(piece) = reader.next(&mut input) {
            out.push((piece.content, piece.payload.to_vec(), piece.last));
        }
        out
    }

    #[test]
    fn any_split_gives_the_same_payload() {
        let stream = [b"220 hello\r\n", HELLO, ALERT].concat();
        for cut in 0..=stream.len() {
            let mut reader = RecordReader::default();
            let mut pieces = read(&mut reader, &stream[..cut]);
            pieces.extend(read(&mut reader, &stream[cut..]));
            let of = |kind| {
                let part = pieces.iter().filter(|p| p.0 == kind);
                part.flat_map(|p| p.1.clone()).collect::<Vec<_>>()
            };
            assert_eq!(of(ContentType::Handshake), &HELLO[5..], "cut at {cut}");
            assert_eq!(of(ContentType::Alert), &ALERT[5..], "cut at {cut}");
            assert_eq!(reader.skipped(), 11, "cut at {cut}");
        }
    }

    #[test]
    fn a_loss_inside_a_record_keeps_step_and_one_over_a_header_does_not() {
        let mut reader = RecordReader::default();
        read(&mut reader, &HELLO[..7]);
        let piece = reader.skip(3).expect("within the record");
        assert!(piece.last && piece.missing == 3);
        assert_eq!(read(&mut reader, ALERT).len(), 1);
        read(&mut reader, &HELLO[..7]);
        assert_eq!(reader.skip(6), None);
        assert!(!reader.in_step());
        assert_eq!(read(&mut reader, ALERT).len(), 1, "found again");
    }

    #[test]
    fn bytes_that_are_no_header_end_it() {
        let mut reader = RecordReader::default();
        read(&mut reader, HELLO);
        assert!(read(&mut reader, b"GET / HTTP/1.1\r\n").is_empty());
        assert!(reader.is_lost());
    }

    #[test]
    fn a_stream_without_records_is_given_up() {
        let mut reader = RecordReader::default();
        for _ in 0..=MAX_SKIPPED / 16 {
            read(&mut reader, b"0123456789abcdef");
        }
        assert!(reader.is_lost());
    }
}
