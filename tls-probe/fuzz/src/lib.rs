//! What the fuzz targets do with their input; the tests do it with the seeds.

use tls_probe::connection::{Connection, Segment};
use tls_probe::dialogue::Dialogue;
use tls_probe::hello::{ClientHello, ServerHello};
use tls_probe::link::decode;
use tls_probe::segment::{Chunk, Reassembly};
use tls_probe::{Config, LinkType, Side, Table, Vantage, fingerprint};

/// A stream of records, and the same bytes as bare hellos. Cut anywhere, it says the same.
pub fn hello(bytes: &[u8]) {
    if let Ok(hello) = ClientHello::parse(bytes) {
        assert_eq!(fingerprint::ja3(&hello).len(), 32);
        assert_eq!(fingerprint::ja4(&hello).len(), 36);
        let _ = (hello.versions().count(), hello.alpn().count());
    }
    let _ = ServerHello::parse(bytes);
    let whole = heard(&[bytes]);
    let (first, second) = bytes.split_at(bytes.len() / 3);
    assert_eq!(heard(&[first, second]), whole);
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(heard(&pieces), whole);
}

fn heard(pieces: &[&[u8]]) -> String {
    let mut dialogue = Dialogue::default();
    for piece in pieces {
        dialogue.hear(Side::Client, Chunk::Bytes(piece));
    }
    let messages: Vec<u8> = dialogue.messages(Side::Client).iter().collect();
    format!("{:?} {messages:?} {:?}", dialogue.settled(), dialogue.alert())
}

/// Segments of one stream in any order: what comes out is in order, and no byte comes twice.
pub fn order(bytes: &[u8]) {
    let mut order = Reassembly::new(512);
    let mut out = 0_u64;
    let mut count = |chunk: Chunk<'_>| {
        out += match chunk {
            Chunk::Bytes(bytes) => bytes.len() as u64,
            Chunk::Hole(count) => count,
        };
    };
    order.begin(u32::MAX - 100);
    for step in bytes.chunks_exact(4) {
        let sequence = (u32::MAX - 100).wrapping_add(u32::from(step[0]) * 3);
        let payload = vec![step[1]; usize::from(step[2] % 64)];
        let length = payload.len() + usize::from(step[3] & 7);
        order.segment(sequence, &payload, length, &mut count);
        assert!(order.held_bytes() <= 512 + 64, "{}", order.held_bytes());
        if step[3] & 8 != 0 {
            order.acknowledged(u64::from(step[0]), &mut count);
        }
    }
    order.finish(&mut count);
    assert_eq!(out, order.furthest(), "all that was seen, once");
}

/// A whole connection from arbitrary segments: its account has no remainder, whoever it is seen from.
pub fn handshake(bytes: &[u8]) {
    for vantage in [Vantage::Server, Vantage::Client, Vantage::Auto] {
        let mut connection = Connection::new(&Config::default().vantage(vantage));
        let mut rest = bytes;
        let (mut at_ns, mut sequences) = (1_000_000_000_u64, [0_u32; 2]);
        while let [flags, wait, skip, len, tail @ ..] = rest {
            let side = if flags & 1 == 0 { Side::Client } else { Side::Server };
            let (payload, tail) = tail.split_at(tail.len().min(usize::from(*len)));
            rest = tail;
            at_ns = at_ns.saturating_add(u64::from(*wait) << (flags >> 5));
            let sequence = &mut sequences[side as usize];
            *sequence = sequence.wrapping_add(u32::from(*skip & 3));
            let segment = Segment {
                sequence: *sequence,
                acknowledgement: (flags & 2 != 0).then_some(u32::from(*skip)),
                syn: flags & 4 != 0,
                fin: flags & 8 != 0,
                rst: flags & 16 != 0,
                payload,
                length: payload.len() + usize::from(*skip >> 6),
                stamp: [u16::from(*wait), u16::from(*skip), 0],
            };
            *sequence = sequence.wrapping_add(payload.len() as u32);
            connection.segment(at_ns, side, &segment);
        }
        let report = connection.into_handshake().report(None, None);
        assert_eq!(report.idle.total(), report.phases.total, "the account has no remainder");
    }
}

/// Frames of every link type, each behind a byte of its length, then two of what it was before it was cut: the
/// table stays within its bounds, and what is read of a frame lies in it.
pub fn frame(bytes: &[u8]) {
    for number in [0, 1, 101, 113, 276] {
        let link = LinkType::of(number).expect("a link type we know");
        let bounds = Config::default().max_flows(2).max_held_bytes(1 << 16);
        let mut table = Table::new(bounds);
        let (mut rest, mut at_ns) = (bytes, 0);
        while let [len, high, low, tail @ ..] = rest {
            let (captured, tail) = tail.split_at(tail.len().min(usize::from(*len) * 2));
            rest = tail;
            at_ns += 1_000_000;
            let original_len = u16::from_be_bytes([*high, *low]);
            if let Some(frame) = decode(link, captured, original_len.into()) {
                let segment = frame.segment;
                assert!(segment.payload.len() <= segment.length.min(captured.len()));
            }
            table.packet(at_ns, link, captured, original_len.into());
            assert!(table.len() <= 2 && table.held_bytes() <= 1 << 16);
            while let Some(report) = table.poll_report() {
                assert_eq!(report.idle.total(), report.phases.total);
            }
        }
        table.finish();
        assert_eq!((table.len(), table.held_bytes()), (0, 0), "nothing is left behind");
    }
}
