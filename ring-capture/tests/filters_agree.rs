//! Filters keep what tcpdump keeps, in our own machine and in the kernel's.

#![cfg(all(feature = "pcap", not(loom)))]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use ring_capture::filter::Filter;
use ring_capture::pcapng::{Interface, Section, Writer};
use ring_capture::{CaptureFile, Direction, LinkType};

const EXPRESSIONS: &[&str] = &[
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "host 10.0.0.1",
    "src host 10.0.0.1",
    "dst host 10.0.0.2",
    "ip host 10.0.0.3",
    "host 2001:db8::1",
    "src or dst host 10.0.0.2",
    "net 10.0.0.0/30",
    "src net 10.0.0.0/31",
    "net 2001:db8::/126",
    "dst net 0.0.0.0/0",
    "ip6 net 2001:db8::2/127",
    "port 443",
    "src port 443",
    "dst port 53",
    "tcp port 443",
    "udp port 53",
    "sctp port 443",
    "portrange 50-60",
    "tcp portrange 400-500",
    "udp src portrange 1-60",
    "less 60",
    "greater 80",
    "tcp and port 443",
    "tcp or udp",
    "not tcp",
    "not port 443",
    "tcp port 443 or 53",
    "host 10.0.0.1 and not port 443",
    "udp or tcp and port 53",
    "(udp or tcp) and not (host 10.0.0.1 or 10.0.0.2)",
    "src host 10.0.0.1 and dst port 443",
    "not (ip6 or arp) and greater 64",
    "src and dst net 10.0.0.0/30",
    "port (443 or 53)",
    "host 10.0.0.1 or 10.0.0.3",
    "!udp && !icmp",
];

/// Frames of every kind the language knows, from a small world so that filters hit and miss.
fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let frame = (
        0_u8..8,
        (1_u8..4, 1_u8..4),
        prop_oneof![Just((443_u16, 50_000_u16)), Just((51_000, 53)), Just((55, 443)), Just((7, 8))],
        prop_oneof![4 => Just(0_u16), 1 => Just(0x2000), 1 => Just(185)],
        0_usize..3,
        0_usize..60,
    );
    let frame = frame.prop_map(|(kind, ends, ports, fragment, options, payload)| {
        build(kind, ends, ports, fragment, options, payload)
    });
    prop::collection::vec(frame, 150..250)
}

fn build(
    kind: u8,
    (from, to): (u8, u8),
    (source, destination): (u16, u16),
    fragment: u16,
    options: usize,
    payload: usize,
) -> Vec<u8> {
    let protocol = [6, 17, 132, 1, 6, 17, 58, 0][usize::from(kind)];
    let mut inner = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    inner.extend(vec![0x50; 16 + payload]);
    let mut frame = vec![2; 12];
    match kind {
        0..=3 => {
            frame.extend([8, 0]);
            let length = 20 + 4 * options + inner.len();
            frame.extend([0x45 + options as u8, 0]);
            frame.extend((length as u16).to_be_bytes());
            frame.extend([0, 0]);
            frame.extend(fragment.to_be_bytes());
            frame.extend([64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
            frame.extend(vec![1; 4 * options]);
            frame.extend(inner);
        }
        4..=6 => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((inner.len() as u16).to_be_bytes());
            frame.extend([protocol, 64]);
            for end in [from, to] {
                frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, end]);
            }
            frame.extend(inner);
        }
        _ => {
            frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
            frame.extend([2, 2, 2, 2, 2, 2, 10, 0, 0, from, 0, 0, 0, 0, 0, 0, 10, 0, 0, to]);
            frame.extend(vec![0; payload]);
        }
    }
    frame
}

fn tcpdump_is_here() -> bool {
    let here = Command::new("tcpdump").arg("--version").output().is_ok();
    let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
    assert!(here || !required, "tcpdump is not installed, and POPKIT_PEERS=require");
    if !here {
        writeln!(std::io::stderr(), "skipped: tcpdump is not installed").expect("standard error");
    }
    here
}

/// Which packets of a file tcpdump keeps: their timestamps, each of which is another.
fn kept_by_tcpdump(file: &Path, expression: &str) -> Vec<u64> {
    let output = Command::new("tcpdump").arg("-r").arg(file).args(["-w", "-", expression]).output();
    let output = output.expect("tcpdump runs");
    assert!(output.status.success(), "{expression}: {}", String::from_utf8_lossy(&output.stderr));
    timestamps(CaptureFile::new(std::io::Cursor::new(output.stdout)).expect("a capture"), |_, _| {
        true
    })
}

