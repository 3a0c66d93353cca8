//! Reading capture files: formats by hand, what the writer writes, damage, real captures.

#![cfg(all(feature = "pcap", not(loom)))]

mod by_hand;
mod compressed;
mod corpora;
mod damaged;
mod formats;
mod round_trip;
mod seeds;

use ring_capture::file::{CaptureFile, Fault, OpenError, ReadError};
use ring_capture::{Direction, Frame, LinkType};

/// A frame that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    timestamp_ns: u64,
    original_len: u32,
    link: LinkType,
    interface: u16,
    direction: Direction,
    bytes: Vec<u8>,
    comment: Option<String>,
}

impl Owned {
    fn of(frame: &Frame<'_>, comment: Option<String>) -> Self {
        Self {
            timestamp_ns: frame.timestamp_ns,
            original_len: frame.original_len,
            link: frame.link,
            interface: frame.interface,
            direction: frame.direction,
            bytes: frame.bytes.to_vec(),
            comment,
        }
    }
}

/// Every packet of a file, and what ended it if that was not its end.
fn read(file: &[u8]) -> Result<(Vec<Owned>, Option<ReadError>), OpenError> {
    let mut file = CaptureFile::new(file)?;
    let mut packets = Vec::new();
    let end = loop {
        match file.next() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        let comment = file.comment().map(Into::into);
        packets.push(Owned::of(&file.frame().expect("just read"), comment));
    };
    assert!(matches!(file.next(), Ok(None)), "after the end there is nothing");
    assert!(file.frame().is_none());
    assert_eq!(file.packets_read(), packets.len() as u64);
    Ok((packets, end))
}

/// Every packet of a file that ends as it should.
fn read_whole(file: &[u8]) -> Vec<Owned> {
    match read(file) {
        Ok((packets, None)) => packets,
        other => panic!("{other:?}"),
    }
}

/// What is wrong with a file, and where.
fn fault(file: &[u8]) -> (u64, Fault) {
    match read(file) {
        Ok((_, Some(ReadError::Malformed { at_offset, fault })))
        | Err(OpenError::Header(ReadError::Malformed { at_offset, fault })) => (at_offset, fault),
        other => panic!("{other:?}"),
    }
}
