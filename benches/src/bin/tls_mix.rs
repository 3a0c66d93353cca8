//! What following handshakes costs a packet: `cargo run --release --bin tls_mix [-- FILE]`.
//!
//! A mix of 10,000 connections; five packets of a hundred belong to new handshakes, the others are 1,460
//! bytes of bulk each. With FILE, the mix is written there as pcap, for programs that are not ours.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use popkit_benches::clock::{cpu_time, median_and_spread};
use ring_capture::{CaptureFile, Packet};
use tls_probe::{Config, LinkType, Table};

fn main() -> Result<()> {
    let mix = mix()?;
    if let Some(path) = std::env::args().nth(1) {
        return write(&mix, &path).with_context(|| path.clone());
    }
    let (mut taken, mut looked) = (Vec::new(), Vec::new());
    let mut reports = 0;
    for _ in 0..ROUNDS {
        let mut table = Table::new(Config::default());
        taken.push(per_packet(&mix, |at_ns, frame| {
            table.packet(at_ns, LinkType::Ethernet, frame, frame.len() as u32);
            while table.poll_report().is_some() {
                reports += 1;
            }
        }));
        // As the recorder does it: the headers were read for the ring already.
        let mut table = Table::new(Config::default());
        looked.push(per_packet(&mix, |at_ns, frame| {
            let packet = Packet::parse(ring_capture::LinkType::Ethernet, frame);
            let ignored = packet.is_none_or(|packet| {
                let (one, other) = packet.flow.endpoints();
                table.ignores(one, other, packet.tcp_flags & 2 != 0, &frame[packet.payload_at..])
            });
            if !ignored {
                table.packet(at_ns, LinkType::Ethernet, frame, frame.len() as u32);
            }
            while table.poll_report().is_some() {}
        }));
    }
    ensure!(reports > 0, "handshakes were found");
    println!("| way | ns a packet | packets a second and core | spread |");
    println!("|---|---|---|---|");
    for (way, taken) in
        [("every packet to the table", &mut taken), ("with `ignores` first", &mut looked)]
    {
        let (median, spread) = median_and_spread(taken);
        println!("| {way} | {median:.0} | {:.1} million | {:.0} % |", 1e3 / median, spread * 100.0);
    }
    println!("\n{} handshakes in {} packets, each round", reports / ROUNDS, mix.len());
    Ok(())
}

fn per_packet(mix: &[(u64, Vec<u8>)], mut take: impl FnMut(u64, &[u8])) -> f64 {
    let begin = cpu_time();
    for (at_ns, frame) in mix {
        take(*at_ns, frame);
    }
    cpu_time().saturating_sub(begin).max(Duration::from_nanos(1)).as_nanos() as f64
        / mix.len() as f64
}

/// Frames and their instants.
fn mix() -> Result<Vec<(u64, Vec<u8>)>> {
    let template = template()?;
    let bulk = bulk(&template[0]);
    let mut mix = Vec::with_capacity(PACKETS);
    let (mut newcomer, mut step) = (0_u32, 0);
    for number in 0..PACKETS {
        let at_ns = 1_700_000_000_000_000_000 + number as u64 * 10_000;
        let frame = if number % 20 == 0 {
            if step == template.len() {
                (newcomer, step) = (newcomer + 1, 0);
            }
            step += 1;
            // Several handshakes at once would be one packet of each in turn; the table sees no difference.
            with_client(&template[step - 1], FLOWS + newcomer)
        } else {
            with_client(&bulk, (number as u32).wrapping_mul(2_654_435_761) % FLOWS)
        };
        mix.push((at_ns, frame));
    }
    Ok(mix)
}

/// The packets of one handshake of the demo's recording, up to its end.
fn template() -> Result<Vec<Vec<u8>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/demo.pcapng.gz");
    let mut file = CaptureFile::open(path).context(path)?;
    let mut table = Table::new(Config::default());
    let (mut flow, mut frames) = (None, Vec::new());
    while let Some(frame) = file.next()? {
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
    anyhow::bail!("the recording holds no whole handshake")
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

fn write(mix: &[(u64, Vec<u8>)], path: &str) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    // pcap with nanoseconds (magic 0xa1b23c4d), version 2.4, link type Ethernet.
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
    Ok(out.flush()?)
}

const PACKETS: usize = 400_000;
const FLOWS: u32 = 10_000;
const ROUNDS: usize = 9;
