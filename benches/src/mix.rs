//! Packets of many connections, a few of which are just beginning: what a probe sees beside a busy server.

use std::io::{self, Write};

use ring_capture::{CaptureFile, Packet};
use tls_probe::{Config, LinkType, Table};

/// Frames and their instants.
pub type Mix = Vec<(u64, Vec<u8>)>;

/// `packets` packets of 10,000 connections: five of a hundred belong to new handshakes, a hundred of which
/// are under way at any time, the others are 1,460 bytes of bulk each.
///
/// # Errors
///
/// Without the demo's recording, whose handshake is the model for all.
pub fn mix(packets: usize) -> io::Result<Mix> {
    let template = template()?;
    let bulk = bulk(&template[0]);
    let mut mix = Vec::with_capacity(packets);
    for number in 0..packets {
        let at_ns = 1_700_000_000_000_000_000 + number as u64 * 10_000;
        let frame = if number % 20 == 0 {
            // A wave of handshakes at a time, one packet of each in turn.
            let turn = number / 20;
            let (wave, turn) =
                (turn / (AT_ONCE * template.len()), turn % (AT_ONCE * template.len()));
            let newcomer = wave * AT_ONCE + turn % AT_ONCE;
            with_client(&template[turn / AT_ONCE], FLOWS + newcomer as u32)
        } else {
            with_client(&bulk, (number as u32).wrapping_mul(2_654_435_761) % FLOWS)
        };
        mix.push((at_ns, frame));
    }
    Ok(mix)
}

/// Writes a mix as pcap, in nanoseconds.
///
/// # Errors
///
/// Those of the writer.
pub fn write(mix: &Mix, out: &mut impl Write) -> io::Result<()> {
    // Magic of nanoseconds, version 2.4, no offset, no accuracy, the longest frame, Ethernet.
    for word in [0xa1b2_3c4d_u32, 2 | 4 << 16, 0, 0, 65_535, 1] {
        out.write_all(&word.to_le_bytes())?;
    }
    for (at_ns, frame) in mix {
        let (seconds, nanoseconds) = (at_ns / 1_000_000_000, at_ns % 1_000_000_000);
        let len = frame.len() as u32;
        for word in [seconds as u32, nanoseconds as u32, len, len] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(frame)?;
    }
    out.flush()
}

/// The packets of one handshake of the demo's recording, up to its end.
fn template() -> io::Result<Vec<Vec<u8>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/demo.pcapng.gz");
    let mut file = CaptureFile::open(path).map_err(io::Error::other)?;
    let mut table = Table::new(Config::default());
    let (mut flow, mut frames) = (None, Vec::new());
    while let Some(frame) = file.next().map_err(io::Error::other)? {
        let Some(packet) = Packet::parse(frame.link, frame.bytes) else { continue };
        if flow.is_none() && packet.begins_flow() {
            flow = Some(packet.flow);
        }
        if flow == Some(packet.flow) {
            frames.push(frame.bytes.to_vec());
            table.packet(frame.timestamp_ns, LinkType::Ethernet, frame.bytes, frame.original_len);
            if table.poll_report().is_some() {
                return Ok(frames);
            }
        }
    }
    Err(io::Error::other("the recording holds no whole handshake"))
}

/// A full segment of the same client.
fn bulk(syn: &[u8]) -> Vec<u8> {
    let mut frame = syn[..14 + 20].to_vec();
    frame[16..18].copy_from_slice(&(40_u16 + 1_460).to_be_bytes());
    frame.extend(&syn[34..46]);
    frame.extend([0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend([0x17, 3, 3, 0x40, 0]);
    frame.resize(14 + 40 + 1_460, 0x5a);
    frame
}

/// The same frame from or to another client.
fn with_client(frame: &[u8], client: u32) -> Vec<u8> {
    let mut frame = frame.to_vec();
    // The server of the recording is 127.0.0.1.
    let from_client = frame[26..30] != [127, 0, 0, 1];
    let (address, port) = if from_client { (26, 34) } else { (30, 36) };
    frame[address..address + 4].copy_from_slice(&(0x0a00_0000 | client >> 8).to_be_bytes());
    frame[port..port + 2].copy_from_slice(&(0x8000 | client as u16 & 0xff).to_be_bytes());
    frame
}

const FLOWS: u32 = 10_000;
const AT_ONCE: usize = 100;
