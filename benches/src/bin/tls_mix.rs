//! What following handshakes costs a packet: `cargo run --release --bin tls_mix [-- FILE]`.
//!
//! A mix of 10,000 connections ([`popkit_benches::mix`]). With FILE, the mix is written there as pcap, for
//! programs that are not ours.

use std::fs::File;
use std::io::BufWriter;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use popkit_benches::clock::{cpu_time, median_and_spread};
use popkit_benches::mix::{mix, write};
use ring_capture::Packet;
use tls_probe::{Config, LinkType, Table};

fn main() -> Result<()> {
    let mix = mix(PACKETS)?;
    if let Some(path) = std::env::args().nth(1) {
        let file = File::create(&path).with_context(|| path.clone())?;
        return write(&mix, &mut BufWriter::new(file)).with_context(|| path.clone());
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

const PACKETS: usize = 400_000;
const ROUNDS: usize = 9;
