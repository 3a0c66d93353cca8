//! Records and messages, from text to octets and back, without the code under test but for its reader of data.

use dns_core::name::read;
use dns_core::{Name, RecordType, Zone};

/// A record; its time only where a script says one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: Name,
    pub(crate) ttl: Option<u32>,
    pub(crate) rtype: RecordType,
    pub(crate) class: u16,
    /// Names written out, in lower case.
    pub(crate) data: Vec<u8>,
}

impl std::fmt::Debug for Record {
    /// Short, for a failing assertion.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Record { owner, ttl, rtype, data, .. } = self;
        write!(f, "{owner} {ttl:?} {rtype} {}", data.escape_ascii())
    }
}

/// `OWNER [TTL] [CLASS] TYPE DATA`, or a question without data; and the class.
pub(crate) fn record(line: &str, origin: &str, question: bool) -> (Record, u16) {
    let mut words = line.split_whitespace().peekable();
    let owner = words.next().expect("an owner");
    let owner = if owner.ends_with('.') { owner.to_owned() } else { format!("{owner}.{origin}") };
    let owner: Name = owner.parse().expect("a name");
    let (mut ttl, mut class) = (None, 1);
    while let Some(word) = words.peek() {
        match *word {
            "IN" => class = 1,
            "CH" => class = 3,
            "CLASS255" => class = 255,
            number if number.bytes().all(|octet| octet.is_ascii_digit()) => {
                ttl = Some(number.parse().expect("seconds"));
            }
            _ => break,
        }
        words.next();
    }
    let rtype = words.next().expect("a type");
    let data: Vec<&str> = words.collect();
    // The words of a string have one space between them in all scripts.
    let data = if question { Vec::new() } else { data_of(rtype, &data.join(" ")) };
    let rtype = rtype.parse().expect("a type");
    (Record { owner, ttl, rtype, class, data }, class)
}

fn data_of(rtype: &str, text: &str) -> Vec<u8> {
    let unknown =
        text.strip_prefix("\\# ").map(|unknown| unknown.split_once(' ').expect("a length").1);
    if let Some(hex) = unknown {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16);
        return digits.chunks(2).map(octet).collect::<Result<_, _>>().expect("octets");
    }
    let zone = if rtype == "SOA" {
        format!(". 0 SOA {text}\n. 0 NS .\n")
    } else {
        format!(". 0 SOA . . 1 1 1 1 1\n. 0 NS .\nx. 0 {rtype} {text}\n")
    };
    let zone = Zone::from_saved(&Name::root(), "a script", &zone)
        .unwrap_or_else(|error| panic!("{zone}: {error}"));
    let rtype: RecordType = rtype.parse().expect("a type");
    let mut records = zone.records().filter(|record| record.rtype == rtype);
    // Behind the apex, where both have the type.
    let found = if rtype == RecordType::NS { records.last() } else { records.next() };
    folded(rtype, found.expect("one record").rdata.to_vec())
}

/// The same with names in lower case.
fn folded(rtype: RecordType, data: Vec<u8>) -> Vec<u8> {
    match rtype {
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::SOA | RecordType::MX => {
            data.to_ascii_lowercase()
        }
        _ => data,
    }
}

/// A message taken apart.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) flags: u16,
    pub(crate) sections: [Vec<Record>; 3],
    /// DO, the upper bits of the response code, the options.
    pub(crate) edns: Option<(bool, u8, Vec<u8>)>,
}

impl Message {
    pub(crate) fn rcode(&self) -> u16 {
        let upper = self.edns.as_ref().map_or(0, |(_, upper, _)| *upper);
        u16::from(upper) << 4 | self.flags & 15
    }
}

pub(crate) fn parse(wire: &[u8]) -> Message {
    let u16_at = |at: usize| u16::from_be_bytes([wire[at], wire[at + 1]]);
    let mut at = 12;
    for _ in 0..u16_at(4) {
        at = read(wire, at).expect("a name").1 + 4;
    }
    let mut message = Message { flags: u16_at(2), sections: Default::default(), edns: None };
    for section in 0..3 {
        for _ in 0..u16_at(6 + 2 * section) {
            let (owner, fixed) = read(wire, at).expect("a name");
            let (rtype, class) = (RecordType(u16_at(fixed)), u16_at(fixed + 2));
            let ttl = u32::from(u16_at(fixed + 4)) << 16 | u32::from(u16_at(fixed + 6));
            let start = fixed + 10;
            at = start + usize::from(u16_at(fixed + 8));
            if rtype == RecordType::OPT {
                let (dnssec_ok, upper) = (ttl & 0x8000 != 0, (ttl >> 24) as u8);
                message.edns = Some((dnssec_ok, upper, wire[start..at].to_vec()));
                continue;
            }
            let data = folded(rtype, plain(wire, rtype, start, at));
            message.sections[section].push(Record { owner, ttl: Some(ttl), rtype, class, data });
        }
    }
    assert_eq!(at, wire.len(), "nothing is left over");
    message
}

/// Data with its names written out.
fn plain(wire: &[u8], rtype: RecordType, start: usize, end: usize) -> Vec<u8> {
    let (before, names) = match rtype {
        RecordType::NS | RecordType::CNAME | RecordType::PTR => (0, 1),
        RecordType::MX => (2, 1),
        RecordType::SOA => (0, 2),
        _ => return wire[start..end].to_vec(),
    };
    let (mut data, mut at) = (wire[start..start + before].to_vec(), start + before);
    for _ in 0..names {
        let (name, next) = read(wire, at).expect("a name");
        data.extend(name.as_wire());
        at = next;
    }
    data.extend(&wire[at..end]);
    data
}

/// A message of these parts, nothing compressed.
pub(crate) fn write(
    id: u16,
    flags: u16,
    question: &(Record, u16),
    sections: &[Vec<Record>; 3],
    edns: Option<(bool, &[u8])>,
) -> Vec<u8> {
    let mut wire = [id.to_be_bytes(), flags.to_be_bytes(), [0, 1]].concat();
    for (at, section) in sections.iter().enumerate() {
        let count = section.len() + usize::from(at == 2 && edns.is_some());
        wire.extend((count as u16).to_be_bytes());
    }
    let (asked, class) = question;
    wire.extend(asked.owner.as_wire());
    wire.extend([asked.rtype.0.to_be_bytes(), class.to_be_bytes()].concat());
    let (plain, with_tsig) = sections[2].split_at(
        sections[2].iter().position(|record| record.class == 255).unwrap_or(sections[2].len()),
    );
    let put = |wire: &mut Vec<u8>, record: &Record| {
        wire.extend(record.owner.as_wire());
        wire.extend([record.rtype.0.to_be_bytes(), record.class.to_be_bytes()].concat());
        wire.extend(record.ttl.unwrap_or(3_600).to_be_bytes());
        wire.extend((record.data.len() as u16).to_be_bytes());
        wire.extend(&record.data);
    };
    for record in sections[0].iter().chain(&sections[1]).chain(plain) {
        put(&mut wire, record);
    }
    if let Some((dnssec_ok, options)) = edns {
        wire.extend([0, 0, 41, 4, 208, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
        wire.extend((options.len() as u16).to_be_bytes());
        wire.extend(options);
    }
    for record in with_tsig {
        put(&mut wire, record);
    }
    wire
}
