//! Handshakes played by hand: messages, segments and frames made of bytes, under a virtual clock.

use std::net::Ipv4Addr;

use tls_probe::{Config, LinkType, Report, Table};

pub const MS: u64 = 1_000_000;

/// A record round a payload.
pub fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, 3];
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend(payload);
    out
}

/// A handshake message in a record of its own.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0];
    out.extend((body.len() as u16).to_be_bytes());
    out.extend(body);
    record(22, &out)
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
    out
}

/// A ClientHello for `probe.example` that offers TLS 1.3 and 1.2, `padding` bytes longer than it
/// need be, as a post-quantum share makes it.
pub fn client_hello(padding: usize) -> Vec<u8> {
    client_hello_with(&[], &[(51, &vec![0; padding])])
}

/// The same with this session and these extensions besides.
pub fn client_hello_with(session: &[u8], more: &[(u16, &[u8])]) -> Vec<u8> {
    let name = b"probe.example";
    let mut sni = ((name.len() + 3) as u16).to_be_bytes().to_vec();
    sni.push(0);
    sni.extend((name.len() as u16).to_be_bytes());
    sni.extend(name);
    let mut extensions = [
        extension(0, &sni),
        extension(43, &[4, 3, 4, 3, 3]),
        extension(16, &[0, 3, 2, b'h', b'2']),
    ]
    .concat();
    extensions.extend(more.iter().flat_map(|(kind, data)| extension(*kind, data)));
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(session.len() as u8);
    body.extend(session);
    body.extend([0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    message(1, &body)
}

/// A ServerHello that chooses TLS 1.3 (or 1.2).
pub fn server_hello(tls13: bool) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(0);
    if tls13 {
        body.extend([0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
    } else {
        body.extend([0xc0, 0x2f, 0]);
    }
    message(2, &body)
}

/// A ServerHello that chooses TLS 1.3, with this random and these extensions besides.
pub fn hello13(random: &[u8; 32], more: &[(u16, &[u8])]) -> Vec<u8> {
    let mut extensions = extension(43, &[3, 4]);
    extensions.extend(more.iter().flat_map(|(kind, data)| extension(*kind, data)));
    let mut body = vec![3, 3];
    body.extend(random);
    body.extend([0, 0x13, 0x01, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    message(2, &body)
}

/// The random of a HelloRetryRequest (RFC 8446 §4.1.3).
pub const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// ServerHello and an encrypted flight of TLS 1.3 of `certificate` bytes.
pub fn flight13(certificate: usize) -> Vec<u8> {
    [server_hello(true), record(20, &[1]), record(23, &vec![0; certificate])].concat()
}

/// The client's Finished of TLS 1.3.
pub fn finished13() -> Vec<u8> {
    [record(20, &[1]), record(23, &[0; 53])].concat()
}

/// ServerHello, Certificate and ServerHelloDone of TLS 1.2.
pub fn flight12() -> Vec<u8> {
    [server_hello(false), message(11, &[0; 900]), message(14, &[])].concat()
}

/// ClientKeyExchange, ChangeCipherSpec and Finished of TLS 1.2.
pub fn keys12() -> Vec<u8> {
    [message(16, &[0; 33]), finished12()].concat()
}

/// ChangeCipherSpec and Finished of TLS 1.2.
pub fn finished12() -> Vec<u8> {
    [record(20, &[1]), record(22, &[0; 40])].concat()
}

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
pub const RST: u8 = 4;
pub const FIN: u8 = 1;

/// A connection whose segments go into a table as Ethernet frames.
pub struct Play {
    pub table: Table,
    next: [u32; 2],
    identification: u16,
    /// The receive window that segments announce.
    pub window: u16,
    pub frame: Vec<u8>,
}

/// `C` or `S`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum From {
    C,
    S,
}

impl Play {
    pub fn new(config: Config) -> Self {
        // The client's sequence wraps within its first bytes.
        let next = [u32::MAX - 20, 77];
        Self {
            table: Table::new(config),
            next,
            identification: 0,
            window: 0xffff,
            frame: Vec::new(),
        }
    }

    /// SYN at 0, SYN-ACK at once, ACK after a round trip.
    pub fn connected(config: Config, rtt_ns: u64) -> Self {
        let mut play = Self::new(config);
        play.send(0, From::C, SYN, &[]);
        play.send(0, From::S, SYN | ACK, &[]);
        play.send(rtt_ns, From::C, ACK, &[]);
        play
    }

    /// Sends the next bytes of a side in one segment.
    pub fn data(&mut self, at_ns: u64, from: From, payload: &[u8]) {
        self.send(at_ns, from, ACK, payload);
    }

    /// A bare acknowledgement of all there is.
    pub fn ack(&mut self, at_ns: u64, from: From) {
        self.send(at_ns, from, ACK, &[]);
    }

    pub fn send(&mut self, at_ns: u64, from: From, flags: u8, payload: &[u8]) {
        let sequence = self.next[from as usize];
        let phantom = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        self.segment(at_ns, from, flags, sequence, payload);
        self.next[from as usize] = sequence.wrapping_add(payload.len() as u32 + phantom);
    }

    /// Bytes that the network loses before the capture: only the sequence goes on.
    pub fn lose(&mut self, from: From, payload: &[u8]) -> u32 {
        let sequence = self.next[from as usize];
        self.next[from as usize] = sequence.wrapping_add(payload.len() as u32);
        sequence
    }

    /// The sequence number that lies so many bytes back.
    pub fn sequence(&self, from: From, back: usize) -> u32 {
        self.next[from as usize].wrapping_sub(back as u32)
    }

    /// Sends the last bytes of a side once more.
    pub fn resend(&mut self, at_ns: u64, from: From, payload: &[u8]) {
        let sequence = self.next[from as usize].wrapping_sub(payload.len() as u32);
        self.segment(at_ns, from, ACK, sequence, payload);
    }

    pub fn segment(&mut self, at_ns: u64, from: From, flags: u8, sequence: u32, payload: &[u8]) {
        let other = self.next[1 - from as usize];
        self.identification += 1;
        let acknowledgement = if flags & ACK != 0 { other } else { 0 };
        self.frame = frame(from, flags, sequence, acknowledgement, self.identification, payload);
        self.frame[48..50].copy_from_slice(&self.window.to_be_bytes());
        self.again(at_ns);
    }

    /// The last frame is captured (once more).
    pub fn again(&mut self, at_ns: u64) {
        let length = self.frame.len() as u32;
        self.table.packet(at_ns, LinkType::Ethernet, &self.frame, length);
    }

    pub fn report(&mut self) -> Report {
        self.table.poll_report().expect("a report")
    }
}

fn frame(from: From, flags: u8, seq: u32, ack: u32, id: u16, payload: &[u8]) -> Vec<u8> {
    let (client, server) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let (source, destination, ports) = match from {
        From::C => (client, server, [50_000u16, 443]),
        From::S => (server, client, [443, 50_000]),
    };
    let mut out = vec![2; 12];
    out.extend([8, 0, 0x45, 0]);
    out.extend((40 + payload.len() as u16).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend([0x40, 0, 64, 6, 0, 0]);
    out.extend(source.octets());
    out.extend(destination.octets());
    out.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    out.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend(payload);
    out
}
