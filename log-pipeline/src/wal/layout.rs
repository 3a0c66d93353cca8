//! The bytes of segments and records: `README.md` beside this file says what each is for.

use crc_fast::crc32_iscsi as crc32c;

/// What identifies a segment: the first bytes of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Counts the openings of the log; the segments of one opening share it.
    pub(crate) epoch: u64,
    /// Sequence number of the first record.
    pub(crate) base: u64,
    /// Mixed into every checksum, so that a payload cannot carry a record that passes for one.
    pub(crate) salt: u32,
}

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) length: u32,
    pub(crate) kind: u8,
    pub(crate) seq: u64,
    pub(crate) received_ns: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.base.to_le_bytes());
        let crc = crc32c(&bytes[..SEGMENT_HEADER - 4]);
        bytes[SEGMENT_HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when the bytes are no header of this format.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SEGMENT_HEADER)?;
        let known = bytes[..8] == MAGIC && u32_at(bytes, 8) == FORMAT_VERSION;
        let whole = u32_at(bytes, SEGMENT_HEADER - 4) == crc32c(&bytes[..SEGMENT_HEADER - 4]);
        let (epoch, base) = (u64_at(bytes, 16), u64_at(bytes, 24));
        let countable = epoch < MOST && base < MOST;
        (known && whole && countable).then(|| Self { salt: u32_at(bytes, 12), epoch, base })
    }
}

impl RecordHeader {
    /// Appends header, payload (in parts) and padding.
    pub(crate) fn encode(&self, salt: u32, payload: &[&[u8]], out: &mut Vec<u8>) {
        let start = out.len();
        let mut head = [0; RECORD_HEADER];
        head[4..8].copy_from_slice(&self.length.to_le_bytes());
        head[8..16].copy_from_slice(&self.seq.to_le_bytes());
        head[16..24].copy_from_slice(&self.received_ns.to_le_bytes());
        head[24] = self.kind;
        let check = crc32c(&head[4..RECORD_HEADER - 4]) ^ salt;
        head[RECORD_HEADER - 4..].copy_from_slice(&check.to_le_bytes());
        out.extend_from_slice(&head);
        for part in payload {
            out.extend_from_slice(part);
        }
        let crc = crc32c(&out[start + 4..]) ^ salt;
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        out.resize(start + record_length(self.length) as usize, 0);
    }

    /// `None` when the bytes are no record header of this salt.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let head = bytes.get(..RECORD_HEADER)?;
        let check = crc32c(&head[4..RECORD_HEADER - 4]) ^ salt;
        let good = u32_at(head, RECORD_HEADER - 4) == check && u64_at(head, 8) < MOST;
        good.then(|| Self {
            length: u32_at(head, 4),
            seq: u64_at(head, 8),
            received_ns: u64_at(head, 16),
            kind: head[24],
        })
    }

    /// Whether the record at the start of `bytes`, which is all there, is what was written.
    pub(crate) fn verify(&self, bytes: &[u8], salt: u32) -> bool {
        let end = RECORD_HEADER + self.length as usize;
        bytes.get(4..end).is_some_and(|covered| u32_at(bytes, 0) == crc32c(covered) ^ salt)
    }
}

/// Bytes a record takes with header and padding.
pub(crate) fn record_length(payload: u32) -> u64 {
    (RECORD_HEADER as u64 + u64::from(payload)).next_multiple_of(ALIGNMENT)
}

/// The file of the segment whose first record is `base`: names sort like numbers.
pub(crate) fn segment_name(base: u64) -> String {
    format!("{base:016x}.wal")
}

/// The inverse of [`segment_name`].
pub(crate) fn segment_base(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal")?;
    let base = (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?;
    base.filter(|base| *base < MOST)
}

/// The side file for bytes `from` of a segment that are not what was written.
pub(crate) fn quarantine_name(base: u64, from: u64) -> String {
    format!("{base:016x}-{from:016x}.bad")
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were sliced"))
}

pub(crate) const SEGMENT_HEADER: usize = 64;
pub(crate) const RECORD_HEADER: usize = 32;
/// Records begin at multiples of this, which bounds the search for the next one after damage.
pub(crate) const ALIGNMENT: u64 = 8;

/// Numbers of records and openings are below this, so that one can always be added.
pub(crate) const MOST: u64 = 1 << 62;

const MAGIC: [u8; 8] = *b"LOGPIPE\n";
const FORMAT_VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_is_castagnoli() {
        // RFC 3720 appendix B.4: 32 bytes of zero.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let header = RecordHeader { length: 5, kind: 1, seq: 7, received_ns: 9 };
        let mut bytes = Vec::new();
        header.encode(3, &[b"he", b"llo"], &mut bytes);
        assert_eq!(bytes.len() as u64, record_length(5));
        assert_eq!(RecordHeader::decode(&bytes, 3), Some(header));
        assert_eq!(RecordHeader::decode(&bytes, 4), None);
        assert!(header.verify(&bytes, 3));
        for bit in 0..(RECORD_HEADER + 5) * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let good = RecordHeader::decode(&bytes, 3).is_some_and(|head| head.verify(&bytes, 3));
            assert!(!good, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn segment_headers_and_names_come_back() {
        let header = SegmentHeader { epoch: 2, base: 0xabc, salt: 9 };
        assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
        assert_eq!(segment_base(&segment_name(0xabc)), Some(0xabc));
        assert_eq!(segment_base("x.wal"), None);
    }
}
