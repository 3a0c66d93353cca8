//! Reads pcap and pcapng files, as much as tests need.

/// A packet out of a file.
pub(crate) struct Packet {
    pub(crate) at_ns: u64,
    pub(crate) link: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) original_len: u32,
}

/// All packets of a capture file of either format.
pub(crate) fn packets(file: &[u8]) -> Vec<Packet> {
    match file[..4] {
        [0x0a, 0x0d, 0x0d, 0x0a] => pcapng(file),
        [0xd4, 0xc3, 0xb2, 0xa1] => pcap(file, 1000),
        [0x4d, 0x3c, 0xb2, 0xa1] => pcap(file, 1),
        _ => panic!("neither little-endian pcap nor pcapng"),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn pcap(file: &[u8], unit_ns: u64) -> Vec<Packet> {
    let link = u32_at(file, 20);
    let mut out = Vec::new();
    let mut at = 24;
    while at + 16 <= file.len() {
        let kept = u32_at(file, at + 8) as usize;
        let fraction = u64::from(u32_at(file, at + 4)) * unit_ns;
        out.push(Packet {
            at_ns: u64::from(u32_at(file, at)) * 1_000_000_000 + fraction,
            link,
            bytes: file[at + 16..at + 16 + kept].to_vec(),
            original_len: u32_at(file, at + 12),
        });
        at += 16 + kept;
    }
    out
}

/// Enhanced and simple packet blocks; the resolution option of an interface is honoured where it
/// is a power of ten.
fn pcapng(file: &[u8]) -> Vec<Packet> {
    let mut interfaces: Vec<(u32, u64)> = Vec::new();
    let mut out = Vec::new();
    let mut at = 0;
    while at + 12 <= file.len() {
        let length = u32_at(file, at + 4) as usize;
        let body = &file[at + 8..at + length - 4];
        match u32_at(file, at) {
            0x0a0d_0d0a => interfaces.clear(),
            1 => interfaces.push((u16_at(body, 0).into(), unit_ns(&body[8..]))),
            6 => {
                let (link, unit_ns) = interfaces[u32_at(body, 0) as usize];
                let high = u64::from(u32_at(body, 4)) << 32;
                let kept = u32_at(body, 12) as usize;
                out.push(Packet {
                    at_ns: (high | u64::from(u32_at(body, 8))) * unit_ns,
                    link,
                    bytes: body[20..20 + kept].to_vec(),
                    original_len: u32_at(body, 16),
                });
            }
            3 => {
                let original_len = u32_at(body, 0);
                let kept = (original_len as usize).min(body.len() - 4);
                let bytes = body[4..4 + kept].to_vec();
                out.push(Packet { at_ns: 0, link: interfaces[0].0, bytes, original_len });
            }
            _ => {}
        }
        at += length;
    }
    out
}

fn unit_ns(mut options: &[u8]) -> u64 {
    while options.len() >= 4 {
        let length = usize::from(u16_at(options, 2));
        if u16_at(options, 0) == 9 {
            return 10u64.pow(9 - u32::from(options[4]));
        }
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    1000
}