fn timestamps(
    mut file: CaptureFile<impl std::io::Read>,
    keep: impl Fn(&[u8], u32) -> bool,
) -> Vec<u64> {
    let mut kept = Vec::new();
    while let Some(frame) = file.next().expect("readable") {
        if keep(frame.bytes, frame.original_len) {
            kept.push(frame.timestamp_ns / 1_000);
        }
    }
    kept
}

fn compare(file: &Path, link: LinkType) {
    for expression in EXPRESSIONS {
        let filter = Filter::parse(expression).expect("in the language");
        let program = filter.compile(link, 65_535).expect("short");
        let ours = CaptureFile::open(file).expect("a capture");
        let ours = timestamps(ours, |bytes, len| program.accepted(bytes, len) > 0);
        assert_eq!(ours, kept_by_tcpdump(file, expression), "{expression}");
        // And the canonical text means the same.
        let again = Filter::parse(&filter.to_string()).expect("canonical text is in the language");
        assert_eq!(again, filter, "{expression}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn on_made_up_packets(frames in frames()) {
        if !tcpdump_is_here() {
            return Ok(());
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made-up.pcapng");
        let out = std::fs::File::create(&path).expect("room");
        let mut file = Writer::new(out, &Section::default()).expect("room");
        file.interface(&Interface::default()).expect("room");
        for (at, frame) in (1_u64..).zip(&frames) {
            let (at, len) = (at * 1_000_000, frame.len() as u32);
            file.packet(0, at, len, Direction::Unknown, frame, None).expect("room");
        }
        file.finish().expect("room");
        compare(&path, LinkType::Ethernet);
    }
}

#[test]
fn on_captures_of_others() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return;
    };
    if !tcpdump_is_here() {
        return;
    }
    let mut compared = 0;
    for entry in std::fs::read_dir(Path::new(&corpora).join("tls")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "pcap") || compared == 8 {
            continue;
        }
        let mut file = CaptureFile::open(&path).expect("a capture");
        let first = file.next().expect("readable").map(|frame| frame.link);
        if first == Some(LinkType::Ethernet) {
            compare(&path, LinkType::Ethernet);
            compared += 1;
        }
    }
    assert!(compared > 0, "no Ethernet capture among them");
}

#[cfg(all(feature = "afpacket", target_os = "linux"))]
#[test]
fn in_the_kernel() -> Result<(), Box<dyn std::error::Error>> {
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use ring_capture::Packet;
    use ring_capture::afpacket::{OpenError, PacketSocket, SocketConfig};

    let (wanted, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let (port, sender) = (wanted.local_addr()?.port(), UdpSocket::bind("127.0.0.1:0")?);
    let filter = Filter::parse(&format!("udp dst port {port}"))?;
    let config = SocketConfig::new("lo").incoming_only(true).buffer(4, 1 << 20).filter(filter);
    let mut socket = match PacketSocket::open(&config) {
        Err(OpenError::NotPermitted(_)) => {
            writeln!(std::io::stderr(), "skipped: no CAP_NET_RAW")?;
            return Ok(());
        }
        other => other?,
    };
    for _ in 0..5 {
        sender.send_to(b"not this", other.local_addr()?)?;
        sender.send_to(b"this", wanted.local_addr()?)?;
    }
    let (mut seen, deadline) = (0, Instant::now() + Duration::from_secs(10));
    while seen < 5 && Instant::now() < deadline {
        socket.poll(Duration::from_millis(100), |frame| {
            let packet = Packet::parse(frame.link, frame.bytes).expect("UDP");
            assert_eq!(&frame.bytes[packet.payload_at..], b"this");
            seen += 1;
        })?;
    }
    assert_eq!(seen, 5);
    assert_eq!(socket.stats()?.packets, 5, "the kernel kept the others to itself");
    Ok(())
}

proptest! {
    #[test]
    fn any_text_at_all(text in ".{0,80}", words in prop::collection::vec(0_usize..EXPRESSIONS.len(), 0..4)) {
        let _ = Filter::parse(&text);
        let glued: Vec<&str> = words.iter().map(|&i| EXPRESSIONS[i]).collect();
        let _ = Filter::parse(&format!("{}{text}", glued.join(" ")));
    }

    #[test]
    fn any_program_at_all(
        program in prop::collection::vec((any::<u16>(), any::<u8>(), any::<u8>(), 0_u32..70), 0..60),
        frame in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        use ring_capture::filter::{Instruction, run};
        let program: Vec<Instruction> =
            program.into_iter().map(|(code, jt, jf, k)| Instruction { code, jt, jf, k }).collect();
        let _ = run(&program, &frame, 1_500);
    }
}
